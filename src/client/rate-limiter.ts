import type { Clock } from "../base/clock.ts";

/** Says how long a key has to wait before it is tried again. */
export interface RateLimiter<K> {
  /** The wait in ms; counts as one more failure of the key. */
  delay(key: K): number;
  forget(key: K): void;
  failures(key: K): number;
}

/** `baseMs` doubled with each failure of the same key, up to `maxMs`. */
export function exponentialPerItem<K>(baseMs: number, maxMs: number): RateLimiter<K> {
  const counts = new Map<K, number>();
  return {
    delay(key) {
      const count = counts.get(key) ?? 0;
      counts.set(key, count + 1);
      return Math.min(maxMs, baseMs * 2 ** count);
    },
    forget: (key) => void counts.delete(key),
    failures: (key) => counts.get(key) ?? 0,
  };
}

/** Always the same wait, for what is to be looked at at its own pace, whether that fails or not. */
export function fixedInterval<K>(intervalMs: number): RateLimiter<K> {
  return { delay: () => intervalMs, forget() {}, failures: () => 0 };
}

/** One bucket for all keys: `burst` at once, then `perSecond`. */
export function overallBucket<K>(clock: Clock, perSecond: number, burst: number): RateLimiter<K> {
  let tokens = burst;
  let filledAt = clock.monotonic();
  return {
    delay() {
      const now = clock.monotonic();
      tokens = Math.min(burst, tokens + ((now - filledAt) / 1000) * perSecond);
      filledAt = now;
      // Below zero are the reservations of those who wait already.
      tokens -= 1;
      return tokens >= 0 ? 0 : (-tokens / perSecond) * 1000;
    },
    forget() {},
    failures: () => 0,
  };
}

/** The longest of the waits that `limiters` ask for. */
export function longestOf<K>(...limiters: readonly RateLimiter<K>[]): RateLimiter<K> {
  return {
    delay: (key) => Math.max(...limiters.map((limiter) => limiter.delay(key))),
    forget(key) {
      for (const limiter of limiters) limiter.forget(key);
    },
    failures: (key) => Math.max(...limiters.map((limiter) => limiter.failures(key))),
  };
}

/** What client-go's controllers use: per key 5 ms to 1000 s, and 10 a second after a burst of 100 over all keys. */
export function controllerRateLimiter<K>(clock: Clock): RateLimiter<K> {
  return longestOf(exponentialPerItem<K>(5, 1_000_000), overallBucket<K>(clock, 10, 100));
}
