import type { Clock, Timer } from "./clock.ts";

interface Pending {
  due: number;
  order: number;
  callback: () => void;
  periodMs?: number;
}

/** A clock that stands still until it is moved. Timers fire in order of their due time, then of their creation. */
export interface VirtualClock extends Clock {
  /**
   * Moves time forward by `ms`, firing each timer that falls due at exactly its time; between two timers the promise
   * jobs that the first one caused are run. Throws a RangeError for a negative or non-finite `ms`.
   */
  advance(ms: number): Promise<void>;
  /** How many timers are pending. */
  readonly pending: number;
}

/** `start` is the wall time to begin with, in ms since the epoch; the default is 2026-01-01T00:00:00Z. */
export function virtualClock(start: number = Date.UTC(2026, 0, 1)): VirtualClock {
  let now = start;
  let order = 0;
  const timers = new Set<Pending>();

  const add = (pending: Pending): Timer => {
    timers.add(pending);
    return { cancel: () => void timers.delete(pending) };
  };
  const earliest = (limit: number): Pending | undefined => {
    let first: Pending | undefined;
    for (const timer of timers) {
      if (timer.due > limit) continue;
      if (!first || timer.due < first.due || (timer.due === first.due && timer.order < first.order)) first = timer;
    }
    return first;
  };

  return {
    now: () => now,
    monotonic: () => now - start,
    after: (delayMs, callback) => add({ due: now + Math.max(0, delayMs), order: order++, callback }),
    every: (periodMs, callback) => {
      const period = Math.max(1, periodMs);
      return add({ due: now + period, order: order++, callback, periodMs: period });
    },
    get pending() {
      return timers.size;
    },
    async advance(ms) {
      if (!(ms >= 0 && Number.isFinite(ms))) throw new RangeError(`cannot move the clock by ${ms} ms`);
      const target = now + ms;
      await settle();
      for (let timer = earliest(target); timer; timer = earliest(target)) {
        now = timer.due;
        if (timer.periodMs === undefined) timers.delete(timer);
        else {
          timer.due += timer.periodMs;
          timer.order = order++;
        }
        timer.callback();
        await settle();
      }
      now = target;
    },
  };
}

/** Lets everything that is already runnable run: promise jobs, and those that they queue through the event loop. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
