import type { Clock } from "../../base/clock.ts";

/**
 * Growing delays per key, as upstream's flowcontrol.Backoff: the first failure waits `initialMs`, each further one
 * twice as long up to `maxMs`; a key that was quiet for twice `maxMs` starts over.
 */
export interface Backoff {
  /** Until when (wall time in ms) the key must wait, counted from `since`; undefined where it need not at `now`. */
  waitUntil(key: string, since: number, now: number): { until: number; delayMs: number } | undefined;
  /** Notes another attempt at `now`, so that the next one waits longer; `since` is when the last one failed. */
  next(key: string, since: number): void;
  /** Forgets keys that start with `prefix`. */
  forget(prefix: string): void;
}

interface Entry {
  delayMs: number;
  updatedAt: number;
}

export const INITIAL_BACKOFF_MS = 10_000;
export const MAX_BACKOFF_MS = 300_000;

export function backoff(clock: Clock, initialMs = INITIAL_BACKOFF_MS, maxMs = MAX_BACKOFF_MS): Backoff {
  const entries = new Map<string, Entry>();
  const expired = (entry: Entry, since: number) => since - entry.updatedAt > 2 * maxMs;
  return {
    waitUntil(key, since, now) {
      const entry = entries.get(key);
      if (!entry || expired(entry, since)) return undefined;
      const until = since + entry.delayMs;
      return now < until ? { until, delayMs: entry.delayMs } : undefined;
    },
    next(key, since) {
      const entry = entries.get(key);
      const delayMs = !entry || expired(entry, since) ? initialMs : Math.min(entry.delayMs * 2, maxMs);
      entries.set(key, { delayMs, updatedAt: clock.now() });
    },
    forget(prefix) {
      for (const key of entries.keys()) if (key.startsWith(prefix)) entries.delete(key);
    },
  };
}
