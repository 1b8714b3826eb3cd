import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { silentLogger } from "../../base/logger.ts";
import { type Store, StoreUnavailableError } from "../store.ts";
import { embeddedStore } from "./embedded-store.ts";

const directory = mkdtempSync(join(tmpdir(), "knarr-store-"));
const mounted: string[] = [];
after(() => {
  for (const place of mounted) execFileSync("umount", [place]);
  rmSync(directory, { recursive: true });
});
const open = (path: string, logger = silentLogger) => embeddedStore({ path, clock: systemClock(), logger });
const unavailable = (pattern: RegExp) => (error: unknown) =>
  error instanceof StoreUnavailableError && pattern.test(error.message);
const fill = async (store: Store, key: string, size: number) =>
  store.compareAndSwap(key, 0, new Uint8Array(size).fill(120));

/** Mounts a disk of its own; undefined where this is not allowed. */
function disk(name: string, options: string): string | undefined {
  const place = mkdtempSync(join(directory, name));
  const result = spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", place]);
  if (result.status !== 0) return undefined;
  mounted.push(place);
  return place;
}

test("what was written is there after a restart, with its revisions", async () => {
  const path = join(directory, "restart.db");
  let store = await open(path);
  await fill(store, "/a", 10);
  const { revision } = await fill(store, "/b", 10);
  const gone = await store.compareAndSwap("/b", revision, null);
  await store.compact(gone.revision);
  await store.close();
  assert.deepEqual(readdirSync(directory), ["restart.db"]);
  assert.equal(statSync(path).mode & 0o777, 0o600);

  store = await open(path);
  assert.equal(await store.revision(), gone.revision);
  assert.equal((await store.list("/")).count, 1);
  assert.equal((await fill(store, "/c", 1)).revision, gone.revision + 1);
  await assert.rejects(store.get("/a", gone.revision - 1), /compacted/);
  await store.close();
});

test("a second store on the file is refused, and told who has it", async () => {
  const path = join(directory, "locked.db");
  const store = await open(path);
  await assert.rejects(open(path), unavailable(new RegExp(`in use by process ${process.pid}$`)));
  const script = `
    import { embeddedStore } from ${JSON.stringify(new URL("./embedded-store.ts", import.meta.url).href)};
    import { systemClock } from ${JSON.stringify(new URL("../../base/clock.ts", import.meta.url).href)};
    import { silentLogger } from ${JSON.stringify(new URL("../../base/logger.ts", import.meta.url).href)};
    await embeddedStore({ path: ${JSON.stringify(path)}, clock: systemClock(), logger: silentLogger })
      .catch((error) => console.log(error.message));`;
  const other = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  assert.equal(other.stdout, `the store ${path} is in use by process ${process.pid}\n`);
  await fill(store, "/still/works", 1);
  await store.close();
  await (await open(path)).close();
});

test("a file that is no store, a newer store, and a missing directory are refused clearly", async () => {
  const garbage = join(directory, "garbage.db");
  writeFileSync(garbage, "not a database at all, however long one looks at it. ".repeat(500));
  await assert.rejects(open(garbage), unavailable(/cannot be used: the file is damaged or is not a database/));

  const foreign = join(directory, "foreign.db");
  const database = new DatabaseSync(foreign);
  database.exec("CREATE TABLE t (a); PRAGMA application_id = 77");
  database.close();
  await assert.rejects(open(foreign), unavailable(/a database of another program/));

  const newer = join(directory, "newer.db");
  await (await open(newer)).close();
  const upgraded = new DatabaseSync(newer);
  upgraded.exec("PRAGMA user_version = 99");
  upgraded.close();
  await assert.rejects(open(newer), unavailable(/it has format 99/));

  await assert.rejects(open(join(directory, "none", "store.db")), unavailable(/cannot be opened: ENOENT/));
});

test("a damaged file is named as such", async () => {
  const path = join(directory, "damaged.db");
  let store = await open(path);
  for (let i = 0; i < 50; i++) await fill(store, `/k/${i}`, 2000);
  await store.close();
  const content = readFileSync(path);
  content.fill(0xab, 4096 * 2); // leaves the header and the schema
  writeFileSync(path, content);
  const attempt = (async () => {
    store = await open(path);
    try {
      await store.list("/");
    } finally {
      await store.close();
    }
  })();
  await assert.rejects(attempt, unavailable(/is damaged: database disk image is malformed/));
});

test("on a full disk writes fail with the cause, reads go on, and writes come back", async (t) => {
  const place = disk("full", "size=1m");
  if (!place) return t.skip("mounting is not allowed here");
  const path = join(place, "store.db");
  const logged: string[] = [];
  const note = (message: string) => void logged.push(message);
  let store = await open(path, { ...silentLogger, error: note, info: note });
  const kept: string[] = [];
  const failure = await (async () => {
    for (let i = 0; ; i++) {
      try {
        await fill(store, `/k/${i}`, 20_000);
      } catch (error) {
        return error;
      }
      kept.push(`/k/${i}`);
    }
  })();
  assert.ok(unavailable(/takes no writes: the disk is full$/)(failure), String(failure));
  assert.ok(kept.length > 5);
  const revision = await store.revision();
  await assert.rejects(fill(store, "/k/more", 200_000), unavailable(/disk is full/));
  assert.equal((await store.list("/k/")).count, kept.length);
  assert.ok((await store.get("/k/3")).entry);
  assert.equal(await store.revision(), revision);
  assert.deepEqual(logged, ["the store refused a write"]);

  execFileSync("mount", ["-o", "remount,size=8m", place]);
  assert.equal((await fill(store, "/k/more", 200_000)).revision, revision + 1);
  assert.deepEqual(logged, ["the store refused a write", "the store takes writes again"]);

  // Full to the last byte, it can still be opened and read.
  await store.close();
  writeFileSync(join(place, "ballast"), "");
  spawnSync("dd", ["if=/dev/zero", `of=${join(place, "ballast")}`, "bs=4096"]);
  store = await open(path);
  assert.equal((await store.list("/k/")).count, kept.length + 1);
  await assert.rejects(fill(store, "/k/last", 20_000), unavailable(/disk is full/));
  rmSync(join(place, "ballast"));
  await fill(store, "/k/last", 20_000);
  await store.close();
});

test("a read-only disk is named as such", async (t) => {
  const place = disk("readonly", "size=1m");
  if (!place) return t.skip("mounting is not allowed here");
  const path = join(place, "store.db");
  await (await open(path)).close();
  chmodSync(path, 0o600);
  execFileSync("mount", ["-o", "remount,ro", place]);
  await assert.rejects(open(path), unavailable(/read-only/));
});
