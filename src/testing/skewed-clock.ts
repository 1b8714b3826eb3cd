import type { Clock } from "../base/clock.ts";

/** A clock whose wall time is off; durations and timers are those of the clock below. */
export interface SkewedClock extends Clock {
  /** How far ahead the wall time is, in ms; negative: behind. */
  skewMs: number;
}

export function skewedClock(clock: Clock): SkewedClock {
  return {
    skewMs: 0,
    now() {
      return clock.now() + this.skewMs;
    },
    monotonic: () => clock.monotonic(),
    after: (delayMs, callback) => clock.after(delayMs, callback),
    every: (periodMs, callback) => clock.every(periodMs, callback),
  };
}
