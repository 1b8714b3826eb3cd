import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { silentLogger } from "../base/logger.ts";
import { systemMachine } from "../base/machine.ts";
import { memoryStore } from "../store/memory.ts";
import { connectStore } from "./store.ts";
import { restoreSnapshot, saveSnapshot, storeOperations } from "./store-operations.ts";
import { remoteStoreOperations, serveStoreOperations } from "./store-service.ts";

const machine = systemMachine({ keepAlive: true });
const effects = { ...machine, logger: silentLogger };
let directory: string;
const path = (name: string) => join(directory, name);
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "knarr-store-operations-"));
});
after(() => rm(directory, { recursive: true }));

async function filled() {
  const store = memoryStore();
  for (const name of ["a", "b", "c"])
    await store.compareAndSwap(`/registry/pods/default/${name}`, 0, Buffer.from(name));
  await store.compareAndSwap("/registry/masterleases/10.0.0.1", 0, Buffer.from("{}"));
  return store;
}

test("a store in another process is asked through its socket, and its snapshot becomes an embedded store", async () => {
  const store = await filled();
  const service = await serveStoreOperations(storeOperations(store, machine.clock), path("run/store.sock"), effects);
  assert.equal((await stat(path("run"))).mode & 0o777, 0o700);
  const remote = remoteStoreOperations(path("run/store.sock"), machine.network);
  assert.deepEqual(await remote.status(), { ...(await store.status()), entries: 4 });
  await remote.defragment();
  const summary = await saveSnapshot(remote, path("backup"), machine.files);
  assert.equal(summary.entries, 4);
  assert.equal((await stat(path("backup"))).mode & 0o777, 0o600);
  await service.stop();
  await assert.rejects(remote.status());

  const place = { directory: path("restored") };
  const first = await restoreSnapshot(path("backup"), place, { replace: false }, effects);
  assert.equal(first.aside, undefined);
  const restored = await connectStore(place, effects);
  assert.deepEqual(
    (await restored.list("")).entries.map(({ key, value }) => [key, Buffer.from(value).toString()]),
    ["a", "b", "c"].map((name) => [`/registry/pods/default/${name}`, name]),
  );
  await restored.close();
  await assert.rejects(restoreSnapshot(path("backup"), place, { replace: false }, effects), /--replace puts it aside/);
  const { aside } = await restoreSnapshot(path("backup"), place, { replace: true }, effects);
  assert.ok((await stat(aside!)).size > 0);
});

test("a snapshot that fails, or a damaged one, leaves nothing behind", async () => {
  const store = await filled();
  const failing = {
    ...storeOperations(store, machine.clock),
    async snapshot(write: (chunk: Buffer) => unknown) {
      await write(Buffer.from("{}"));
      throw new Error("the connection was lost");
    },
  };
  await assert.rejects(saveSnapshot(failing, path("lost"), machine.files), /connection was lost/);
  await saveSnapshot(storeOperations(store, machine.clock), path("whole"), machine.files);
  await writeFile(path("damaged"), (await readFile(path("whole"), "utf8")).replace("YQ==", "eQ=="));
  const place = { directory: path("empty") };
  await assert.rejects(restoreSnapshot(path("damaged"), place, { replace: false }, effects), /damaged/);
  assert.deepEqual(
    (await readdir(directory)).filter((name) => /lost|empty/.test(name)),
    [],
  );
});
