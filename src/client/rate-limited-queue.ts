import type { Clock, Timer } from "../base/clock.ts";
import { controllerRateLimiter, type RateLimiter } from "./rate-limiter.ts";
import type { WorkQueue } from "./work-queue.ts";

export interface WorkQueueOptions<K> {
  clock: Clock;
  /** Default: `controllerRateLimiter`. */
  rateLimiter?: RateLimiter<K>;
}

/** An in-memory WorkQueue. Keys are compared as a Map compares them, so they should be strings. */
export function workQueue<K = string>(options: WorkQueueOptions<K>): WorkQueue<K> {
  const { clock } = options;
  const limiter = options.rateLimiter ?? controllerRateLimiter<K>(clock);
  // A key is in `waiting` when it needs work. It is not there and in `processing` at once: a key added while it is
  // processed is in `dirty` until it is done.
  const waiting = new Set<K>();
  const processing = new Set<K>();
  const dirty = new Set<K>();
  const delayed = new Map<K, { due: number; timer: Timer }>();
  const getters: ((key: K | undefined) => void)[] = [];
  let shuttingDown = false;

  const take = (): K | undefined => {
    for (const key of waiting) {
      waiting.delete(key);
      processing.add(key);
      return key;
    }
    return undefined;
  };
  const wake = () => {
    while (getters.length > 0 && waiting.size > 0) getters.shift()!(take());
    if (shuttingDown && waiting.size === 0 && dirty.size === 0)
      for (const getter of getters.splice(0)) getter(undefined);
  };
  const add = (key: K) => {
    if (shuttingDown) return;
    if (processing.has(key)) dirty.add(key);
    else {
      waiting.add(key);
      wake();
    }
  };
  const addAfter = (key: K, delayMs: number) => {
    if (shuttingDown) return;
    if (!(delayMs > 0)) return add(key);
    const due = clock.monotonic() + delayMs;
    const present = delayed.get(key);
    if (present) {
      if (present.due <= due) return;
      present.timer.cancel();
    }
    const timer = clock.after(delayMs, () => {
      delayed.delete(key);
      add(key);
    });
    delayed.set(key, { due, timer });
  };

  return {
    add,
    addAfter,
    addRateLimited: (key) => addAfter(key, limiter.delay(key)),
    forget: (key) => limiter.forget(key),
    failures: (key) => limiter.failures(key),
    get() {
      const key = take();
      if (key !== undefined || (shuttingDown && dirty.size === 0)) return Promise.resolve(key);
      return new Promise((resolve) => getters.push(resolve));
    },
    done(key) {
      processing.delete(key);
      if (dirty.delete(key)) waiting.add(key);
      wake();
    },
    get length() {
      return waiting.size;
    },
    shutDown() {
      shuttingDown = true;
      for (const { timer } of delayed.values()) timer.cancel();
      delayed.clear();
      wake();
    },
  };
}
