import type { KubeObject } from "../api/object.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { ResourceCache } from "./watch-cache/watch-cache.ts";

/** How often objects that have had their time are looked for. */
const SWEEP_PERIOD_MS = 60_000;

/** Removals at once, so that a sweep does not hold up other writes. */
const BATCH = 32;

/**
 * Removes objects that were not written for `timeToLiveMs` (Events), as etcd's leases do for upstream. The time of an
 * object's last write is remembered from the sweep that first saw it in that version; at first it is read from the object.
 */
export function expireObjects(options: {
  cache: () => ResourceCache;
  timeToLiveMs: number;
  clock: Clock;
  logger: Logger;
}): { stop(): void } {
  const { cache, timeToLiveMs, clock, logger } = options;
  let seen = new Map<string, { revision: number; writtenAt: number }>();
  let running = false;
  const sweep = async () => {
    const now = clock.now();
    const { items } = await cache().list({ resourceVersion: 0 });
    const next: typeof seen = new Map();
    const expired = items.filter((item) => {
      const known = seen.get(item.key);
      const writtenAt = known?.revision === item.revision ? known.writtenAt : lastWrite(item.object, now);
      if (now - writtenAt >= timeToLiveMs) return true;
      next.set(item.key, { revision: item.revision, writtenAt });
      return false;
    });
    seen = next;
    for (let at = 0; at < expired.length; at += BATCH) {
      // One that was written meanwhile stays.
      await Promise.all(
        expired.slice(at, at + BATCH).map(({ key, revision }) => cache().compareAndSwap(key, revision, null)),
      );
    }
  };
  const timer = clock.every(SWEEP_PERIOD_MS, () => {
    if (running) return;
    running = true;
    sweep()
      .catch((error) => logger.warn("removing expired objects failed", { error }))
      .finally(() => {
        running = false;
      });
  });
  return { stop: () => timer.cancel() };
}

/** The newest time that the object itself tells of a write. */
function lastWrite({ metadata }: KubeObject, fallback: number): number {
  const times = [metadata?.creationTimestamp, ...(metadata?.managedFields ?? []).map(({ time }) => time)];
  const newest = Math.max(...times.map((time) => (time ? Date.parse(time) : Number.NaN)).filter(Number.isFinite));
  return Number.isFinite(newest) ? newest : fallback;
}
