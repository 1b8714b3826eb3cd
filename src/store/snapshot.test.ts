import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../base/clock.ts";
import { silentLogger } from "../base/logger.ts";
import { seededRandom } from "../base/random.ts";
import { embeddedStore } from "./embedded/embedded-store.ts";
import { REVISION_LEAP, restoreInto } from "./embedded/restore.ts";
import { memoryStore } from "./memory.ts";
import { readSnapshot, SnapshotError, writeSnapshot } from "./snapshot.ts";
import { CompactedError, type Entry, type Store } from "./store.ts";

const TIME = "2026-01-01T00:00:00.000Z";
const put = async (store: Store, key: string, value: Uint8Array) => {
  const { entry } = await store.get(key);
  await store.compareAndSwap(key, entry?.modRevision ?? 0, value);
};

async function take(store: Store): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await writeSnapshot(store, TIME, (chunk) => void chunks.push(chunk));
  return Buffer.concat(chunks);
}
async function* pieces(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
async function read(bytes: Buffer, size = 1000) {
  const entries: Entry[] = [];
  const summary = await readSnapshot(pieces(bytes, size), (entry) => void entries.push(entry));
  return { entries, summary };
}

test("a snapshot is of one revision, whatever is written meanwhile", async () => {
  const store = memoryStore();
  for (let index = 0; index < 1200; index++) await put(store, `/k/${index}`, Buffer.from(`${index}`));
  const { entries, revision } = await store.list("");
  let chunks = 0;
  const all: Buffer[] = [];
  await writeSnapshot(store, TIME, async (chunk) => {
    all.push(chunk);
    await put(store, `/k/${chunks++}`, Buffer.from("later"));
    await put(store, `/new/${chunks}`, Buffer.from("later"));
  });
  assert.ok(chunks > 3);
  const back = await read(Buffer.concat(all));
  assert.deepEqual([back.summary.revision, back.summary.entries, back.summary.time], [revision, 1200, TIME]);
  assert.deepEqual(
    back.entries.map(({ key, modRevision, value }) => [key, modRevision, Buffer.from(value).toString()]),
    entries.map(({ key, modRevision, value }) => [key, modRevision, Buffer.from(value).toString()]),
  );
});

test("any bytes come back, however the file is cut into chunks", async () => {
  const store = memoryStore();
  const random = seededRandom(9);
  for (const size of [0, 1, 5000]) await put(store, `/é/${size}\n"`, random.bytes(size));
  const bytes = await take(store);
  for (const size of [1, 7, 100_000]) {
    const { entries } = await read(bytes, size);
    const expected = (await store.list("")).entries;
    assert.deepEqual(
      entries.map(({ key, value }) => [key, Buffer.from(value).toString("hex")]),
      expected.map(({ key, value }) => [key, Buffer.from(value).toString("hex")]),
    );
  }
});

test("what is damaged, cut off or something else is refused", async () => {
  const store = memoryStore();
  for (let index = 0; index < 5; index++) await put(store, `/k/${index}`, Buffer.from("x".repeat(100)));
  const bytes = await take(store);
  const lines = bytes.toString().split("\n");
  const flipped = Buffer.from(bytes);
  flipped[bytes.indexOf("eHh4") + 5]! ^= 1;
  for (const [bad, message] of [
    [flipped, /damaged/],
    [Buffer.from(lines.slice(0, -2).join("\n")), /cut off/],
    [Buffer.from([lines[0], ...lines.slice(2)].join("\n")), /damaged/],
    [bytes.subarray(0, bytes.length - 30), /damaged/],
    [Buffer.concat([bytes, Buffer.from("{}\n")]), /after the end/],
    [Buffer.from("hello\n"), /not a snapshot/],
    [Buffer.alloc(0), /not a snapshot/],
    [Buffer.from(bytes.toString().replace('"version":1', '"version":2')), /format 2/],
  ] as [Buffer, RegExp][]) {
    await assert.rejects(read(bad), (error) => error instanceof SnapshotError && message.test(error.message));
  }
});

test("an embedded store made from a snapshot keeps versions, and never gives out one that may have been given out before", async () => {
  const directory = await mkdtemp(join(tmpdir(), "knarr-snapshot-"));
  const path = join(directory, "state.db");
  try {
    const source = memoryStore();
    for (let index = 0; index < 300; index++) await put(source, `/k/${index % 100}`, Buffer.from(`${index}`));
    const bytes = await take(source);
    const before = await source.list("");
    const restoration = restoreInto(path);
    const { summary, entries } = await read(bytes);
    for (const entry of entries) restoration.add(entry);
    const revision = restoration.finish(summary.revision);
    restoration.close();
    assert.equal(revision, before.revision + REVISION_LEAP);

    const store = await embeddedStore({ path, clock: systemClock(), logger: silentLogger });
    const after = await store.list("");
    assert.deepEqual(
      after.entries.map(({ key, modRevision, createRevision }) => [key, modRevision, createRevision]),
      before.entries.map(({ key, modRevision, createRevision }) => [key, modRevision, createRevision]),
    );
    assert.equal(after.revision, revision);
    await assert.rejects(store.get("/k/1", before.revision), CompactedError);
    const known = after.entries[0]!;
    const { swapped, revision: next } = await store.compareAndSwap(known.key, known.modRevision, Buffer.from("new"));
    assert.deepEqual([swapped, next], [true, revision + 1]);
    await store.compact(next);
    assert.equal((await store.list("")).entries.length, 100);
    await store.close();
  } finally {
    await rm(directory, { recursive: true });
  }
});
