/**
 * Time, as every component sees it. Nothing outside `base/` reads the system clock or starts a timer of its own: it is
 * handed a Clock, so that a test can move time and a simulation can replay it.
 */
export interface Clock {
  /** Wall time in ms since the Unix epoch. May jump when the machine's clock is set. */
  now(): number;
  /** Milliseconds from an arbitrary start; never runs backwards. Use it to measure durations. */
  monotonic(): number;
  /** Calls `callback` once, after `delayMs` (values below 0 count as 0). */
  after(delayMs: number, callback: () => void): Timer;
  /** Calls `callback` every `periodMs` (at least 1), first after one period. */
  every(periodMs: number, callback: () => void): Timer;
}

/** A pending call; `cancel` is safe to call more than once. A pending timer never keeps the process alive by itself. */
export interface Timer {
  cancel(): void;
}

/** Resolves after `delayMs`. Rejects with the signal's reason when it is aborted first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer.cancel();
      reject(signal!.reason);
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** A signal that aborts with a TimeoutError after `delayMs`, or earlier with `parent`. Call `dispose` when done with it. */
export function deadline(
  clock: Clock,
  delayMs: number,
  parent?: AbortSignal,
): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const timer = clock.after(delayMs, () =>
    controller.abort(new DOMException(`timed out after ${delayMs} ms`, "TimeoutError")),
  );
  const onParent = () => controller.abort(parent!.reason);
  if (parent?.aborted) onParent();
  else parent?.addEventListener("abort", onParent, { once: true });
  return {
    signal: controller.signal,
    dispose() {
      timer.cancel();
      parent?.removeEventListener("abort", onParent);
    },
  };
}

/** setTimeout overflows above this many ms and fires at once; longer waits are cut into pieces. */
const LONGEST_NATIVE_TIMEOUT_MS = 2 ** 31 - 1;

/** The machine's own clock. Its timers are unreferenced unless `keepAlive` is set. */
export function systemClock(options: { keepAlive?: boolean } = {}): Clock {
  const hold = <T extends { unref(): unknown }>(timer: T): T => {
    if (!options.keepAlive) timer.unref();
    return timer;
  };
  const after = (delayMs: number, callback: () => void): Timer => {
    let handle: NodeJS.Timeout;
    const arm = (left: number) => {
      const step = Math.min(Math.max(left, 0), LONGEST_NATIVE_TIMEOUT_MS);
      handle = hold(setTimeout(() => (left > step ? arm(left - step) : callback()), step));
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(handle) };
  };
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after,
    every(periodMs, callback) {
      const handle = hold(setInterval(callback, Math.max(1, periodMs)));
      return { cancel: () => clearInterval(handle) };
    },
  };
}
