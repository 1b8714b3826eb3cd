import type { Counter, Family, MetricsRegistry } from "../../base/metrics.ts";
import type { AuditEvent, AuditLevel } from "./event.ts";

/** Where audit events go. */
export interface AuditBackend {
  /** For metrics: `log`, `webhook`, `buffered`, `truncate`. */
  readonly name: string;
  /** Resolves when the events have been taken, which for a buffer is at once. Rejects where they are lost. */
  process(events: readonly AuditEvent[]): Promise<void> | void;
  /** Sends on what is held back, and ends. */
  close(): Promise<void>;
}

/** The metrics of auditing, under upstream's names. */
export interface AuditMetrics {
  readonly events: Counter;
  readonly rejected: Counter;
  /** Counts a request by the level that the policy gave it. */
  level(level: AuditLevel): void;
  /** Counts events that a backend lost. */
  lost(backend: string, count: number): void;
}

export function auditMetrics(registry: MetricsRegistry): AuditMetrics {
  const levels: Family<Counter> = registry.counter("apiserver_audit_level_total", "Requests by audit level.", [
    "level",
  ]);
  const errors = registry.counter("apiserver_audit_error_total", "Audit events lost, by plugin.", ["plugin"]);
  return {
    events: registry.counter("apiserver_audit_event_total", "Audit events made.").with(),
    rejected: registry
      .counter("apiserver_audit_requests_rejected_total", "Requests refused as their audit event could not be stored.")
      .with(),
    level: (level) => levels.with(level).add(),
    lost: (backend, count) => errors.with(backend).add(count),
  };
}
