import type { Pod } from "../../api/types/core.v1.ts";
import type { Condition } from "../../api/types/meta.v1.ts";
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from "../../api/types/policy.v1.ts";
import { time } from "../../client/timestamps.ts";
import { scaledValue } from "../counts.ts";
import { isReady, isTerminating } from "../pod-state.ts";

/** How long a pod whose eviction was granted may stay before it counts again. */
export const DELETION_TIMEOUT_MS = 2 * 60_000;

export interface Expectation {
  /** How many pods there should be. */
  readonly expected: number;
  /** How many of them must be healthy. */
  readonly healthy: number;
}

/** Whether the budget needs to know how many pods the controllers want, or just counts those that are there. */
export function needsScale({ spec }: PodDisruptionBudget): boolean {
  return spec?.maxUnavailable !== undefined || typeof spec?.minAvailable === "string";
}

/** What a budget asks for of so many pods: those that are there, or those that their controllers want. */
export function expectationOf({ spec }: PodDisruptionBudget, pods: number): Expectation {
  if (spec?.maxUnavailable !== undefined) {
    return { expected: pods, healthy: Math.max(0, pods - scaledValue(spec.maxUnavailable, pods, true)) };
  }
  return { expected: pods, healthy: scaledValue(spec?.minAvailable, pods, true) };
}

/** The granted evictions that are still under way, and those that came to nothing. */
export function disruptedPods(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  now: number,
): { underWay: Record<string, string>; failed: readonly Pod[]; nextMs: number | undefined } {
  const underWay: Record<string, string> = {};
  const failed: Pod[] = [];
  let nextMs: number | undefined;
  for (const pod of pods) {
    const name = pod.metadata?.name ?? "";
    const granted = budget.status?.disruptedPods?.[name];
    if (granted === undefined || isTerminating(pod)) continue;
    const leftMs = Date.parse(granted) + DELETION_TIMEOUT_MS - now;
    if (leftMs < 0) failed.push(pod);
    else {
      underWay[name] = granted;
      nextMs = Math.min(nextMs ?? leftMs, leftMs);
    }
  }
  return { underWay, failed, nextMs };
}

/** The status of a budget, given what it asks for and the pods that it selects. */
export function budgetStatus(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  expectation: Expectation,
  disrupted: Readonly<Record<string, string>>,
  now: number,
): PodDisruptionBudgetStatus {
  const healthy = pods.filter(
    (pod) => !isTerminating(pod) && disrupted[pod.metadata?.name ?? ""] === undefined && isReady(pod),
  ).length;
  const allowed = expectation.expected <= 0 ? 0 : Math.max(0, healthy - expectation.healthy);
  return {
    ...(Object.keys(disrupted).length > 0 ? { disruptedPods: { ...disrupted } } : {}),
    disruptionsAllowed: allowed,
    currentHealthy: healthy,
    desiredHealthy: expectation.healthy,
    expectedPods: expectation.expected,
    ...observed(budget),
    conditions: withCondition(
      budget,
      allowed > 0 ? { status: "True", reason: "SufficientPods" } : { status: "False", reason: "InsufficientPods" },
      now,
    ),
  };
}

/** What cannot be worked out allows no disruption. */
export function failedStatus(budget: PodDisruptionBudget, message: string, now: number): PodDisruptionBudgetStatus {
  return {
    ...budget.status,
    currentHealthy: budget.status?.currentHealthy ?? 0,
    desiredHealthy: budget.status?.desiredHealthy ?? 0,
    expectedPods: budget.status?.expectedPods ?? 0,
    disruptionsAllowed: 0,
    conditions: withCondition(budget, { status: "False", reason: "SyncFailed", message }, now),
  };
}

function observed({ metadata }: PodDisruptionBudget): { observedGeneration?: number } {
  return metadata?.generation === undefined ? {} : { observedGeneration: metadata.generation };
}

function withCondition(
  budget: PodDisruptionBudget,
  state: { status: "True" | "False"; reason: string; message?: string },
  now: number,
): Condition[] {
  const type = "DisruptionAllowed";
  const present = budget.status?.conditions?.find((condition) => condition.type === type);
  const condition: Condition = {
    type,
    ...state,
    message: state.message ?? "",
    lastTransitionTime: present?.status === state.status ? present.lastTransitionTime : time(now),
    ...observed(budget),
  };
  return [...(budget.status?.conditions ?? []).filter((other) => other.type !== type), condition];
}

/** In how many ms a pod's DisruptionTarget condition has lasted too long for its end to come; undefined: it has none. */
export function staleConditionInMs(pod: Pod, now: number): number | undefined {
  if (isTerminating(pod) || pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") return undefined;
  const condition = pod.status?.conditions?.find(({ type }) => type === "DisruptionTarget");
  if (condition?.status !== "True" || !condition.lastTransitionTime) return undefined;
  return Math.max(0, Date.parse(condition.lastTransitionTime) + DELETION_TIMEOUT_MS - now);
}
