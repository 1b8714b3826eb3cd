import type { MetricsRegistry } from "../../../base/metrics.ts";

const BUCKETS = [0.0000005, 0.001, 0.01, 0.1, 1];

export interface PolicyMetrics {
  /** An expression was evaluated: what came of it, and the message where it failed. */
  checked(
    policy: string,
    binding: string,
    action: "allow" | "deny" | "warn" | "audit",
    seconds: number,
    error?: string,
  ): void;
}

/** The metrics of policies under upstream's names; `kind` is validating or mutating. */
export function policyMetrics(registry: MetricsRegistry, kind: "validating" | "mutating"): PolicyMetrics {
  const labels = ["policy", "policy_binding", "error_type", ...(kind === "validating" ? ["enforcement_action"] : [])];
  const prefix = `apiserver_${kind}_admission_policy_check`;
  const total = registry.counter(`${prefix}_total`, "Evaluations of expressions of admission policies.", labels);
  const duration = registry.histogram(
    `${prefix}_duration_seconds`,
    "Time that evaluations of expressions of admission policies take.",
    BUCKETS,
    labels,
  );
  return {
    checked(policy, binding, action, seconds, error) {
      const values = [policy, binding, errorType(error), ...(kind === "validating" ? [action] : [])];
      total.with(...values).add();
      duration.with(...values).observe(seconds);
    },
  };
}

function errorType(error: string | undefined): string {
  if (error === undefined) return "no_error";
  if (error.startsWith("compilation")) return "compile_error";
  return error.startsWith("validation failed due to running out of cost budget") ? "out_of_budget" : "invalid_error";
}
