import type { Pod, PodCondition } from "../api/types/core.v1.ts";

/** The condition of `type`, if the pod has it. */
export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

export const isReady = (pod: Pod): boolean => podCondition(pod, "Ready")?.status === "True";

/** When the pod became ready, in ms; undefined where it is not, or where that is not known. */
export function readySince(pod: Pod): number | undefined {
  const condition = podCondition(pod, "Ready");
  if (condition?.status !== "True" || !condition.lastTransitionTime) return undefined;
  return Date.parse(condition.lastTransitionTime);
}

/**
 * In how many ms the pod will have been ready for `minReadySeconds` if it stays so: 0 where it is available now,
 * undefined where it is not ready.
 */
export function availableInMs(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  if (!isReady(pod)) return undefined;
  if (minReadySeconds === 0) return 0;
  const since = readySince(pod);
  return since === undefined ? undefined : Math.max(0, since + minReadySeconds * 1000 - now);
}

export const isAvailable = (pod: Pod, minReadySeconds: number, now: number): boolean =>
  availableInMs(pod, minReadySeconds, now) === 0;

/** Whether the pod has run to its end. */
export const isFinished = (pod: Pod): boolean => pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";

export const isTerminating = (pod: Pod): boolean => pod.metadata?.deletionTimestamp !== undefined;

/** Neither finished nor being deleted. */
export const isActive = (pod: Pod): boolean => !isFinished(pod) && !isTerminating(pod);
