import type { Taint, Toleration } from "./types/core.v1.ts";

/** Whether `toleration` lets a pod onto, or stay on, a node with `taint`. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  switch (toleration.operator ?? "") {
    case "":
    case "Equal":
      return (toleration.value ?? "") === (taint.value ?? "");
    case "Exists":
      return true;
    default:
      return false;
  }
}

/** Whether one of `tolerations` tolerates `taint`. */
export function isTolerated(taint: Taint, tolerations: readonly Toleration[] | undefined): boolean {
  return tolerations?.some((toleration) => tolerates(toleration, taint)) ?? false;
}

/** The first taint that is not tolerated, of those that `relevant` picks (all of them unless given). */
export function findUntolerated(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  relevant: (taint: Taint) => boolean = () => true,
): Taint | undefined {
  return taints?.find((taint) => relevant(taint) && !isTolerated(taint, tolerations));
}

/** The effects that keep a new pod away from a node. */
export const keepsPodsAway = (taint: Taint): boolean => taint.effect === "NoSchedule" || taint.effect === "NoExecute";

/** Two taints of one key and effect are the same taint, whatever their value. */
export const sameTaint = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect;

/** `key=value:effect`, as kubectl writes taints. */
export function formatTaint({ key, value, effect }: Taint): string {
  if (!effect) return value ? `${key}=${value}:` : key;
  return value ? `${key}=${value}:${effect}` : `${key}:${effect}`;
}
