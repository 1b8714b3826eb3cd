/** What `npm pack` makes works where it is unpacked: one bundle, without the sources and without any npm package. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { must, root, run } from "./cluster.fixture.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "knarr-pack-"));
});
after(() => rm(directory, { recursive: true }));

test("npx runs the packed program", async () => {
  must(await run("npm", ["pack", "--pack-destination", directory], { cwd: root }), "npm pack");
  const [tarball] = await readdir(directory);
  const cache = { ...process.env, npm_config_cache: join(directory, "npm-cache") };
  const outcome = must(
    await run("npm", ["exec", "--yes", `--package=${join(directory, tarball!)}`, "--", "knarr", "--help"], {
      cwd: directory,
      env: cache,
    }),
    "npm exec",
  );
  assert.match(outcome.stdout, /Usage: knarr/);
  for (const command of ["up", "down", "status", "logs", "image", "kube-apiserver", "kubelet", "kube-proxy"]) {
    assert.match(outcome.stdout, new RegExp(`^ {2}${command}\\b`, "m"));
  }
});
