import type { HorizontalPodAutoscalerCondition } from "../../api/types/autoscaling.v2.ts";
import { time } from "../../client/timestamps.ts";

export type ConditionType = "AbleToScale" | "ScalingActive" | "ScalingLimited";

/** The conditions of an autoscaler while they are worked out: each keeps the time at which its status last changed. */
export interface Conditions {
  set(type: ConditionType, status: boolean, reason: string, message: string): void;
  list(): HorizontalPodAutoscalerCondition[];
}

export function conditionsFrom(
  present: readonly HorizontalPodAutoscalerCondition[] | undefined,
  now: number,
): Conditions {
  // Insertion order is the order in the status.
  const original = new Map((present ?? []).map((condition) => [condition.type, condition]));
  const conditions = new Map(original);
  return {
    set(type, holds, reason, message) {
      const status = holds ? "True" : "False";
      const before = original.get(type);
      const lastTransitionTime = before?.status === status ? before.lastTransitionTime : time(now);
      conditions.set(type, { type, status, ...(lastTransitionTime ? { lastTransitionTime } : {}), reason, message });
    },
    list: () => [...conditions.values()],
  };
}
