import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from "../../api/types/apps.v1.ts";
import { time } from "../../client/timestamps.ts";
import { withoutZeros } from "../counts.ts";
import { availableOf, sizeOf, surgeAndUnavailable, wantedReplicas } from "./replica-counts.ts";

const NO_DEADLINE = 2 ** 31 - 1;
const PROGRESSING = "Progressing";
/** The reasons of the Progressing condition, as `kubectl rollout status` and others read them. */
export const REASONS = {
  created: "NewReplicaSetCreated",
  found: "FoundNewReplicaSet",
  createFailed: "ReplicaSetCreateError",
  updated: "ReplicaSetUpdated",
  available: "NewReplicaSetAvailable",
  timedOut: "ProgressDeadlineExceeded",
  paused: "DeploymentPaused",
  resumed: "DeploymentResumed",
} as const;

export const hasDeadline = (deployment: Deployment): boolean =>
  deployment.spec?.progressDeadlineSeconds !== undefined && deployment.spec.progressDeadlineSeconds !== NO_DEADLINE;

export const progressOf = (status: DeploymentStatus | undefined): DeploymentCondition | undefined =>
  status?.conditions?.find((condition) => condition.type === PROGRESSING);

/** `conditions` with one set: unchanged where status and reason are the same, and with its old transition time where the status is. */
export function withCondition(
  conditions: readonly DeploymentCondition[],
  type: string,
  status: "True" | "False" | "Unknown",
  reason: string,
  message: string,
  now: number,
): DeploymentCondition[] {
  const present = conditions.find((condition) => condition.type === type);
  if (present?.status === status && present.reason === reason) return [...conditions];
  const lastUpdateTime = time(now);
  const lastTransitionTime = present?.status === status ? present.lastTransitionTime : lastUpdateTime;
  const condition = { type, status, lastUpdateTime, lastTransitionTime, reason, message };
  return [...withoutCondition(conditions, type), condition];
}

const withoutCondition = (conditions: readonly DeploymentCondition[], type: string) =>
  conditions.filter((condition) => condition.type !== type);

export const withProgress = (
  status: DeploymentStatus,
  value: "True" | "False" | "Unknown",
  reason: string,
  message: string,
  now: number,
): DeploymentStatus => ({
  ...status,
  conditions: withCondition(status.conditions ?? [], PROGRESSING, value, reason, message, now),
});

/** What is counted over the ReplicaSets, and whether enough is available. `base` has the conditions so far. */
export function countStatus(
  deployment: Deployment,
  base: DeploymentStatus,
  current: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
  now: number,
): DeploymentStatus {
  const sum = (count: (set: ReplicaSet) => number | undefined) =>
    all.reduce((total, set) => total + (count(set) ?? 0), 0);
  const available = sum(availableOf);
  const enough = available >= wantedReplicas(deployment) - surgeAndUnavailable(deployment).unavailable;
  return {
    ...withoutZeros({
      observedGeneration: deployment.metadata?.generation,
      replicas: sum((set) => set.status?.replicas),
      updatedReplicas: current?.status?.replicas,
      readyReplicas: sum((set) => set.status?.readyReplicas),
      availableReplicas: available,
      unavailableReplicas: Math.max(0, sum(sizeOf) - available),
    }),
    // Unknown as soon as one set does not tell; those that were never looked at have none.
    ...(all.every(({ status }) => !status?.observedGeneration || status.terminatingReplicas !== undefined)
      ? { terminatingReplicas: sum((set) => set.status?.terminatingReplicas) }
      : {}),
    ...(base.collisionCount === undefined ? {} : { collisionCount: base.collisionCount }),
    conditions: enough
      ? withCondition(
          base.conditions ?? [],
          "Available",
          "True",
          "MinimumReplicasAvailable",
          "Deployment has minimum availability.",
          now,
        )
      : withCondition(
          base.conditions ?? [],
          "Available",
          "False",
          "MinimumReplicasUnavailable",
          "Deployment does not have minimum availability.",
          now,
        ),
  };
}

/** All pods are of the present template, and available. */
export function isComplete(deployment: Deployment, status: DeploymentStatus | undefined): boolean {
  const wanted = wantedReplicas(deployment);
  return (
    (status?.updatedReplicas ?? 0) === wanted &&
    (status?.replicas ?? 0) === wanted &&
    (status?.availableReplicas ?? 0) === wanted &&
    (status?.observedGeneration ?? 0) >= (deployment.metadata?.generation ?? 0)
  );
}

/** Says how the rollout goes: progressing, done, or stuck for longer than the deadline; and takes over the sets' failures. */
export function judgeProgress(
  deployment: Deployment,
  counted: DeploymentStatus,
  current: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
  now: number,
): DeploymentStatus {
  let status = counted;
  const subject = current
    ? `ReplicaSet ${JSON.stringify(current.metadata?.name)}`
    : `Deployment ${JSON.stringify(deployment.metadata?.name)}`;
  const before = progressOf(counted);
  const settled = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && before?.reason === REASONS.available;
  if (!hasDeadline(deployment)) {
    status = { ...status, conditions: withoutCondition(status.conditions ?? [], PROGRESSING) };
  } else if (!settled) {
    if (isComplete(deployment, status)) {
      status = withProgress(status, "True", REASONS.available, `${subject} has successfully progressed.`, now);
    } else if (hasProgressed(deployment.status, status)) {
      // The update time moves on with each bit of progress: the deadline counts from there.
      const conditions = withoutCondition(status.conditions ?? [], PROGRESSING);
      const lastTransitionTime = before?.status === "True" ? before.lastTransitionTime : time(now);
      conditions.push({
        type: PROGRESSING,
        status: "True",
        lastUpdateTime: time(now),
        lastTransitionTime,
        reason: REASONS.updated,
        message: `${subject} is progressing.`,
      });
      status = { ...status, conditions };
    } else if (hasTimedOut(deployment, before, now)) {
      status = withProgress(status, "False", REASONS.timedOut, `${subject} has timed out progressing.`, now);
    }
  }
  return { ...status, conditions: withFailures(status.conditions ?? [], current, all) };
}

function hasProgressed(before: DeploymentStatus | undefined, now: DeploymentStatus): boolean {
  const outdated = (status: DeploymentStatus | undefined) => (status?.replicas ?? 0) - (status?.updatedReplicas ?? 0);
  return (
    (now.updatedReplicas ?? 0) > (before?.updatedReplicas ?? 0) ||
    outdated(now) < outdated(before) ||
    (now.readyReplicas ?? 0) > (before?.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (before?.availableReplicas ?? 0)
  );
}

function hasTimedOut(deployment: Deployment, progress: DeploymentCondition | undefined, now: number): boolean {
  if (!progress || progress.reason === REASONS.available) return false;
  return progress.reason === REASONS.timedOut || deadlineOf(deployment, progress) < now;
}

/** When the rollout counts as stuck if nothing happens any more, in ms of wall time. */
function deadlineOf(deployment: Deployment, progress: DeploymentCondition): number {
  return Date.parse(progress.lastUpdateTime ?? "") + (deployment.spec?.progressDeadlineSeconds ?? 0) * 1000;
}

/** In how many ms to look again whether the rollout is stuck; undefined where it is not under way. */
export function nextProgressCheckMs(deployment: Deployment, status: DeploymentStatus, now: number): number | undefined {
  const progress = progressOf(status);
  if (!hasDeadline(deployment) || !progress) return undefined;
  // A rollout that was done once does not time out, however long a later scaling takes.
  const over: string[] = [REASONS.timedOut, REASONS.available];
  if (isComplete(deployment, status) || over.includes(progress.reason ?? "")) return undefined;
  return Math.max(0, deadlineOf(deployment, progress) - now) + 1000;
}

function withFailures(
  conditions: readonly DeploymentCondition[],
  current: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
): DeploymentCondition[] {
  const failureOf = (set: ReplicaSet | undefined) =>
    set?.status?.conditions?.find((condition) => condition.type === "ReplicaFailure");
  const failure = failureOf(current) ?? all.map(failureOf).find((one) => one !== undefined);
  const present = conditions.find((condition) => condition.type === "ReplicaFailure");
  if (failure && present?.status === failure.status && present.reason === failure.reason) return [...conditions];
  const others = withoutCondition(conditions, "ReplicaFailure");
  if (!failure) return others;
  const { type, status, reason, message, lastTransitionTime } = failure;
  return [...others, { type, status, reason, message, lastTransitionTime, lastUpdateTime: lastTransitionTime }];
}
