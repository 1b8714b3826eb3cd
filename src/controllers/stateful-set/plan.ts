import type { StatefulSet, StatefulSetStatus } from "../../api/types/apps.v1.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import { scaledValue, withoutZeros } from "../counts.ts";
import { availableInMs, isAvailable, isFinished, isReady, isTerminating } from "../pod-state.ts";
import { endOrdinal, hasIdentity, ordinalOf, revisionNameOf, startOrdinal } from "./identity.ts";

export interface ObservedStatefulSet {
  set: StatefulSet;
  /** Those that it controls. */
  pods: readonly Pod[];
  /** The names of the revisions that run and that shall run. */
  currentRevision: string;
  updateRevision: string;
  now: number;
}

export interface StatefulSetPlan {
  create: { ordinal: number; revision: string }[];
  delete: Pod[];
  /** Pods whose labels no longer say who they are. */
  repair: Pod[];
  /** Pods that stay: their claims are to be looked after. Those scaled away are marked. */
  keepClaims: { pod: Pod; scaledAway: boolean }[];
  events: { type: "Warning"; reason: string; message: string }[];
  status: StatefulSetStatus;
  requeueAfterMs?: number;
}

const isRunningAndReady = (pod: Pod) => pod.status?.phase === "Running" && isReady(pod);
const isHealthy = (pod: Pod) => isRunningAndReady(pod) && !isTerminating(pod);
const byOrdinal = (set: StatefulSet) => (a: Pod, b: Pod) => ordinalOf(set, a)! - ordinalOf(set, b)!;

/**
 * One step of a StatefulSet. In order (unless `Parallel`): each pod waits for the one before it to be available, pods go
 * from the highest ordinal down, and one change is under way at a time.
 */
export function planStatefulSet(observed: ObservedStatefulSet): StatefulSetPlan {
  const { set, pods } = observed;
  const named = pods.filter((pod) => ordinalOf(set, pod) !== undefined).sort(byOrdinal(set));
  const [first, last] = [startOrdinal(set), endOrdinal(set)];
  const isWanted = (pod: Pod) => ordinalOf(set, pod)! >= first && ordinalOf(set, pod)! <= last;
  const wanted = named.filter(isWanted);
  const condemned = named.filter((pod) => !isWanted(pod)).reverse();
  const plan: StatefulSetPlan = {
    create: [],
    delete: [],
    repair: [],
    keepClaims: named.map((pod) => ({ pod, scaledAway: !isWanted(pod) })),
    events: [],
    status: statusOf(observed, named),
  };
  if (!set.metadata?.deletionTimestamp) {
    const done = fillUp(observed, wanted, plan) && takeAway(observed, wanted, condemned, plan);
    if (done && set.spec?.updateStrategy?.type !== "OnDelete") replaceOld(observed, wanted, plan);
  }
  const minReady = set.spec?.minReadySeconds ?? 0;
  const waits = named.map((pod) => availableInMs(pod, minReady, observed.now)).filter((wait) => wait);
  if (waits.length > 0) plan.requeueAfterMs = Math.min(...(waits as number[]));
  return plan;
}

/** Sees to each ordinal that is wanted; false while something has to be waited for. */
function fillUp(observed: ObservedStatefulSet, wanted: readonly Pod[], plan: StatefulSetPlan): boolean {
  const { set, now } = observed;
  const ordered = set.spec?.podManagementPolicy !== "Parallel";
  const present = new Map(wanted.map((pod) => [ordinalOf(set, pod), pod]));
  let complete = true;
  for (let ordinal = startOrdinal(set); ordinal <= endOrdinal(set); ordinal++) {
    const pod = present.get(ordinal);
    if (!pod) {
      plan.create.push({ ordinal, revision: revisionFor(observed, ordinal) });
      complete = false;
    } else if (isFinished(pod)) {
      complete = false;
      if (!isTerminating(pod)) {
        const failed = pod.status?.phase === "Failed";
        const about = `StatefulSet ${set.metadata?.namespace}/${set.metadata?.name} is recreating`;
        plan.events.push({
          type: "Warning",
          reason: failed ? "RecreatingFailedPod" : "RecreatingTerminatedPod",
          message: `${about} ${failed ? "failed" : "terminated"} Pod ${pod.metadata?.name}`,
        });
        plan.delete.push(pod);
      }
    } else {
      if (!hasIdentity(set, pod) && !isTerminating(pod)) plan.repair.push(pod);
      if (isTerminating(pod) || !isRunningAndReady(pod) || !isAvailable(pod, set.spec?.minReadySeconds ?? 0, now)) {
        if (ordered) return false;
        continue;
      }
    }
    if (ordered && !complete) return false;
  }
  return complete;
}

/** Deletes what is too much, the highest ordinal first; false while something has to be waited for. */
function takeAway(
  { set, now }: ObservedStatefulSet,
  wanted: readonly Pod[],
  condemned: readonly Pod[],
  plan: StatefulSetPlan,
): boolean {
  const ordered = set.spec?.podManagementPolicy !== "Parallel";
  const firstUnhealthy = [...wanted, ...[...condemned].reverse()].find((pod) => !isHealthy(pod));
  for (const pod of condemned) {
    if (isTerminating(pod)) {
      if (ordered) return false;
      continue;
    }
    // While another pod is unwell none is taken away, unless it is that one.
    const unwell = !isRunningAndReady(pod) || !isAvailable(pod, set.spec?.minReadySeconds ?? 0, now);
    if (ordered && unwell && pod !== firstUnhealthy) return false;
    plan.delete.push(pod);
    if (ordered) return false;
  }
  return true;
}

/** Deletes pods of another revision from the highest ordinal down to the partition, as many as may be missing. */
function replaceOld(observed: ObservedStatefulSet, wanted: readonly Pod[], plan: StatefulSetPlan): void {
  const { set, updateRevision, now } = observed;
  const { partition = 0, maxUnavailable = 1 } = set.spec?.updateStrategy?.rollingUpdate ?? {};
  const lowest = startOrdinal(set) + partition;
  const limit = Math.max(1, scaledValue(maxUnavailable, set.spec?.replicas ?? 1, false));
  const isUp = (pod: Pod) => isHealthy(pod) && isAvailable(pod, set.spec?.minReadySeconds ?? 0, now);
  let budget = limit - wanted.filter((pod) => !isUp(pod)).length;
  for (const pod of [...wanted].reverse()) {
    if (ordinalOf(set, pod)! < lowest) return;
    if (revisionNameOf(pod) === updateRevision || isTerminating(pod)) continue;
    // One that is down already costs nothing.
    if (isUp(pod) && budget-- <= 0) return;
    plan.delete.push(pod);
  }
}

/** Ordinals below the partition are (re)made as they were. */
function revisionFor({ set, currentRevision, updateRevision }: ObservedStatefulSet, ordinal: number): string {
  if (set.spec?.updateStrategy?.type === "OnDelete") return updateRevision;
  const { rollingUpdate } = set.spec?.updateStrategy ?? {};
  const kept = rollingUpdate ? (rollingUpdate.partition ?? 0) : (set.status?.currentReplicas ?? 0);
  return ordinal < startOrdinal(set) + kept ? currentRevision : updateRevision;
}

function statusOf(observed: ObservedStatefulSet, pods: readonly Pod[]): StatefulSetStatus {
  const { set, currentRevision, updateRevision, now } = observed;
  const ofRevision = (name: string) => pods.filter((pod) => !isTerminating(pod) && revisionNameOf(pod) === name).length;
  const ready = pods.filter(isRunningAndReady);
  const replicas = set.spec?.replicas ?? 1;
  const updated = ofRevision(updateRevision);
  const complete =
    set.spec?.updateStrategy?.type !== "OnDelete" &&
    updated === replicas &&
    ready.length === replicas &&
    pods.length === replicas;
  const { collisionCount, conditions } = set.status ?? {};
  return {
    replicas: pods.length,
    ...withoutZeros({
      readyReplicas: ready.length,
      currentReplicas: complete ? updated : ofRevision(currentRevision),
      updatedReplicas: updated,
      observedGeneration: set.metadata?.generation,
    }),
    availableReplicas: ready.filter((pod) => isAvailable(pod, set.spec?.minReadySeconds ?? 0, now)).length,
    currentRevision: complete ? updateRevision : currentRevision,
    updateRevision,
    collisionCount: collisionCount ?? 0,
    ...(conditions ? { conditions } : {}),
  };
}
