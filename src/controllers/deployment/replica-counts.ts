import type { Deployment, ReplicaSet } from "../../api/types/apps.v1.ts";
import { scaledValue } from "../counts.ts";
import { DESIRED_REPLICAS } from "./revisions.ts";

/** A ReplicaSet and the size that it is to have. */
export interface Sized {
  readonly set: ReplicaSet;
  replicas: number;
}

export const wantedReplicas = (deployment: Deployment): number => deployment.spec?.replicas ?? 1;
export const isRolling = (deployment: Deployment): boolean => deployment.spec?.strategy?.type !== "Recreate";
export const sizeOf = (set: ReplicaSet): number => set.spec?.replicas ?? 1;
export const availableOf = (set: ReplicaSet): number => set.status?.availableReplicas ?? 0;
export const totalSize = (sized: readonly Sized[]): number => sized.reduce((sum, { replicas }) => sum + replicas, 0);

/** How many pods beyond the wanted number may exist, and how many of those wanted may be missing. Never both none. */
export function surgeAndUnavailable(deployment: Deployment): { surge: number; unavailable: number } {
  if (!isRolling(deployment)) return { surge: 0, unavailable: 0 };
  const wanted = wantedReplicas(deployment);
  const { maxSurge, maxUnavailable } = deployment.spec?.strategy?.rollingUpdate ?? {};
  const surge = scaledValue(maxSurge, wanted, true);
  const unavailable = scaledValue(maxUnavailable, wanted, false);
  if (surge === 0 && unavailable === 0) return { surge, unavailable: Math.min(1, wanted) };
  return { surge, unavailable: Math.min(unavailable, wanted) };
}

/** How large the new set may be now, given all sets' sizes. */
export function sizeOfNew(deployment: Deployment, all: readonly Sized[], current: number): number {
  const wanted = wantedReplicas(deployment);
  if (!isRolling(deployment)) return wanted;
  const room = wanted + surgeAndUnavailable(deployment).surge - totalSize(all);
  return room <= 0 ? current : current + Math.min(room, wanted - current);
}

/**
 * The sizes of the old sets after one step of a rolling update: first pods that are not available anyway go, then as many
 * available ones as the Deployment can do without. `old` is sorted by age; its sizes are changed.
 */
export function shrinkOld(deployment: Deployment, current: Sized | undefined, old: Sized[]): void {
  if (totalSize(old) === 0) return;
  const all = current ? [...old, current] : old;
  const minimum = wantedReplicas(deployment) - surgeAndUnavailable(deployment).unavailable;
  const newUnavailable = current ? current.replicas - availableOf(current.set) : 0;
  let unhealthy = totalSize(all) - minimum - newUnavailable;
  if (unhealthy <= 0) return;
  for (const entry of old) {
    const remove = Math.min(unhealthy, entry.replicas - availableOf(entry.set));
    if (remove <= 0) continue;
    entry.replicas -= remove;
    unhealthy -= remove;
  }
  let spare = all.reduce((sum, { set }) => sum + availableOf(set), 0) - minimum;
  for (const entry of old) {
    const remove = Math.min(spare, entry.replicas);
    if (remove <= 0) continue;
    entry.replicas -= remove;
    spare -= remove;
  }
}

/** Whether the Deployment was scaled since its sets were last sized. */
export function wasScaled(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.some((set) => {
    const desired = annotatedCount(set, DESIRED_REPLICAS);
    return sizeOf(set) > 0 && desired !== undefined && desired !== wantedReplicas(deployment);
  });
}

/** A count in an annotation; undefined where there is none. */
export function annotatedCount(set: ReplicaSet, annotation: string): number | undefined {
  const text = set.metadata?.annotations?.[annotation];
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}
