import { jsonEqual } from "../../api/json-equal.ts";
import type { PodCondition, PodIP, PodStatus } from "../../api/types/core.v1.ts";

/** The fields of a pod's status that the kubelet writes; the others are left alone. */
const OWNED_FIELDS: readonly (keyof PodStatus)[] = [
  "phase",
  "reason",
  "message",
  "observedGeneration",
  "conditions",
  "hostIP",
  "hostIPs",
  "podIP",
  "podIPs",
  "startTime",
  "initContainerStatuses",
  "containerStatuses",
  "ephemeralContainerStatuses",
  "qosClass",
  "resources",
  "allocatedResources",
];

/**
 * The strategic merge patch of the status subresource that turns `from` into `to`; undefined where they are the same.
 * Conditions and addresses are merged by their keys, so that those of other writers stay; other lists are replaced.
 */
export function statusPatch(uid: string, from: PodStatus, to: PodStatus): object | undefined {
  const patch: Record<string, unknown> = {};
  for (const field of OWNED_FIELDS) {
    if (jsonEqual(from[field], to[field])) continue;
    if (field === "conditions") {
      const changed = changedConditions(from.conditions ?? [], to.conditions ?? []);
      if (changed.length > 0) patch[field] = changed;
    } else if (field === "podIPs") patch[field] = changedIps(from.podIPs ?? [], to.podIPs ?? []);
    else patch[field] = to[field] ?? null;
  }
  return Object.keys(patch).length > 0 ? { metadata: { uid }, status: patch } : undefined;
}

function changedConditions(from: readonly PodCondition[], to: readonly PodCondition[]): unknown[] {
  const removed = from.filter(({ type }) => !to.some((condition) => condition.type === type));
  const changed = to.filter(
    (condition) =>
      !jsonEqual(
        from.find(({ type }) => type === condition.type),
        condition,
      ),
  );
  const merged = changed.map((condition) => {
    const old = from.find(({ type }) => type === condition.type);
    // A merge keeps what it isn't told of: a reason that no longer holds must be taken away.
    const gone = Object.keys(old ?? {}).filter((field) => condition[field as keyof PodCondition] === undefined);
    return { ...condition, ...Object.fromEntries(gone.map((field) => [field, null])) };
  });
  return [...merged, ...removed.map(({ type }) => ({ $patch: "delete", type }))];
}

function changedIps(from: readonly PodIP[], to: readonly PodIP[]): unknown[] {
  const removed = from.filter(({ ip }) => !to.some((other) => other.ip === ip));
  return [...to, ...removed.map(({ ip }) => ({ $patch: "delete", ip }))];
}
