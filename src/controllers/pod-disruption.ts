import type { Pod } from "../api/types/core.v1.ts";
import { time } from "../client/timestamps.ts";
import { podCondition } from "./pod-state.ts";

/** The merge patch of a pod's status that tells why it is about to be deleted (KEP-3329); undefined where it says so already. */
export function disruptionPatch(
  pod: Pod,
  reason: string,
  message: string,
  now: number,
  phase?: "Failed",
): object | undefined {
  const present = podCondition(pod, "DisruptionTarget");
  const told = present?.status === "True" && present.reason === reason && present.message === message;
  if (told && (phase === undefined || pod.status?.phase === phase)) return undefined;
  const condition = {
    type: "DisruptionTarget",
    status: "True",
    reason,
    message,
    lastTransitionTime: present?.status === "True" ? present.lastTransitionTime : time(now),
    ...(pod.metadata?.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
  };
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== "DisruptionTarget");
  const { uid, resourceVersion } = pod.metadata ?? {};
  return {
    // The list is replaced as a whole, so it must be the newest one that was read.
    metadata: { uid, resourceVersion },
    status: { conditions: [...others, condition], ...(phase === undefined ? {} : { phase }) },
  };
}
