import type { Logger } from "../../base/logger.ts";
import type { AuditBackend, AuditMetrics } from "./backend.ts";
import { type AuditEvent, atLeast } from "./event.ts";

export interface TruncateOptions {
  maxEventBytes: number;
  maxBatchBytes: number;
}

/** Takes the bodies out of events that are too big, drops those that still are, and splits batches. */
export function truncatingBackend(
  inner: AuditBackend,
  { maxEventBytes, maxBatchBytes }: TruncateOptions,
  { logger, metrics }: { logger: Logger; metrics: AuditMetrics },
): AuditBackend {
  return {
    name: "truncate",
    async process(events) {
      let batch: AuditEvent[] = [];
      let bytes = 0;
      for (const given of events) {
        let event = given;
        let size = sizeOf(event);
        if (size > maxEventBytes && atLeast(event.level, "Request")) {
          const { requestObject: _, responseObject: __, annotations, ...rest } = event;
          event = { ...rest, annotations: { ...annotations, "audit.k8s.io/truncated": "true" } };
          size = sizeOf(event);
        }
        if (size > maxEventBytes) {
          metrics.lost("truncate", 1);
          logger.error("an audit event is too large even after truncating", { auditID: event.auditID, bytes: size });
          continue;
        }
        if (batch.length > 0 && bytes + size > maxBatchBytes) {
          await inner.process(batch);
          batch = [];
          bytes = 0;
        }
        batch.push(event);
        bytes += size;
      }
      if (batch.length > 0) await inner.process(batch);
    },
    close: () => inner.close(),
  };
}

const sizeOf = (event: AuditEvent) => Buffer.byteLength(JSON.stringify(event)) + 1;
