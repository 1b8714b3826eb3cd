import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, realpath, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemFiles } from "../../base/files.ts";
import type { Mounter } from "./mounter.ts";
import { bindSubPath } from "./subpath.ts";

async function fixture(t: TestContext) {
  const root = await mkdtemp(join(tmpdir(), "knarr-subpath-"));
  t.after(() => rm(root, { recursive: true }));
  const volume = join(root, "volume");
  await mkdir(volume);
  /** What was bound where; the sources as they were then, since they are named by an open file. */
  const bound: [source: string, target: string][] = [];
  const mounter = {
    list: async () => bound.map(([, target]) => target),
    bind: async (source: string, target: string) => void bound.push([await realpath(source), target]),
  } as Partial<Mounter> as Mounter;
  const target = join(root, "targets", "0");
  const bind = (subPath: string) =>
    bindSubPath({ files: systemFiles, mounter, pid: process.pid }, volume, subPath, target);
  return { root, volume, target, bound, bind };
}

test("directories that are missing are made with the volume's mode", async (t) => {
  const { volume, target, bound, bind } = await fixture(t);
  await mkdir(join(volume, "there"), { mode: 0o700 });
  await chmod(volume, 0o3777);
  assert.equal(await bind("there/new/newer"), target);
  assert.deepEqual(bound, [[join(volume, "there/new/newer"), target]]);
  const mode = async (path: string) => (await stat(join(volume, path))).mode & 0o7777;
  assert.equal(await mode("there"), 0o700);
  assert.equal(await mode("there/new"), 0o3777);
  assert.equal(await mode("there/new/newer"), 0o3777);
});

test("a file is bound to a file, through links within the volume, and once only", async (t) => {
  const { volume, target, bound, bind } = await fixture(t);
  await mkdir(join(volume, "..1"));
  await writeFile(join(volume, "..1", "key"), "value");
  await symlink("..1", join(volume, "..data"));
  await symlink("..data/key", join(volume, "key"));
  await bind("key");
  await bind("key");
  assert.deepEqual(bound, [[join(volume, "..1", "key"), target]]);
  assert.ok((await stat(target)).isFile());
});

test("nothing outside the volume is bound", async (t) => {
  const { root, volume, bound, bind } = await fixture(t);
  await mkdir(join(root, "volume-of-another"));
  await symlink("../volume-of-another", join(volume, "out"));
  await assert.rejects(bind("out"), /not within volume path/);
  await assert.rejects(bind("out/below"), /not within volume path/);
  await assert.rejects(bind("../volume-of-another"), /must be relative/);
  await assert.rejects(bind(root), /must be relative/);
  assert.deepEqual(bound, []);
});
