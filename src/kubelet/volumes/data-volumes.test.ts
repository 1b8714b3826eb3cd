import assert from "node:assert/strict";
import { lstat, mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Pod, Volume } from "../../api/types/core.v1.ts";
import { systemFiles } from "../../base/files.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import { type Payload, writePayload } from "./atomic-writer.ts";
import { dataVolumePlugins } from "./data-volumes.ts";

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "knarr-volume-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}
const payload = (files: Record<string, string>, mode = 0o644): Payload =>
  new Map(Object.entries(files).map(([path, text]) => [path, { data: Buffer.from(text), mode }]));

test("all files change at once, by the swap of one link", async (t) => {
  const path = await directory(t);
  let sequence = 0;
  const write = (files: Record<string, string>) =>
    writePayload(systemFiles, path, payload(files), { now: 0, sequence: ++sequence });
  assert.equal(await write({ a: "1", "sub/b": "2" }), true);
  assert.deepEqual((await readdir(path)).sort(), ["..1970_01_01_00_00_00.000000001", "..data", "a", "sub"]);
  assert.equal(await readlink(join(path, "a")), "..data/a");
  assert.equal(await readFile(join(path, "sub/b"), "utf8"), "2");

  assert.equal(await write({ a: "1", "sub/b": "2" }), false, "nothing to do");
  assert.equal(await write({ a: "new", c: "3" }), true);
  assert.deepEqual((await readdir(path)).sort(), ["..1970_01_01_00_00_00.000000003", "..data", "a", "c"]);
  assert.equal(await readFile(join(path, "a"), "utf8"), "new");
  assert.equal(await write({}), true);
  assert.deepEqual(
    (await readdir(path)).filter((name) => !name.startsWith("..")),
    [],
  );
  await assert.rejects(write({ "../escape": "x" }), /invalid path/);
});

test("modes are as asked for, whatever the umask", async (t) => {
  const path = await directory(t);
  const old = process.umask(0o077);
  t.after(() => process.umask(old));
  await writePayload(systemFiles, path, payload({ a: "1" }, 0o440), { now: 0, sequence: 1 });
  assert.equal((await lstat(join(path, "..data/a"))).mode & 0o777, 0o440);
  // A change of the mode alone is a change.
  assert.equal(await writePayload(systemFiles, path, payload({ a: "1" }, 0o400), { now: 0, sequence: 2 }), true);
});

test("volumes of API data", async (t) => {
  const root = await directory(t);
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const plugins = dataVolumePlugins({
    files: systemFiles,
    clock: virtualClock(),
    sources: {
      configMap: async (_, name) =>
        name === "c" ? { data: { k: "v", l: "w" }, binaryData: { bin: base64("\x00") } } : undefined,
      secret: async (_, name) => (name === "s" ? { data: { k: base64("secret") } } : undefined),
      token: async () => "token",
      facts: () => ({ hostIps: [], podIps: ["10.0.0.1"], allocatable: {} }),
    },
  });
  let sequence = 0;
  const setUp = async (volume: Omit<Volume, "name">, pod: Partial<Pod> = {}) => {
    const full = { name: "v", ...volume };
    const plugin = plugins.find((one) => one.supports(full))!;
    const path = join(root, String(++sequence));
    const subject = { metadata: { name: "p", labels: { a: "b" } }, spec: { containers: [] }, ...pod };
    const mounted = await plugin.setUp({ pod: subject, volume: full, directory: path });
    assert.equal(mounted.readOnly, true);
    const names = (await readdir(path)).filter((name) => !name.startsWith("..")).sort();
    return Promise.all(names.map(async (name) => `${name}=${await readFile(join(path, name), "utf8")}`));
  };
  assert.deepEqual(await setUp({ configMap: { name: "c" } }), ["bin=\x00", "k=v", "l=w"]);
  assert.deepEqual(await setUp({ configMap: { name: "c", items: [{ key: "k", path: "renamed" }] } }), ["renamed=v"]);
  assert.deepEqual(await setUp({ secret: { secretName: "s" } }), ["k=secret"]);
  assert.deepEqual(await setUp({ configMap: { name: "none", optional: true } }), []);
  await assert.rejects(setUp({ configMap: { name: "none" } }), { message: 'configmap "none" not found' });
  await assert.rejects(setUp({ secret: { secretName: "none" } }), { message: 'secret "none" not found' });
  await assert.rejects(setUp({ configMap: { name: "c", items: [{ key: "x", path: "x" }] } }), {
    message: "configmap references non-existent config key: x",
  });
  const sources = [
    { serviceAccountToken: { path: "token" } },
    { configMap: { name: "c", items: [{ key: "k", path: "k" }] } },
    { downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] } },
    { secret: { name: "s" } },
  ];
  assert.deepEqual(await setUp({ projected: { sources } }), ['labels=a="b"', "k=secret", "token=token"].sort());
  const bundle = { projected: { sources: [{ clusterTrustBundle: { path: "ca.crt" } }] } };
  await assert.rejects(setUp(bundle), /projected volume source "clusterTrustBundle" is not supported/);
});
