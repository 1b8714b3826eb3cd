import type { Pod } from "../../api/types/core.v1.ts";
import { isReady, readySince } from "../pod-state.ts";

const DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";
const PHASE_RANK: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };

/**
 * The pods in the order in which a scale-down deletes them: unassigned before assigned, pending before unknown before
 * running, unready before ready, cheap before costly, those with many siblings on their node (`siblings`), those ready
 * for a shorter time, those that restarted more, and at last the younger ones. Times are compared by powers of two, so
 * that it is not always the newest that goes (KEP-2185).
 */
export function inDeletionOrder(pods: readonly Pod[], siblings: (pod: Pod) => number, now: number): Pod[] {
  const criteria: ((a: Pod, b: Pod) => number)[] = [
    (a, b) => Number(Boolean(a.spec?.nodeName)) - Number(Boolean(b.spec?.nodeName)),
    (a, b) => phaseRank(a) - phaseRank(b),
    (a, b) => Number(isReady(a)) - Number(isReady(b)),
    (a, b) => deletionCost(a) - deletionCost(b),
    (a, b) => siblings(b) - siblings(a),
    (a, b) => compareAges(readySince(a), readySince(b), a, b, now),
    (a, b) => restarts(b, false) - restarts(a, false),
    (a, b) => restarts(b, true) - restarts(a, true),
    (a, b) => compareAges(createdAt(a), createdAt(b), a, b, now),
  ];
  return [...pods].sort((a, b) => {
    for (const compare of criteria) {
      const order = compare(a, b);
      if (order !== 0) return order;
    }
    return 0;
  });
}

const phaseRank = (pod: Pod) => PHASE_RANK[pod.status?.phase ?? "Pending"] ?? 0;

/** The annotation's integer, 0 where there is none or it is malformed. */
function deletionCost(pod: Pod): number {
  const text = pod.metadata?.annotations?.[DELETION_COST];
  return text !== undefined && /^(0|[+-]?[1-9]\d*)$/.test(text) ? Number(text) : 0;
}

function createdAt(pod: Pod): number | undefined {
  const text = pod.metadata?.creationTimestamp;
  return text === undefined ? undefined : Date.parse(text);
}

/** The younger first; unknown counts as youngest. Within one power of two the uid decides: arbitrary, but stable. */
function compareAges(a: number | undefined, b: number | undefined, one: Pod, other: Pod, now: number): number {
  if (a === b) return 0;
  if (a === undefined) return -1;
  if (b === undefined) return 1;
  const difference = magnitude(now - a) - magnitude(now - b);
  if (difference !== 0) return difference;
  return (one.metadata?.uid ?? "") < (other.metadata?.uid ?? "") ? -1 : 1;
}

const magnitude = (ageMs: number) => (ageMs > 0 ? Math.floor(Math.log2(ageMs * 1e6)) : -1);

/** The most restarts of one container; sidecars (restartable init containers) are counted apart. */
function restarts(pod: Pod, sidecars: boolean): number {
  const sidecarNames = new Set(
    (pod.spec?.initContainers ?? []).filter((one) => one.restartPolicy === "Always").map((one) => one.name),
  );
  const statuses = sidecars
    ? (pod.status?.initContainerStatuses ?? []).filter((status) => sidecarNames.has(status.name))
    : (pod.status?.containerStatuses ?? []);
  return Math.max(0, ...statuses.map((status) => status.restartCount));
}
