import type { Clock } from "../base/clock.ts";

/** Values that are remembered for a time each, at most `limit` of them: the one that was used longest ago goes first. */
export class ExpiringCache<T> {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #entries = new Map<string, { readonly value: T; readonly until: number }>();

  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    if (entry.until <= this.#clock.monotonic()) return undefined;
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** A time of 0 or less remembers nothing. */
  set(key: string, value: T, forMs: number): void {
    this.#entries.delete(key);
    if (forMs <= 0) return;
    if (this.#entries.size >= this.#limit) this.#entries.delete(this.#entries.keys().next().value!);
    this.#entries.set(key, { value, until: this.#clock.monotonic() + forMs });
  }
}
