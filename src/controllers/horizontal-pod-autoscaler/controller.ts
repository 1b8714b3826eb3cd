import { jsonEqual } from "../../api/json-equal.ts";
import { parseLabelSelector, type Selector } from "../../api/label-selector.ts";
import { objectKey } from "../../api/object.ts";
import { horizontalPodAutoscalersAutoscalingV2 as autoscalers, pods } from "../../api/resource-types.ts";
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from "../../api/types/autoscaling.v2.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import { fixedInterval } from "../../client/rate-limiter.ts";
import { time } from "../../client/timestamps.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { newHistory, recordChange, type ScalingHistory } from "./behavior.ts";
import { type Conditions, conditionsFrom } from "./conditions.ts";
import { groupResource, proposeReplicas, readMetric } from "./metric-sources.ts";
import { metricsClient } from "./metrics-client.ts";
import {
  metricsOf,
  type Observed,
  planByBounds,
  planByMetrics,
  planWithoutPods,
  rulesOf,
  type ScalingPlan,
  tolerancesOf,
  type Warning,
} from "./plan.ts";
import { type ScaleTarget, scaleTargets } from "./scale-target.ts";
import { selectorConflicts } from "./selector-conflicts.ts";

/**
 * Scales workloads of any kind by what their pods use, or by any other metric (autoscaling/v2). Each autoscaler is
 * looked at once per sync period, however often it changes. See
 * https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/.
 */
export const horizontalPodAutoscalerController: ControllerDefinition = {
  name: "horizontal-pod-autoscaler-controller",
  alias: "horizontalpodautoscaling",
  serviceAccount: "horizontal-pod-autoscaler",
  create,
};

function create(context: ControllerContext) {
  const { client, clock, informers, settings } = context;
  const informer = informers.informer(autoscalers);
  const podInformer = informers.informer(pods);
  const recorder = context.recorder("horizontal-pod-autoscaler");
  const periodMs = settings.autoscalerSyncPeriodMs;
  const targets = scaleTargets(client, clock);
  const reader = {
    metrics: metricsClient(client, clock, periodMs),
    resourceName: async (...[reference, signal]: Parameters<typeof targets.resourceOf>) =>
      groupResource(await targets.resourceOf(reference, signal)),
  };
  const conflicts = selectorConflicts();
  const histories = new Map<string, ScalingHistory>();
  const said = new Map<string, ReadonlySet<string>>();

  const controller = keyedController(context, {
    name: "horizontal-pod-autoscaler-controller",
    workers: settings.concurrentSyncs,
    rateLimiter: fixedInterval(periodMs),
    reconcile,
  });
  // A key waits out its period; adding it again meanwhile changes nothing.
  informer.on({
    add: (autoscaler) => controller.queue.addRateLimited(objectKey(autoscaler)),
    update: (_, autoscaler) => controller.queue.addRateLimited(objectKey(autoscaler)),
    delete: (autoscaler) => {
      const key = objectKey(autoscaler);
      conflicts.forget(key);
      histories.delete(key);
      said.delete(key);
    },
  });

  async function reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const autoscaler = informer.get(key);
    if (!autoscaler) return undefined;
    const { scaleTargetRef } = autoscaler.spec;
    const namespace = autoscaler.metadata?.namespace ?? "";
    const reference = `${scaleTargetRef.kind}/${namespace}/${scaleTargetRef.name}`;
    const conditions = conditionsFrom(autoscaler.status?.conditions, clock.now());

    let target: ScaleTarget;
    try {
      target = await targets.get(scaleTargetRef, namespace, signal);
    } catch (error) {
      signal.throwIfAborted();
      const { message } = error as Error;
      const why = `the HPA controller was unable to get the target's current scale: ${message}`;
      conditions.set("AbleToScale", false, "FailedGetScale", why);
      warn(autoscaler, [{ reason: "FailedGetScale", message }]);
      await writeStatus(autoscaler, { ...keptStatus(autoscaler), conditions: conditions.list() }, signal);
      throw new Error(`failed to query scale subresource for ${reference}: ${message}`, { cause: error });
    }
    const current = target.scale.spec?.replicas ?? 0;
    conditions.set(
      "AbleToScale",
      true,
      "SucceededGetScale",
      "the HPA controller was able to get the target's current scale",
    );
    const plan = await makePlan(key, autoscaler, target, conditions, signal);
    // Between the reading and the deletion of an autoscaler's memory there may have been a wait.
    if (informer.get(key)) histories.set(key, plan.history);
    if (plan.replicas === undefined) {
      warn(autoscaler, plan.warnings);
      await writeStatus(autoscaler, statusOf(autoscaler, current, plan.metrics, conditions), signal);
      throw new Error(
        `failed to compute desired number of replicas based on listed metrics for ${reference}: ${plan.failure}`,
      );
    }
    const rescaled = plan.replicas !== current;
    if (rescaled) await rescale(key, autoscaler, target, plan, conditions, reference, signal);
    else warn(autoscaler, plan.warnings);
    const status: HorizontalPodAutoscalerStatus = {
      ...statusOf(autoscaler, current, plan.metrics, conditions),
      desiredReplicas: plan.replicas,
      ...(rescaled ? { lastScaleTime: time(clock.now()) } : {}),
    };
    await writeStatus(autoscaler, status, signal);
    if (plan.failure !== undefined) throw new Error(plan.failure);
    return { requeueAfterMs: periodMs };
  }

  /** Reads what the plan depends on, as far as it does. */
  async function makePlan(
    key: string,
    autoscaler: HorizontalPodAutoscaler,
    { scale }: ScaleTarget,
    conditions: Conditions,
    signal: AbortSignal,
  ): Promise<ScalingPlan> {
    const namespace = autoscaler.metadata?.namespace ?? "";
    const current = scale.spec?.replicas ?? 0;
    const observed = (): Observed => ({
      autoscaler,
      current,
      history: histories.get(key) ?? newHistory(current, clock.now()),
      downscaleStabilizationMs: settings.autoscalerDownscaleStabilizationMs,
      now: clock.now(),
    });
    const bounded = planByBounds(observed(), conditions);
    if (bounded) return bounded;
    const selection = select(key, namespace, scale.status?.selector ?? "");
    if ("warning" in selection) return planWithoutPods(observed(), selection, conditions);
    const specs = metricsOf(autoscaler);
    const at = { namespace, selector: selection.selector };
    const readings = await Promise.all(specs.map((spec) => readMetric(spec, reader, at, signal)));
    const basis = {
      current,
      existing: scale.status?.replicas ?? 0,
      pods: selection.pods,
      tolerances: tolerancesOf(autoscaler, settings.autoscalerTolerance),
      cpuInitializationPeriodMs: settings.autoscalerCpuInitializationPeriodMs,
      initialReadinessDelayMs: settings.autoscalerInitialReadinessDelayMs,
      now: clock.now(),
    };
    const outcomes = specs.map((spec, index) => proposeReplicas(spec, readings[index]!, basis));
    return planByMetrics(observed(), outcomes, conditions);
  }

  /** The pods of a target, if they are its alone. */
  function select(
    key: string,
    namespace: string,
    text: string,
  ): { selector: Selector; pods: Pod[] } | { warning: Warning; condition: Warning } {
    if (text === "") {
      const message = "the HPA target's scale is missing a selector";
      return {
        warning: { reason: "SelectorRequired", message: "selector is required" },
        condition: { reason: "InvalidSelector", message },
      };
    }
    let selector: Selector;
    try {
      selector = parseLabelSelector(text);
    } catch (error) {
      const why = (error as Error).message;
      const message = `couldn't convert selector into a corresponding internal selector object: ${why}`;
      const warning = { reason: "InvalidSelector", message };
      return { warning, condition: warning };
    }
    if (informer.get(key)) conflicts.set(key, namespace, selector);
    const selected = podInformer.list(namespace).filter((pod) => selector.matches(pod.metadata?.labels));
    const selecting = conflicts.selecting(namespace, selected);
    if (selecting.length <= 1) return { selector, pods: selected };
    const message = `pods by selector ${text} are controlled by multiple HPAs: [${selecting.join(" ")}]`;
    const warning = { reason: "AmbiguousSelector", message };
    return { warning, condition: warning };
  }

  async function rescale(
    key: string,
    autoscaler: HorizontalPodAutoscaler,
    target: ScaleTarget,
    plan: ScalingPlan,
    conditions: Conditions,
    reference: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { replicas = 0, reason, warnings, metrics } = plan;
    const current = target.scale.spec?.replicas ?? 0;
    const size = `New size: ${replicas}; reason: ${reason}`;
    try {
      await targets.setReplicas(target, replicas, signal);
    } catch (error) {
      signal.throwIfAborted();
      const { message } = error as Error;
      const why = `the HPA controller was unable to update the target scale: ${message}`;
      conditions.set("AbleToScale", false, "FailedUpdateScale", why);
      warn(autoscaler, [...warnings, { reason: "FailedRescale", message: `${size}; error: ${message}` }]);
      await writeStatus(autoscaler, statusOf(autoscaler, current, metrics, conditions), signal);
      throw new Error(`failed to rescale ${reference}: ${message}`, { cause: error });
    }
    warn(autoscaler, warnings);
    const done = `the HPA controller was able to update the target scale to ${replicas}`;
    conditions.set("AbleToScale", true, "SucceededRescale", done);
    recorder.event(identified(autoscaler), "Normal", "SuccessfulRescale", size);
    const rules = rulesOf(autoscaler);
    const history = histories.get(key);
    if (rules && history) histories.set(key, recordChange(history, rules, replicas - current, clock.now()));
  }

  /** Says what has begun to be wrong since the last look; upstream repeats itself at each. */
  function warn(autoscaler: HorizontalPodAutoscaler, warnings: readonly Warning[]): void {
    const key = objectKey(autoscaler);
    const before = said.get(key);
    for (const { reason, message } of warnings) {
      if (!before?.has(`${reason}: ${message}`)) recorder.event(identified(autoscaler), "Warning", reason, message);
    }
    if (warnings.length === 0 || !informer.get(key)) said.delete(key);
    else said.set(key, new Set(warnings.map(({ reason, message }) => `${reason}: ${message}`)));
  }

  async function writeStatus(
    autoscaler: HorizontalPodAutoscaler,
    status: HorizontalPodAutoscalerStatus,
    signal: AbortSignal,
  ): Promise<void> {
    if (jsonEqual(status, autoscaler.status)) return;
    try {
      await client.resource(autoscalers).updateStatus({ ...autoscaler, status }, { signal });
    } catch (error) {
      signal.throwIfAborted();
      recorder.event(identified(autoscaler), "Warning", "FailedUpdateStatus", (error as Error).message);
      throw error;
    }
  }

  return controller;
}

const keptStatus = ({ status }: HorizontalPodAutoscaler): HorizontalPodAutoscalerStatus => ({
  desiredReplicas: 0,
  ...status,
});

/** The status as it was, but for what was just seen. */
function statusOf(
  autoscaler: HorizontalPodAutoscaler,
  currentReplicas: number,
  metrics: readonly MetricStatus[] | undefined,
  conditions: Conditions,
): HorizontalPodAutoscalerStatus {
  const { desiredReplicas, lastScaleTime } = keptStatus(autoscaler);
  return {
    ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
    ...(currentReplicas === 0 ? {} : { currentReplicas }),
    desiredReplicas,
    ...(metrics && metrics.length > 0 ? { currentMetrics: [...metrics] } : {}),
    conditions: conditions.list(),
  };
}

const identified = (autoscaler: HorizontalPodAutoscaler): HorizontalPodAutoscaler => ({
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  ...autoscaler,
});
