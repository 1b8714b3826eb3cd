import { isConflict } from "../api/status-error.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { WorkQueue } from "./work-queue.ts";

/** What a reconciliation asks for besides being done. */
export interface ReconcileResult {
  /** Come back to the same key after so long, in ms, even if nothing changes. */
  requeueAfterMs?: number;
}

export interface ControllerLoopOptions<K> {
  name: string;
  queue: WorkQueue<K>;
  /** Brings the world nearer to what `key` asks for. A rejection brings the key back later, rate limited. */
  reconcile(key: K, signal: AbortSignal): Promise<ReconcileResult | undefined>;
  /** How many keys are worked on at once. Default 1. */
  workers?: number;
  clock: Clock;
  logger: Logger;
  /** Ends the loop: the queue is shut down and running reconciliations see the same signal. */
  signal: AbortSignal;
  /** Failures in a row after which a key is given up until it is added again. Default: never. */
  maxRetries?: number;
  /** Called after each reconciliation. */
  onReconciled?(outcome: { key: K; durationMs: number; error?: unknown }): void;
}

/** Runs workers on a queue until `signal` is aborted; resolves when the last of them has stopped. */
export async function runControllerLoop<K>(options: ControllerLoopOptions<K>): Promise<void> {
  const { queue, clock, logger, signal, maxRetries = Number.POSITIVE_INFINITY } = options;
  const stop = () => queue.shutDown();
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });

  const work = async (key: K) => {
    const started = clock.monotonic();
    let failure: unknown;
    try {
      const result = await options.reconcile(key, signal);
      queue.forget(key);
      if (result?.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs);
    } catch (error) {
      if (signal.aborted) return;
      failure = error;
      const fields = { controller: options.name, key, error };
      if (queue.failures(key) >= maxRetries) {
        logger.warn("giving up until the object changes", fields);
        queue.forget(key);
      } else {
        // A conflict only says that the cache lags behind: trying again is the ordinary way on.
        if (isConflict(error)) logger.debug("conflict, trying again", fields);
        else logger.warn("reconciliation failed, trying again", fields);
        queue.addRateLimited(key);
      }
    } finally {
      options.onReconciled?.({
        key,
        durationMs: clock.monotonic() - started,
        ...(failure === undefined ? {} : { error: failure }),
      });
      queue.done(key);
    }
  };
  const worker = async () => {
    for (let key = await queue.get(); key !== undefined; key = await queue.get()) {
      if (signal.aborted) queue.done(key);
      else await work(key);
    }
  };
  try {
    await Promise.all(Array.from({ length: options.workers ?? 1 }, worker));
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
