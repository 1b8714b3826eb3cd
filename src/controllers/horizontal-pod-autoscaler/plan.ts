import { Quantity } from "../../api/quantity.ts";
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus } from "../../api/types/autoscaling.v2.ts";
import {
  limitWithoutRules,
  limitWithRules,
  type ScalingHistory,
  type ScalingRules,
  stabilizeWithoutRules,
  stabilizeWithRules,
} from "./behavior.ts";
import type { Conditions } from "./conditions.ts";
import type { MetricOutcome } from "./metric-sources.ts";
import type { Tolerances } from "./metric-values.ts";

/** What is to be done about the replicas of a target. */
export interface ScalingPlan {
  /** Absent: nothing can be said, for the reason in `failure`. */
  readonly replicas?: number;
  /** Why the replicas change, as the event says it. */
  readonly reason: string;
  readonly metrics?: readonly MetricStatus[];
  readonly warnings: readonly Warning[];
  readonly history: ScalingHistory;
  /** What went wrong, even where the replicas could be worked out from the other metrics. */
  readonly failure?: string;
}

/** An event that holds as long as the state does. */
export interface Warning {
  readonly reason: string;
  readonly message: string;
}

export interface Observed {
  readonly autoscaler: HorizontalPodAutoscaler;
  readonly current: number;
  readonly history: ScalingHistory;
  readonly downscaleStabilizationMs: number;
  readonly now: number;
}

const minOf = ({ spec }: HorizontalPodAutoscaler) => spec.minReplicas ?? 1;

/** The plan where no metric is needed: scaling is off, or the replicas are out of bounds. Undefined: metrics are needed. */
export function planByBounds(
  { autoscaler, current, history }: Observed,
  conditions: Conditions,
): ScalingPlan | undefined {
  const { maxReplicas } = autoscaler.spec;
  const minReplicas = minOf(autoscaler);
  const scaleTo = (replicas: number, reason: string): ScalingPlan => ({ replicas, reason, warnings: [], history });
  if (current === 0 && minReplicas !== 0) {
    const message = "scaling is disabled since the replica count of the target is zero";
    conditions.set("ScalingActive", false, "ScalingDisabled", message);
    return scaleTo(0, "");
  }
  if (current > maxReplicas) return scaleTo(maxReplicas, "Current number of replicas above Spec.MaxReplicas");
  if (current < minReplicas) return scaleTo(minReplicas, "Current number of replicas below Spec.MinReplicas");
  return undefined;
}

/** The plan where the pods can't be told from those of others: nothing is done. */
export function planWithoutPods(
  { history }: Observed,
  { condition, warning }: { condition: Warning; warning: Warning },
  conditions: Conditions,
): ScalingPlan {
  conditions.set("ScalingActive", false, condition.reason, condition.message);
  return { reason: "", warnings: [warning, computeFailed(warning.message)], history, failure: warning.message };
}

/** The plan by the metrics: the most that any of them asks for, within what the behavior allows. */
export function planByMetrics(
  observed: Observed,
  outcomes: readonly MetricOutcome[],
  conditions: Conditions,
): ScalingPlan {
  const { current, history } = observed;
  let best: { replicas: number; name: string } | undefined;
  const invalid: Extract<MetricOutcome, { reason: string }>[] = [];
  for (const outcome of outcomes) {
    if ("reason" in outcome) invalid.push(outcome);
    else if (!best || best.replicas === 0 || outcome.replicas > best.replicas) best = outcome;
  }
  const metrics = outcomes.map((outcome): MetricStatus => ("reason" in outcome ? { type: "" } : outcome.status));
  const warnings = invalid.map(({ reason, message }): Warning => ({ reason, message }));
  const [first] = invalid;
  const failure = first
    ? `invalid metrics (${invalid.length} invalid out of ${outcomes.length}), first error is: ${first.failure}`
    : undefined;
  // Without all metrics it can't be said that fewer would do.
  if (first && (!best || best.replicas < current)) {
    const message = `the HPA was unable to compute the replica count: ${first.message}`;
    conditions.set("ScalingActive", false, first.reason, message);
    return { reason: "", metrics, warnings: [...warnings, computeFailed(failure!)], history, failure: failure! };
  }
  const { replicas: asked, name } = best ?? { replicas: 0, name: "" };
  const found = `the HPA was able to successfully calculate a replica count from ${name}`;
  conditions.set("ScalingActive", true, "ValidMetricFound", found);
  const bounded = applyBehavior(observed, asked, conditions);
  return {
    ...bounded,
    reason: asked > current ? `${name} above target` : asked < current ? "All metrics below target" : "",
    metrics,
    warnings,
    ...(failure === undefined ? {} : { failure }),
  };
}

function applyBehavior(
  { autoscaler, current, history, downscaleStabilizationMs, now }: Observed,
  asked: number,
  conditions: Conditions,
): { replicas: number; history: ScalingHistory } {
  const bounds = { current, min: minOf(autoscaler), max: autoscaler.spec.maxReplicas };
  const rules = rulesOf(autoscaler);
  const stable = rules
    ? stabilizeWithRules(history, windowsOf(rules, downscaleStabilizationMs), current, asked, now)
    : stabilizeWithoutRules(history, downscaleStabilizationMs, asked, now);
  if (stable.replicas === asked) {
    conditions.set("AbleToScale", true, "ReadyForNewScale", "recommended size matches current size");
  } else if (rules && asked >= current) {
    const message = "recent recommendations were lower than current one, applying the lowest recent recommendation";
    conditions.set("AbleToScale", true, "ScaleUpStabilized", message);
  } else {
    const message = "recent recommendations were higher than current one, applying the highest recent recommendation";
    conditions.set("AbleToScale", true, "ScaleDownStabilized", message);
  }
  const verdict = rules
    ? limitWithRules(bounds, rules, stable.history, stable.replicas, now)
    : limitWithoutRules(bounds, stable.replicas);
  conditions.set("ScalingLimited", verdict.limited, verdict.reason, verdict.message);
  return { replicas: verdict.replicas, history: stable.history };
}

/** The rules of the behavior; undefined where there is none. */
export function rulesOf({ spec }: HorizontalPodAutoscaler): ScalingRules | undefined {
  return spec.behavior ? { up: spec.behavior.scaleUp ?? {}, down: spec.behavior.scaleDown ?? {} } : undefined;
}

const windowsOf = ({ up, down }: ScalingRules, downscaleStabilizationMs: number) => ({
  upMs: (up.stabilizationWindowSeconds ?? 0) * 1000,
  downMs:
    down.stabilizationWindowSeconds === undefined ? downscaleStabilizationMs : down.stabilizationWindowSeconds * 1000,
});

/** How far the usage may be off its target, by the behavior or by the flag. */
export function tolerancesOf({ spec }: HorizontalPodAutoscaler, fallback: number): Tolerances {
  const of = (text: string | undefined) => (text === undefined ? fallback : Quantity.parse(text).toNumber());
  return { scaleUp: of(spec.behavior?.scaleUp?.tolerance), scaleDown: of(spec.behavior?.scaleDown?.tolerance) };
}

/** The metrics that an autoscaler looks at; the server gives it at least one. */
export const metricsOf = ({ spec }: HorizontalPodAutoscaler): readonly MetricSpec[] => spec.metrics ?? [];

const computeFailed = (message: string): Warning => ({ reason: "FailedComputeMetricsReplicas", message });
