import type { Histogram } from "../../base/metrics.ts";

const NANOSECONDS_PER_MS = 1e6;

/**
 * A number as a fraction of a limit, observed at the end of every nanosecond: the histogram tells for how long the
 * fraction was within which bounds. Times are monotonic ms.
 */
export class TimingRatio {
  readonly #histogram: Histogram;
  #value = 0;
  #limit = 1;
  #since: number;

  constructor(histogram: Histogram, now: number) {
    this.#histogram = histogram;
    this.#since = now;
  }

  set(value: number, now: number): void {
    if (value === this.#value) return;
    this.flush(now);
    this.#value = value;
  }

  setLimit(limit: number, now: number): void {
    if (limit === this.#limit) return;
    this.flush(now);
    this.#limit = limit;
  }

  /** Counts the time up to `now`. */
  flush(now: number): void {
    const elapsed = now - this.#since;
    if (elapsed <= 0) return;
    this.#since = now;
    this.#histogram.observe(this.#value / this.#limit, Math.round(elapsed * NANOSECONDS_PER_MS));
  }
}
