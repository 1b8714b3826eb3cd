import { jsonEqual } from "../api/json-equal.ts";
import { selectorOf } from "../api/label-selector.ts";
import type { KubeObject, ResourceType, UnknownObject } from "../api/object.ts";
import { podDisruptionBudgets, pods } from "../api/resource-types.ts";
import { badRequest, internalError, StatusError, tooManyRequests } from "../api/status-error.ts";
import type { Pod } from "../api/types/core.v1.ts";
import type { DeleteOptions } from "../api/types/meta.v1.ts";
import type { Eviction, PodDisruptionBudget } from "../api/types/policy.v1.ts";
import type { Clock } from "../base/clock.ts";
import { cloneJson } from "../base/clone.ts";
import type { Lookup } from "./lookup.ts";
import { timestamp } from "./registry/deletion.ts";
import { checkDeletePreconditions } from "./registry/precondition.ts";
import type { Registry } from "./registry.ts";
import type { VirtualRequest, VirtualResource } from "./virtual-resource.ts";

/** As upstream: a budget that would name more disrupted pods than this waits for its controller. */
const MAX_DISRUPTED_PODS = 2000;
/** What a client is told to wait while the budget's controller is behind. */
const PROCESSING_RETRY_SECONDS = 10;

/**
 * `pods/eviction`: deletes a pod where its PodDisruptionBudget has a disruption left, taking that from the budget. Pods
 * that have ended or were never scheduled go without asking.
 */
export function evictionResource(options: {
  pod: () => Registry;
  budget: () => Registry;
  lookup: Lookup;
  clock: Clock;
}): VirtualResource {
  const { pod, budget, lookup, clock } = options;
  return {
    type: pods as ResourceType<KubeObject> as ResourceType,
    subresource: "eviction",
    async create(object, request) {
      const eviction = object as unknown as Eviction;
      const name = request.name ?? "";
      const namespace = request.namespace ?? "";
      if ((eviction.metadata?.name ?? name) !== name) {
        throw badRequest("name in URL does not match name in Eviction object");
      }
      const deleteOptions = { ...eviction.deleteOptions };
      const present = (await pod().get(name, namespace)).object as unknown as Pod;
      if (!goesUnasked(present)) {
        const found = await budgetOf(lookup, present);
        if (found && !isExempt(found, present)) {
          await budget().mutate(
            found.metadata!.name!,
            namespace,
            (current) => takeDisruption(current as unknown as PodDisruptionBudget, name, clock.now()),
            request.dryRun,
          );
          // The budget was spent on this very pod, not on a namesake that comes after it.
          deleteOptions.preconditions ??= { uid: present.metadata?.uid };
        }
      }
      if (!request.dryRun) await markEvicted(pod(), name, namespace, deleteOptions, clock.now());
      await pod().delete(name, namespace, deleteOptions, deleteRequest(request, deleteOptions));
      return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
    },
  };
}

/**
 * Tells in the pod why it is about to go (KEP-3329), for a Job's failure policy among others. A resource version that
 * the caller asks for is checked here, and replaced by the one that the mark leaves.
 */
async function markEvicted(
  registry: Registry,
  name: string,
  namespace: string,
  options: DeleteOptions,
  now: number,
): Promise<void> {
  const { preconditions } = options;
  const marked = await registry.mutate(name, namespace, (current) => {
    const { metadata, status } = current as unknown as Pod;
    checkDeletePreconditions(registry.subject, current, preconditions);
    const type = "DisruptionTarget";
    const present = status?.conditions?.find((condition) => condition.type === type);
    const condition = {
      type,
      status: "True",
      reason: "EvictionByEvictionAPI",
      message: "Eviction API: evicting",
      lastTransitionTime: present?.status === "True" ? present.lastTransitionTime : timestamp(now),
      ...(metadata?.generation === undefined ? {} : { observedGeneration: metadata.generation }),
    };
    if (jsonEqual(present, condition)) return undefined;
    const others = (status?.conditions ?? []).filter((other) => other.type !== type);
    return { ...current, status: { ...status, conditions: [...others, condition] } };
  });
  if (preconditions?.resourceVersion !== undefined) {
    options.preconditions = { ...preconditions, resourceVersion: String(marked.revision) };
  }
}

function deleteRequest({ user, dryRun = false, warn }: VirtualRequest, options: DeleteOptions) {
  const deleteOptions = { kind: "DeleteOptions", apiVersion: "v1", ...options } as UnknownObject;
  return { user, dryRun, options: deleteOptions, warn };
}

function goesUnasked({ metadata, status }: Pod): boolean {
  const phase = status?.phase;
  if (phase === "Succeeded" || phase === "Failed" || phase === "Pending") return true;
  return metadata?.deletionTimestamp !== undefined;
}

async function budgetOf(lookup: Lookup, pod: Pod): Promise<PodDisruptionBudget | undefined> {
  const { namespace, labels = {} } = pod.metadata ?? {};
  const all = await lookup.list(podDisruptionBudgets, { namespace });
  const matching = all.filter(({ spec }) => selectorOf(spec?.selector).matches(labels));
  if (matching.length > 1) {
    throw internalError(
      "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
    );
  }
  return matching[0];
}

/** A pod that is not healthy may go where the budget says so, or where enough others are. */
function isExempt({ spec, status }: PodDisruptionBudget, pod: Pod): boolean {
  const ready = pod.status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True");
  if (ready) return false;
  if (spec?.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

/** The budget with one disruption less, spent on the pod `name`. Throws a 429 where none is left. */
function takeDisruption(budget: PodDisruptionBudget, name: string, now: number): UnknownObject {
  const { status, metadata } = budget;
  const budgetName = metadata?.name ?? "";
  if ((status?.observedGeneration ?? 0) < (metadata?.generation ?? 0)) {
    throw refused(
      `The disruption budget ${budgetName} is still being processed by the server.`,
      PROCESSING_RETRY_SECONDS,
    );
  }
  const disrupted = status?.disruptedPods ?? {};
  if (Object.keys(disrupted).length > MAX_DISRUPTED_PODS) {
    throw refused(`DisruptedPods map too big - too many evictions not confirmed by PDB controller`, 0);
  }
  const allowed = status?.disruptionsAllowed ?? 0;
  if (allowed <= 0) {
    const { desiredHealthy = 0, currentHealthy = 0 } = status ?? {};
    throw refused(
      `The disruption budget ${budgetName} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
      0,
    );
  }
  const taken = cloneJson(budget);
  taken.status!.disruptionsAllowed = allowed - 1;
  taken.status!.disruptedPods = { ...disrupted, [name]: timestamp(now) };
  return taken as unknown as UnknownObject;
}

/** The 429 of an eviction, with the budget's side of it as the cause. */
function refused(cause: string, retryAfterSeconds: number): StatusError {
  const { status } = tooManyRequests(
    "Cannot evict pod as it would violate the pod's disruption budget.",
    retryAfterSeconds,
  );
  const details = { ...status.details, causes: [{ reason: "DisruptionBudget", message: cause }] };
  return new StatusError({ ...status, details });
}
