import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnknownObject } from "../api/object.ts";
import { configMaps } from "../api/resource-types.ts";
import { serviceUnavailable } from "../api/status-error.ts";
import { silentLogger } from "../base/logger.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { cacheLookup } from "./lookup.ts";
import type { ResourceCache, WatchEvent, Watcher } from "./watch-cache/watch-cache.ts";

const change = (type: "ADDED" | "MODIFIED" | "DELETED", key: string, value = "") =>
  ({ type, object: { key, object: { metadata: { name: key }, value } } }) as unknown as WatchEvent;
const end: WatchEvent = { type: "BOOKMARK", revision: 1, initialEventsEnd: true };

/** A cache whose watches replay prepared batches, one list of batches per watch; the last stays open. */
function scriptedCache(watches: WatchEvent[][][]) {
  let opened = 0;
  const cache = {
    prefix: "",
    watch: async ({ signal }: { signal: AbortSignal }): Promise<Watcher> => {
      const batches = watches[opened++];
      return {
        close() {},
        async *[Symbol.asyncIterator]() {
          for (const batch of batches ?? []) yield batch;
          if (opened >= watches.length) {
            await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
          }
        },
      };
    },
  };
  return cache as unknown as ResourceCache;
}

test("following survives broken watches and reports what was missed", async () => {
  const clock = virtualClock();
  const cache = scriptedCache([
    [[change("ADDED", "a"), change("ADDED", "b")], [end], [change("MODIFIED", "a", "2"), change("DELETED", "b")]],
    [[{ type: "ERROR", error: serviceUnavailable("away") }]],
    [[change("ADDED", "c")], [end]],
  ]);
  const lookup = cacheLookup({ cacheOf: () => cache, clock, logger: silentLogger });
  const log: string[] = [];
  const seen = Promise.withResolvers<void>();
  const following = await lookup.follow(configMaps, {
    put: (object, key) => log.push(`put ${key} ${(object as UnknownObject).value}`),
    remove: (key) => {
      log.push(`remove ${key}`);
      if (key === "a") seen.resolve();
    },
  });
  assert.deepEqual(log.slice(0, 2), ["put a ", "put b "]);
  while (clock.pending === 0) await new Promise(setImmediate);
  await clock.advance(200);
  await seen.promise;
  assert.deepEqual(log, ["put a ", "put b ", "put a 2", "remove b", "put c ", "remove a"]);
  following.stop();
});
