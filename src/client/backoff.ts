import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";

export interface BackoffOptions {
  clock: Clock;
  random: Random;
  /** The wait after the first failure. Default: `initialMs`. */
  firstMs?: number;
  initialMs: number;
  maxMs: number;
  /** Default 2. */
  factor?: number;
  /** Up to this share of the wait is added at random. Default 1. */
  jitter?: number;
  /** After so long without a failure the waits start over. */
  resetAfterMs: number;
}

/** Waits that grow with each failure and start over after a quiet time. */
export interface Backoff {
  /** How long to wait now, in ms; counts as a failure. */
  next(): number;
  reset(): void;
}

export function backoff(options: BackoffOptions): Backoff {
  const { clock, random, initialMs, maxMs, resetAfterMs, firstMs, factor = 2, jitter = 1 } = options;
  let failures = 0;
  let lastFailure = Number.NEGATIVE_INFINITY;
  return {
    next() {
      const now = clock.monotonic();
      if (now - lastFailure > resetAfterMs) failures = 0;
      lastFailure = now;
      const step = firstMs === undefined ? failures : failures - 1;
      failures++;
      const base = step < 0 ? firstMs! : Math.min(maxMs, initialMs * factor ** step);
      return base + base * jitter * random.next();
    },
    reset() {
      failures = 0;
    },
  };
}
