import { jsonEqual } from "../../api/json-equal.ts";
import { type Selector, selectorOf } from "../../api/label-selector.ts";
import { objectKey } from "../../api/object.ts";
import { podDisruptionBudgets, pods } from "../../api/resource-types.ts";
import { isNotFound, StatusError } from "../../api/status-error.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from "../../api/types/policy.v1.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import { time } from "../../client/timestamps.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { scaleFinder } from "./expected-scale.ts";
import { budgetStatus, disruptedPods, expectationOf, failedStatus, needsScale, staleConditionInMs } from "./plan.ts";

/**
 * Keeps the status of disruption budgets: how many of their pods may be evicted now (the eviction subresource takes
 * from that). Also takes back the mark of pods that were to be disrupted but were not (KEP-3329).
 */
export const disruptionController: ControllerDefinition = {
  name: "disruption-controller",
  alias: "disruption",
  create,
};

/** Said of pods that nobody scales, where the budget depends on a scale. */
const unmanagedMessage = (selector: string) =>
  `Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`;

function create(context: ControllerContext) {
  const { client, clock, informers, settings } = context;
  const budgetInformer = informers.informer(podDisruptionBudgets);
  const podInformer = informers.informer(pods);
  const recorder = context.recorder("controllermanager");
  const findScale = scaleFinder(client, informers);
  const budgets = keyedController(context, {
    name: "disruption-controller",
    workers: settings.concurrentSyncs,
    reconcile: reconcileBudget,
  });
  const marked = keyedController(context, { name: "stale-pod-disruption", reconcile: reconcileMark });

  const selectors = new WeakMap<object, Selector>();
  const selectorFor = ({ spec }: PodDisruptionBudget): Selector => {
    const given = spec?.selector;
    if (!given) return selectorOf(undefined);
    let parsed = selectors.get(given);
    if (!parsed) {
      parsed = selectorOf(given);
      selectors.set(given, parsed);
    }
    return parsed;
  };
  const concern = (pod: Pod) => {
    for (const budget of budgetInformer.list(pod.metadata?.namespace)) {
      if (selectorFor(budget).matches(pod.metadata?.labels)) budgets.queue.add(objectKey(budget));
    }
    if (staleConditionInMs(pod, clock.now()) !== undefined) marked.queue.add(objectKey(pod));
  };
  podInformer.on({
    add: concern,
    update: (old, pod) => {
      concern(pod);
      if (!jsonEqual(old.metadata?.labels ?? {}, pod.metadata?.labels ?? {})) concern(old);
    },
    delete: concern,
  });
  budgetInformer.on({
    add: (budget) => budgets.queue.add(objectKey(budget)),
    update: (_, budget) => budgets.queue.add(objectKey(budget)),
  });

  async function reconcileBudget(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const budget = budgetInformer.get(key);
    if (!budget) return undefined;
    const now = clock.now();
    const { namespace } = budget.metadata ?? {};
    const selector = selectorFor(budget);
    const selected = podInformer.list(namespace).filter((pod) => selector.matches(pod.metadata?.labels));
    if (selected.length === 0) recorder.event(identified(budget), "Normal", "NoPods", "No matching pods found");
    const { underWay, failed, nextMs } = disruptedPods(budget, selected, now);
    for (const pod of failed) {
      const message = `Pod was expected by PDB ${key} to be deleted but it wasn't`;
      recorder.event({ apiVersion: "v1", kind: "Pod", ...pod }, "Warning", "NotDeleted", message);
    }
    let status: PodDisruptionBudgetStatus;
    let failure: unknown;
    try {
      let count = selected.length;
      if (needsScale(budget)) {
        const scale = await findScale(selected);
        count = scale.pods;
        if (scale.unmanaged.length > 0) {
          recorder.event(identified(budget), "Warning", "UnmanagedPods", unmanagedMessage(selector.toString()));
        }
      }
      status = budgetStatus(budget, selected, expectationOf(budget, count), underWay, now);
    } catch (error) {
      failure = error;
      const message = (error as Error).message;
      recorder.event(
        identified(budget),
        "Warning",
        "CalculateExpectedPodCountFailed",
        `Failed to calculate the number of expected pods: ${message}`,
      );
      status = failedStatus(budget, message, now);
    }
    // The version guards what an eviction may have taken meanwhile.
    if (!jsonEqual(status, budget.status)) {
      await client.resource(podDisruptionBudgets).updateStatus({ ...budget, status }, { signal });
    }
    if (failure) throw failure;
    return nextMs === undefined ? undefined : { requeueAfterMs: nextMs + 1 };
  }

  async function reconcileMark(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const pod = podInformer.get(key);
    const leftMs = pod && staleConditionInMs(pod, clock.now());
    if (!pod || leftMs === undefined) return undefined;
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    const { name = "", namespace, uid, resourceVersion } = pod.metadata ?? {};
    const conditions = (pod.status?.conditions ?? []).map((condition) =>
      condition.type === "DisruptionTarget"
        ? { ...condition, status: "False", lastTransitionTime: time(clock.now()) }
        : condition,
    );
    const patch = { metadata: { uid, resourceVersion }, status: { conditions } };
    await client
      .resource(pods)
      .patch(name, namespace, "merge", patch, { subresource: "status", signal })
      .catch((error) => {
        // Changed or gone: then it is looked at again, or need not be.
        if (!isNotFound(error) && !(error instanceof StatusError && error.reason === "Conflict")) throw error;
      });
    return undefined;
  }

  return {
    async run(signal: AbortSignal) {
      await Promise.all([budgets.run(signal), marked.run(signal)]);
    },
  };
}

const identified = (budget: PodDisruptionBudget): PodDisruptionBudget => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  ...budget,
});
