import type { Clock } from "../../base/clock.ts";

interface Waiter {
  revision: number;
  resolve(reached: boolean): void;
  reject(error: Error): void;
}

/** The revision up to which the store's changes have been taken in, and those who wait for a later one. */
export class Progress {
  private readonly clock: Clock;
  private readonly waiters = new Set<Waiter>();
  private newest = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get revision(): number {
    return this.newest;
  }

  /** Never goes back. */
  advance(revision: number): void {
    if (revision <= this.newest) return;
    this.newest = revision;
    for (const waiter of this.waiters) if (waiter.revision <= revision) waiter.resolve(true);
  }

  /** Whether `revision` was reached within `withinMs`. */
  async reach(revision: number, withinMs: number): Promise<boolean> {
    if (revision <= this.newest) return true;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const waiter: Waiter = { revision, resolve, reject };
    this.waiters.add(waiter);
    const timer = this.clock.after(withinMs, () => resolve(false));
    try {
      return await promise;
    } finally {
      timer.cancel();
      this.waiters.delete(waiter);
    }
  }

  /** Ends all waiting. */
  fail(error: Error): void {
    for (const waiter of this.waiters) waiter.reject(error);
  }
}
