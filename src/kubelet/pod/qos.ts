import { quantityValue } from "../../api/quantity.ts";
import { computeQosClass, type QosClass } from "../../api/resources/core/pod-resources.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import { type AnyContainer, isSidecar, isStaticPod, regularContainers } from "./pod.ts";

/** The class of the pod: the one in its status, or else from its spec. */
export function qosClass(pod: Pod): QosClass {
  return (pod.status?.qosClass as QosClass | undefined) ?? computeQosClass(pod);
}

const SYSTEM_CRITICAL_PRIORITY = 2_000_000_000;

/** A pod that node pressure spares and that may displace others on the node: static, or of a system priority. */
export function isCriticalPod(pod: Pod): boolean {
  return isStaticPod(pod) || (pod.spec?.priority ?? 0) >= SYSTEM_CRITICAL_PRIORITY;
}

const GUARANTEED_OOM_SCORE = -997;
const BEST_EFFORT_OOM_SCORE = 1000;

/** The oom_score_adj of a container's processes on a node with `memoryCapacity` bytes: the more requested, the safer. */
export function oomScoreAdj(pod: Pod, container: AnyContainer, memoryCapacity: number): number {
  if (isCriticalPod(pod)) return GUARANTEED_OOM_SCORE;
  const own = burstableScore(pod, container, memoryCapacity);
  if (qosClass(pod) !== "Burstable" || !isSidecar(container)) return own;
  // A sidecar must not be killed before the containers it serves.
  return Math.min(own, ...regularContainers(pod).map((other) => burstableScore(pod, other, memoryCapacity)));
}

function burstableScore(pod: Pod, container: AnyContainer, memoryCapacity: number): number {
  const qos = qosClass(pod);
  if (qos === "Guaranteed") return GUARANTEED_OOM_SCORE;
  if (qos === "BestEffort") return BEST_EFFORT_OOM_SCORE;
  const request = quantityValue(container.resources?.requests?.["memory"]);
  const score = 1000 - Math.trunc((1000 * request) / memoryCapacity);
  return Math.min(Math.max(score, 1000 + GUARANTEED_OOM_SCORE), BEST_EFFORT_OOM_SCORE - 1);
}
