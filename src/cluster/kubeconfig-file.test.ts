import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parse } from "yaml";
import { systemFiles } from "../base/files.ts";
import { mergeKubeconfig, removeFromKubeconfig } from "./kubeconfig-file.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "knarr-kubeconfig-"));
});
after(() => rm(directory, { recursive: true }));

const entry = (name: string) => ({
  name,
  server: "https://127.0.0.1:6443",
  authority: "CA",
  certificate: "CERT",
  key: "KEY",
});

test("contexts are merged, made current, replaced and removed; the rest of the file stays", async () => {
  const path = join(directory, "sub/config");
  await mergeKubeconfig(systemFiles, path, entry("knarr-a"));
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await writeFile(path, `# mine\n${await readFile(path, "utf8")}`);
  await mergeKubeconfig(systemFiles, path, entry("knarr-b"));
  await mergeKubeconfig(systemFiles, path, { ...entry("knarr-b"), server: "https://127.0.0.1:7443" });
  const text = await readFile(path, "utf8");
  const merged = parse(text);
  assert.match(text, /^# mine/);
  assert.equal(merged["current-context"], "knarr-b");
  assert.deepEqual(
    merged.clusters.map((cluster: { name: string }) => cluster.name),
    ["knarr-a", "knarr-b"],
  );
  assert.equal(merged.clusters[1].cluster.server, "https://127.0.0.1:7443");
  await removeFromKubeconfig(systemFiles, path, "knarr-b");
  const removed = parse(await readFile(path, "utf8"));
  assert.deepEqual(
    removed.contexts.map((context: { name: string }) => context.name),
    ["knarr-a"],
  );
  assert.equal(removed["current-context"], "");
});

test("a file that is no kubeconfig, or is locked, is left alone", async () => {
  const path = join(directory, "list");
  await writeFile(path, "- a\n");
  await assert.rejects(mergeKubeconfig(systemFiles, path, entry("knarr-a")), /is not a kubeconfig/);
  await writeFile(`${path}.lock`, "");
  await assert.rejects(mergeKubeconfig(systemFiles, path, entry("knarr-a")), /is locked/);
  assert.equal(await readFile(path, "utf8"), "- a\n");
});
