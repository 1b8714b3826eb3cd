import { sameTaint } from "../../api/taints.ts";
import type { Node, Taint } from "../../api/types/core.v1.ts";
import { time } from "../../client/timestamps.ts";
import { readyCondition } from "./heartbeats.ts";

export const NOT_READY = "node.kubernetes.io/not-ready";
export const UNREACHABLE = "node.kubernetes.io/unreachable";

/** Which taint each state of a condition means (KEP-382). */
const BY_CONDITION: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Ready: { False: NOT_READY, Unknown: UNREACHABLE },
  MemoryPressure: { True: "node.kubernetes.io/memory-pressure" },
  DiskPressure: { True: "node.kubernetes.io/disk-pressure" },
  PIDPressure: { True: "node.kubernetes.io/pid-pressure" },
  NetworkUnavailable: { True: "node.kubernetes.io/network-unavailable" },
};
const UNSCHEDULABLE = "node.kubernetes.io/unschedulable";
const NO_SCHEDULE_KEYS = new Set([
  ...Object.values(BY_CONDITION).flatMap((states) => Object.values(states)),
  UNSCHEDULABLE,
]);

/** The NoSchedule taints that a node's conditions, and its being cordoned, call for. */
export function noScheduleTaints(node: Node): Taint[] {
  const keys = (node.status?.conditions ?? [])
    .map(({ type, status }) => BY_CONDITION[type]?.[status])
    .filter((key) => key !== undefined);
  if (node.spec?.unschedulable) keys.push(UNSCHEDULABLE);
  return keys.map((key) => ({ key, effect: "NoSchedule" }));
}

/** The NoExecute taint that a node's readiness calls for; undefined for a ready node. */
export function noExecuteTaint(node: Node): Taint | undefined {
  const ready = readyCondition(node);
  if (!ready || ready.status === "True") return undefined;
  return { key: ready.status === "False" ? NOT_READY : UNREACHABLE, effect: "NoExecute" };
}

const isReadinessEviction = ({ key, effect }: Taint) =>
  effect === "NoExecute" && (key === NOT_READY || key === UNREACHABLE);

export const isTaintedForEviction = (node: Node): boolean => node.spec?.taints?.some(isReadinessEviction) ?? false;

/**
 * The node's taints as they should be, or undefined where they are. `evict` says whether pods may be driven off: "now",
 * "keep" (only what is there already stays, or is exchanged for the other reason), or "never".
 */
export function plannedTaints(node: Node, evict: "now" | "keep" | "never", now: number): Taint[] | undefined {
  const present = node.spec?.taints ?? [];
  const eviction = noExecuteTaint(node);
  const wantsEviction = eviction && (evict === "now" || (evict === "keep" && isTaintedForEviction(node)));
  const wanted = [...noScheduleTaints(node), ...(wantsEviction ? [eviction] : [])];
  const isOurs = (taint: Taint) =>
    isReadinessEviction(taint) || (taint.effect === "NoSchedule" && NO_SCHEDULE_KEYS.has(taint.key));
  const kept = present.filter((taint) => !isOurs(taint) || wanted.some((one) => sameTaint(one, taint)));
  const added = wanted.filter((one) => !present.some((taint) => sameTaint(one, taint)));
  if (kept.length === present.length && added.length === 0) return undefined;
  return [...kept, ...added.map((taint) => ({ ...taint, timeAdded: time(now) }))];
}
