import type { Clock, Timer } from "../../base/clock.ts";
import { sleep } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { AuditBackend, AuditMetrics } from "./backend.ts";
import type { AuditEvent } from "./event.ts";

/** Upstream's mode `batch`. */
export interface BatchOptions {
  /** Events held back; those beyond are lost. */
  bufferSize: number;
  maxBatchSize: number;
  /** How long a batch waits to be filled; 0: until it is full. */
  maxBatchWaitMs: number;
  /** Batches per second; absent: no limit. */
  throttle?: { qps: number; burst: number };
  /** Whether a batch is sent while others still are under way. */
  concurrent: boolean;
}

/** Hands events on in batches, so that no request waits for its events. */
export function bufferedBackend(
  inner: AuditBackend,
  options: BatchOptions,
  effects: { clock: Clock; logger: Logger; metrics: AuditMetrics },
): AuditBackend {
  const { bufferSize, maxBatchSize, maxBatchWaitMs, throttle, concurrent } = options;
  const { clock, logger, metrics } = effects;
  const buffer: AuditEvent[] = [];
  const sending = new Set<Promise<void>>();
  let timer: Timer | undefined;
  let draining: Promise<void> | undefined;
  let tokens = throttle?.burst ?? 0;
  let refilledAt = clock.monotonic();

  const token = async () => {
    if (!throttle) return;
    const now = clock.monotonic();
    tokens = Math.min(throttle.burst, tokens + ((now - refilledAt) / 1000) * throttle.qps);
    refilledAt = now;
    if (tokens < 1) await sleep(clock, ((1 - tokens) / throttle.qps) * 1000);
    tokens--;
  };
  const send = async (batch: readonly AuditEvent[]) => {
    try {
      await inner.process(batch);
    } catch (error) {
      metrics.lost(inner.name, batch.length);
      logger.error("audit events were lost", { backend: inner.name, count: batch.length, error });
    }
  };
  /** Sends full batches; with `all`, also what does not fill one. */
  const drain = async (all: boolean) => {
    while (buffer.length >= maxBatchSize || (all && buffer.length > 0)) {
      await token();
      const running = send(buffer.splice(0, maxBatchSize));
      if (!concurrent) await running;
      else {
        sending.add(running);
        void running.finally(() => sending.delete(running));
      }
    }
  };
  const start = (all: boolean): Promise<void> => {
    timer?.cancel();
    timer = undefined;
    const before = draining ?? Promise.resolve();
    const running = before
      .then(() => drain(all))
      .then(() => {
        if (draining === running) draining = undefined;
        if (buffer.length >= maxBatchSize) void start(false);
        else if (buffer.length > 0) arm();
      });
    draining = running;
    return running;
  };
  const arm = () => {
    if (maxBatchWaitMs > 0) timer ??= clock.after(maxBatchWaitMs, () => void start(true));
  };
  return {
    name: "buffered",
    process(events) {
      const room = bufferSize - buffer.length;
      if (events.length > room) {
        metrics.lost("buffered", events.length - Math.max(0, room));
        logger.warn("the audit buffer is full: events were lost", { count: events.length - Math.max(0, room) });
      }
      buffer.push(...events.slice(0, Math.max(0, room)));
      if (buffer.length >= maxBatchSize) {
        if (!draining) void start(false);
      } else {
        arm();
      }
    },
    async close() {
      await start(true);
      await Promise.all(sending);
      timer?.cancel();
      await inner.close();
    },
  };
}
