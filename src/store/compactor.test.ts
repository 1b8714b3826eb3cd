import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../base/logger.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { compactor } from "./compactor.ts";
import { memoryStore } from "./memory.ts";
import { CompactedError } from "./store.ts";

const MINUTE = 60_000;

test("history of the last interval stays, what is older goes", async () => {
  const clock = virtualClock();
  const store = memoryStore();
  const running = compactor({ store, clock, logger: silentLogger });
  const write = async (key: string) => (await store.compareAndSwap(key, 0, new Uint8Array(1))).revision;
  const first = await write("/1");
  await clock.advance(5 * MINUTE);
  const second = await write("/2");
  assert.ok((await store.get("/1", first)).entry);
  await clock.advance(5 * MINUTE);
  assert.ok((await store.get("/1", first)).entry);
  await clock.advance(5 * MINUTE);
  await assert.rejects(store.get("/1", first), CompactedError);
  assert.ok((await store.get("/2", second)).entry);
  running.stop();
  assert.equal(clock.pending, 0);
});

test("a failed compaction is logged and tried again", async () => {
  const clock = virtualClock();
  const store = memoryStore();
  const warnings: string[] = [];
  let broken = true;
  const flaky = {
    ...store,
    compact: (revision: number) => (broken ? Promise.reject(new Error("no")) : store.compact(revision)),
  };
  const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
  compactor({ store: flaky, clock, logger, intervalMs: 1000 });
  const { revision } = await store.compareAndSwap("/1", 0, new Uint8Array(1));
  await store.compareAndSwap("/2", 0, new Uint8Array(1));
  await clock.advance(2000);
  assert.deepEqual(warnings, ["could not compact the store"]);
  assert.ok((await store.get("/1", revision)).entry);
  broken = false;
  await clock.advance(1000);
  await assert.rejects(store.get("/1", revision), CompactedError);
});
