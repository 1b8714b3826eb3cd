/** Every command of the README's tour, as it stands there, in one shell. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { root, run, skip } from "./cluster.fixture.ts";

let home: string;
const environment = () => ({ ...process.env, HOME: home, KUBECONFIG: "" });

before(async () => {
  home = await mkdtemp(join(tmpdir(), "knarr-readme-"));
});
after(async () => {
  if (!skip) await run(join(root, "knarr"), ["down", "--purge"], { env: environment() });
  await rm(home, { recursive: true });
});

test("the tour works, line by line", { skip }, async (context) => {
  if ((await run(join(root, "knarr"), ["status"], { env: environment() })).code !== 1) {
    return context.skip("a cluster named default exists on this machine; the tour would take it over");
  }
  const readme = await readFile(join(root, "README.md"), "utf8");
  const tour = /## A short tour\n\n```sh\n([\s\S]*?)```/.exec(readme)![1]!;
  const script = `set -eu\n${tour.replace("./knarr down", "kubectl rollout status deployment/hello\n./knarr down")}`;
  const result = await run("sh", ["-c", script], { env: environment(), cwd: root });
  assert.equal(result.code, 0, `${result.stdout}\n${result.stderr}`);
  assert.match(result.stdout, / Ready +/);
  assert.match(result.stdout, /deployment "hello" successfully rolled out/);
  assert.match(result.stdout, /Hello from hello-/);
  assert.match(result.stdout, /kube-apiserver +\d+ +Ready/);
});
