import type { Deployment } from "../../api/types/apps.v1.ts";
import {
  annotatedCount,
  availableOf,
  isRolling,
  type Sized,
  surgeAndUnavailable,
  totalSize,
  wantedReplicas,
} from "./replica-counts.ts";
import { byCreation, DESIRED_REPLICAS, MAX_REPLICAS } from "./revisions.ts";

/**
 * Sizes the sets of a Deployment that is scaled, or paused: the only active set gets it all; in the midst of a rolling
 * update each active set gets its share, so that the proportion of old and new pods stays.
 */
export function scaleInProportion(deployment: Deployment, current: Sized | undefined, old: Sized[]): void {
  const wanted = wantedReplicas(deployment);
  const only = activeOrLatest(current, old);
  if (only) {
    only.replicas = wanted;
    return;
  }
  if (current && isSaturated(deployment, current)) {
    for (const entry of old) entry.replicas = 0;
    return;
  }
  if (!isRolling(deployment)) return;
  const active = [...old, ...(current ? [current] : [])].filter(({ replicas }) => replicas > 0);
  const allowed = wanted > 0 ? wanted + surgeAndUnavailable(deployment).surge : 0;
  const add = allowed - totalSize(active);
  if (add === 0) return;
  // The largest first; among equals the newer grow first, and the older shrink first.
  active.sort((a, b) => b.replicas - a.replicas || (add > 0 ? byCreation(b.set, a.set) : byCreation(a.set, b.set)));
  let added = 0;
  for (const entry of active) {
    const share = shareOf(deployment, entry);
    const left = add - added;
    const change = left === 0 ? 0 : add > 0 ? Math.min(share, left) : Math.max(share, left);
    entry.replicas += change;
    added += change;
  }
  const [largest] = active;
  if (largest) largest.replicas = Math.max(0, largest.replicas + add - added);
}

/** The one active set; without any, the new one or else the youngest; undefined where several are active. */
function activeOrLatest(current: Sized | undefined, old: readonly Sized[]): Sized | undefined {
  const active = [...old, ...(current ? [current] : [])].filter(({ replicas }) => replicas > 0);
  if (active.length === 0) return current ?? [...old].sort((a, b) => byCreation(b.set, a.set))[0];
  return active.length === 1 ? active[0] : undefined;
}

function isSaturated(deployment: Deployment, current: Sized): boolean {
  const wanted = wantedReplicas(deployment);
  return (
    current.replicas === wanted &&
    annotatedCount(current.set, DESIRED_REPLICAS) === wanted &&
    availableOf(current.set) === wanted
  );
}

/** By how much a set grows or shrinks when it keeps its part of the whole, given the maximum it was sized for. */
function shareOf(deployment: Deployment, { set, replicas }: Sized): number {
  const wanted = wantedReplicas(deployment);
  if (wanted === 0) return -replicas;
  const before = annotatedCount(set, MAX_REPLICAS) || (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  const maximum = wanted + surgeAndUnavailable(deployment).surge;
  return Math.round((replicas * maximum) / before) - replicas;
}
