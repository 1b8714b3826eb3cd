import type { Clock, Timer } from "../../base/clock.ts";

/** How often a watcher that asked for it learns how far the cache is; as upstream. */
export const BOOKMARK_MS = 60_000;
/** Watches take turns: a tick is for one of so many groups. */
const GROUPS = 6;

/** Calls each of many watches once a minute, by one timer for all: timers of their own would wake the process for each. */
export class BookmarkTicker {
  readonly #clock: Clock;
  readonly #groups: readonly Set<() => void>[] = Array.from({ length: GROUPS }, () => new Set());
  #timer: Timer | undefined;
  #tick = 0;
  #size = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `callback` every BOOKMARK_MS, first after that or a little earlier, until the timer returned is cancelled. */
  add(callback: () => void): Timer {
    this.#timer ??= this.#clock.every(BOOKMARK_MS / GROUPS, () => this.#next());
    const group = this.#groups[this.#tick % GROUPS]!;
    group.add(callback);
    this.#size++;
    return {
      cancel: () => {
        if (!group.delete(callback) || --this.#size > 0) return;
        this.#timer?.cancel();
        this.#timer = undefined;
      },
    };
  }

  #next(): void {
    this.#tick++;
    for (const callback of [...this.#groups[this.#tick % GROUPS]!]) callback();
  }
}
