import type { Clock, Timer } from "./clock.ts";

interface Pending {
  due: number;
  order: number;
  callback: () => void;
  periodMs?: number;
  /** Whether it is in the heap and has neither fired nor been cancelled. */
  waiting: boolean;
}

/** A clock that stands still until it is moved. Timers fire in order of their due time, then of their creation. */
export interface VirtualClock extends Clock {
  /**
   * Moves time forward by `ms`, firing each timer that falls due at exactly its time; between two timers everything that
   * the first one set going is run. Throws a RangeError for a negative or non-finite `ms`.
   */
  advance(ms: number): Promise<void>;
  /** How many timers are pending. */
  readonly pending: number;
  /** When the next timer is due, in wall time; undefined where none is pending. */
  readonly nextDue: number | undefined;
}

export interface VirtualClockOptions {
  /** Resolves when everything that can run at the present time has run. Default: after a few turns of the event loop. */
  quiescent?(): Promise<void>;
}

/** `start` is the wall time to begin with, in ms since the epoch; the default is 2026-01-01T00:00:00Z. */
export function virtualClock(start: number = Date.UTC(2026, 0, 1), options: VirtualClockOptions = {}): VirtualClock {
  const quiescent = options.quiescent ?? eventLoopTurns;
  const timers = new TimerHeap();
  let now = start;
  let order = 0;
  let moving = false;

  const add = (due: number, callback: () => void, periodMs?: number): Timer => {
    const pending: Pending = { due, order: order++, callback, waiting: true, ...(periodMs ? { periodMs } : {}) };
    timers.push(pending);
    return { cancel: () => timers.cancel(pending) };
  };

  return {
    now: () => now,
    monotonic: () => now - start,
    after: (delayMs, callback) => add(now + Math.max(0, delayMs), callback),
    every(periodMs, callback) {
      const period = Math.max(1, periodMs);
      return add(now + period, callback, period);
    },
    get pending() {
      return timers.size;
    },
    get nextDue() {
      return timers.first?.due;
    },
    async advance(ms) {
      if (!(ms >= 0 && Number.isFinite(ms))) throw new RangeError(`cannot move the clock by ${ms} ms`);
      if (moving) throw new Error("the clock is being moved already: wait for the first advance to end");
      moving = true;
      try {
        const target = now + ms;
        await quiescent();
        for (let timer = timers.first; timer && timer.due <= target; timer = timers.first) {
          timers.shift();
          now = timer.due;
          if (timer.periodMs !== undefined) {
            timer.due += timer.periodMs;
            timer.order = order++;
            timers.push(timer);
          }
          timer.callback();
          await quiescent();
        }
        now = target;
      } finally {
        moving = false;
      }
    },
  };
}

/** Lets everything that is already runnable run: promise jobs, and those that they queue through the event loop. */
async function eventLoopTurns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A binary heap by due time and order. Cancelled timers leave it when they come to the top. */
class TimerHeap {
  readonly #heap: Pending[] = [];
  #live = 0;

  get size(): number {
    return this.#live;
  }

  get first(): Pending | undefined {
    while (this.#heap[0]?.waiting === false) this.#removeTop();
    return this.#heap[0];
  }

  push(timer: Pending): void {
    timer.waiting = true;
    this.#live++;
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(timer, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = timer;
  }

  shift(): void {
    this.#heap[0]!.waiting = false;
    this.#live--;
    this.#removeTop();
  }

  cancel(timer: Pending): void {
    if (!timer.waiting) return;
    timer.waiting = false;
    this.#live--;
  }

  #removeTop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

const before = (a: Pending, b: Pending): boolean => a.due < b.due || (a.due === b.due && a.order < b.order);
