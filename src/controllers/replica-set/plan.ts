import type { ReplicaSetCondition, ReplicaSetStatus } from "../../api/types/apps.v1.ts";
import type { Pod, PodTemplateSpec } from "../../api/types/core.v1.ts";
import { time } from "../../client/timestamps.ts";
import { withoutZeros } from "../counts.ts";
import { availableInMs, isReady } from "../pod-state.ts";
import { inDeletionOrder } from "./pod-ranking.ts";

/** At most so many pods are created or deleted in one go. */
const BURST = 500;

export interface ReplicaPlan {
  create: number;
  delete: Pod[];
}

/** How to get from the `active` pods to `wanted` ones. `siblings` counts a pod's like on its node. */
export function planReplicas(
  wanted: number,
  active: readonly Pod[],
  siblings: (pod: Pod) => number,
  now: number,
): ReplicaPlan {
  const surplus = active.length - wanted;
  if (surplus <= 0) return { create: Math.min(wanted - active.length, BURST), delete: [] };
  const count = Math.min(surplus, BURST);
  if (wanted === 0) return { create: 0, delete: active.slice(0, count) };
  return { create: 0, delete: inDeletionOrder(active, siblings, now).slice(0, count) };
}

/** Failure of the last attempt to create or delete pods. */
export interface ReplicaFailure {
  reason: "FailedCreate" | "FailedDelete";
  message: string;
}

/** The status of a ReplicaSet or ReplicationController with these pods. */
export function planStatus(observed: {
  old: ReplicaSetStatus | undefined;
  generation: number | undefined;
  template: PodTemplateSpec | undefined;
  minReadySeconds: number;
  active: readonly Pod[];
  /** How many are being deleted; undefined for kinds that do not tell. */
  terminating: number | undefined;
  failure: ReplicaFailure | undefined;
  now: number;
}): { status: ReplicaSetStatus; nextAvailableInMs: number | undefined } {
  const { old, active, failure, now } = observed;
  const labels = Object.entries(observed.template?.metadata?.labels ?? {});
  const waits = active.map((pod) => availableInMs(pod, observed.minReadySeconds, now));
  const waiting = waits.filter((wait) => wait !== undefined && wait > 0) as number[];
  const conditions = conditionsWith(old?.conditions ?? [], failure, now);
  const fullyLabeled = (pod: Pod) => labels.every(([name, value]) => pod.metadata?.labels?.[name] === value);
  const status: ReplicaSetStatus = {
    replicas: active.length,
    ...withoutZeros({
      fullyLabeledReplicas: active.filter(fullyLabeled).length,
      readyReplicas: active.filter(isReady).length,
      availableReplicas: waits.filter((wait) => wait === 0).length,
      observedGeneration: observed.generation,
    }),
    ...(observed.terminating === undefined ? {} : { terminatingReplicas: observed.terminating }),
    ...(conditions.length > 0 ? { conditions } : {}),
  };
  return { status, nextAvailableInMs: waiting.length > 0 ? Math.min(...waiting) : undefined };
}

function conditionsWith(
  old: readonly ReplicaSetCondition[],
  failure: ReplicaFailure | undefined,
  now: number,
): ReplicaSetCondition[] {
  const present = old.find((condition) => condition.type === "ReplicaFailure");
  // The first failure is the one that is shown until pods can be managed again.
  if (failure && present) return [...old];
  const others = old.filter((condition) => condition.type !== "ReplicaFailure");
  if (!failure) return others;
  const { reason, message } = failure;
  return [...others, { type: "ReplicaFailure", status: "True", lastTransitionTime: time(now), reason, message }];
}
