/** Concurrent histories of each store that needs nothing but this process, checked for linearizability. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { embeddedStore } from "../../src/store/embedded/embedded-store.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { record, violations } from "./histories.ts";

const WORKLOAD = { clients: 8, operations: 150, keys: 4 };

test("the memory store is linearizable", async () => {
  for (let seed = 1; seed <= 3; seed++) {
    assert.deepEqual(violations(await record(memoryStore(), { ...WORKLOAD, seed })), []);
  }
});

test("the embedded store is linearizable", async () => {
  const directory = await mkdtemp(join(tmpdir(), "knarr-histories-"));
  const store = await embeddedStore({ path: join(directory, "store.db"), clock: systemClock(), logger: silentLogger });
  try {
    const histories = await record(store, { ...WORKLOAD, seed: 4 });
    assert.ok([...histories.values()].flat().some(({ output }) => output?.kind === "refused"));
    assert.deepEqual(violations(histories), []);
  } finally {
    await store.close();
    await rm(directory, { recursive: true });
  }
});

test("a store that reads from the past, or forgets a write, is found out", async () => {
  const stale = (inner: Store): Store => {
    let previous: Awaited<ReturnType<Store["get"]>> | undefined;
    return {
      ...inner,
      async get(key) {
        const now = await inner.get(key);
        const answer = previous?.entry?.key === key ? previous : now;
        previous = now;
        return answer;
      },
    };
  };
  const forgetful = (inner: Store): Store => {
    let writes = 0;
    return {
      ...inner,
      async compareAndSwap(key, expected, value) {
        const result = await inner.compareAndSwap(key, expected, value);
        if (result.swapped && result.entry && ++writes % 20 === 0) {
          await inner.compareAndSwap(key, result.entry.modRevision, null);
        }
        return result;
      },
    };
  };
  for (const broken of [stale, forgetful]) {
    assert.notDeepEqual(violations(await record(broken(memoryStore()), { ...WORKLOAD, seed: 5 })), [], broken.name);
  }
});
