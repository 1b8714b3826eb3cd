import type { Counter, MetricsRegistry } from "../../base/metrics.ts";

/** What authorizers are measured by, under upstream's names. */
export interface AuthorizationMetrics {
  /** Counts one kind of decisions of one authorizer; to be kept, as it is asked for by labels. */
  decisions(type: string, name: string, decision: "allowed" | "denied"): Counter;
  webhookCalled(name: string, result: string, seconds: number): void;
  webhookFailedOpen(name: string, result: string): void;
  conditionsEvaluated(name: string, outcome: "matched" | "excluded" | "error", seconds: number): void;
}

const DURATIONS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30];
const CONDITION_DURATIONS = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25];

export function authorizationMetrics(registry: MetricsRegistry): AuthorizationMetrics {
  const prefix = "apiserver_authorization";
  const decisions = registry.counter(`${prefix}_decisions_total`, "Decisions of the authorizers.", [
    "type",
    "name",
    "decision",
  ]);
  const evaluations = registry.counter(`${prefix}_webhook_evaluations_total`, "Calls of the webhooks.", [
    "name",
    "result",
  ]);
  const durations = registry.histogram(`${prefix}_webhook_duration_seconds`, "How long the webhooks took.", DURATIONS, [
    "name",
    "result",
  ]);
  const failOpen = registry.counter(
    `${prefix}_webhook_evaluations_fail_open_total`,
    "Failed calls after which the next authorizer was asked.",
    ["name", "result"],
  );
  const errors = registry.counter(
    `${prefix}_match_condition_evaluation_errors_total`,
    "Match conditions that could not be evaluated.",
    ["type", "name"],
  );
  const exclusions = registry.counter(
    `${prefix}_match_condition_exclusions_total`,
    "Requests that a match condition kept from a webhook.",
    ["type", "name"],
  );
  const conditionSeconds = registry.histogram(
    `${prefix}_match_condition_evaluation_seconds`,
    "How long match conditions took.",
    CONDITION_DURATIONS,
    ["type", "name"],
  );
  return {
    decisions: (type, name, decision) => decisions.with(type, name, decision),
    webhookCalled(name, result, seconds) {
      evaluations.with(name, result).add();
      durations.with(name, result).observe(seconds);
    },
    webhookFailedOpen: (name, result) => failOpen.with(name, result).add(),
    conditionsEvaluated(name, outcome, seconds) {
      conditionSeconds.with("Webhook", name).observe(seconds);
      if (outcome === "error") errors.with("Webhook", name).add();
      if (outcome === "excluded") exclusions.with("Webhook", name).add();
    },
  };
}
