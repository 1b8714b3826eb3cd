import type { MetricsRegistry } from "../../../base/metrics.ts";
import type { AdmissionAttributes } from "../admission.ts";

export type ErrorType = "calling_webhook_error" | "apiserver_internal_error" | "no_error";
/** `admit` of mutating webhooks, `validating` of the others. */
export type StepLabel = "admit" | "validating";

const CALL_BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25];
const CONDITION_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25];
/** Codes beyond are told as this one, so that webhooks can't make series without end. */
const HIGHEST_CODE = 600;

export interface CallObservation {
  readonly webhook: string;
  readonly step: StepLabel;
  readonly operation: AdmissionAttributes["operation"];
  readonly seconds: number;
  readonly rejected: boolean;
  /** 0 where the server itself failed. */
  readonly code: number;
  /** Why it was rejected. */
  readonly errorType?: ErrorType;
}

export interface WebhookMetrics {
  called(observation: CallObservation): void;
  /** A failure was ignored, as the webhook's policy wants. */
  failedOpen(webhook: string, step: StepLabel): void;
  /** Match conditions were evaluated. */
  conditions(
    webhook: string,
    step: StepLabel,
    operation: string,
    outcome: { seconds: number; errors: number; excluded: boolean },
  ): void;
}

/** The metrics of webhooks under upstream's names. */
export function webhookMetrics(registry: MetricsRegistry): WebhookMetrics {
  const duration = registry.histogram(
    "apiserver_admission_webhook_admission_duration_seconds",
    "Time that calls of admission webhooks take.",
    CALL_BUCKETS,
    ["name", "type", "operation", "rejected"],
  );
  const requests = registry.counter("apiserver_admission_webhook_request_total", "Calls of admission webhooks.", [
    "name",
    "type",
    "operation",
    "code",
    "rejected",
  ]);
  const rejections = registry.counter(
    "apiserver_admission_webhook_rejection_count",
    "Requests that admission webhooks rejected, or that were rejected because one could not be called.",
    ["name", "type", "operation", "error_type", "rejection_code"],
  );
  const open = registry.counter(
    "apiserver_admission_webhook_fail_open_count",
    "Calls of admission webhooks that failed and were ignored.",
    ["name", "type"],
  );
  const labels = ["name", "kind", "type", "operation"];
  const evaluation = registry.histogram(
    "apiserver_admission_match_condition_evaluation_seconds",
    "Time that match conditions take.",
    CONDITION_BUCKETS,
    labels,
  );
  const errors = registry.counter(
    "apiserver_admission_match_condition_evaluation_errors_total",
    "Match conditions that could not be evaluated.",
    labels,
  );
  const exclusions = registry.counter(
    "apiserver_admission_match_condition_exclusions_total",
    "Requests that match conditions kept from a webhook or policy.",
    labels,
  );
  return {
    called({ webhook, step, operation, seconds, rejected, code, errorType }) {
      const shown = String(Math.min(code, HIGHEST_CODE));
      duration.with(webhook, step, operation, String(rejected)).observe(seconds);
      requests.with(webhook, step, operation, shown, String(rejected)).add();
      if (rejected && errorType) rejections.with(webhook, step, operation, errorType, shown).add();
    },
    failedOpen: (webhook, step) => open.with(webhook, step).add(),
    conditions(webhook, step, operation, outcome) {
      const values = [webhook, "webhook", step === "admit" ? "admit" : "validate", operation];
      evaluation.with(...values).observe(outcome.seconds);
      if (outcome.errors > 0) errors.with(...values).add(outcome.errors);
      if (outcome.excluded) exclusions.with(...values).add();
    },
  };
}
