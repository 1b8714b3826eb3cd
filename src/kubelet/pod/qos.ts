import { Quantity, quantityValue } from "../../api/quantity.ts";
import type { Pod, ResourceRequirements } from "../../api/types/core.v1.ts";
import { type AnyContainer, initContainers, isSidecar, isStaticPod, regularContainers } from "./pod.ts";

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/ */
export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

/** Only these two count for the class. */
const COUNTED = ["cpu", "memory"] as const;

/** The class of the pod: the one in its status, or else from its spec. */
export function qosClass(pod: Pod): QosClass {
  return (pod.status?.qosClass as QosClass | undefined) ?? computeQosClass(pod);
}

/** As `qosClass`, from the spec alone. */
export function computeQosClass(pod: Pod): QosClass {
  const podLevel = pod.spec?.resources;
  if (podLevel?.requests || podLevel?.limits) return classOf([podLevel]);
  return classOf([...initContainers(pod), ...regularContainers(pod)].map((container) => container.resources ?? {}));
}

function classOf(all: readonly ResourceRequirements[]): QosClass {
  const requests = new Map<string, bigint>();
  const limits = new Map<string, bigint>();
  let allLimited = true;
  for (const resources of all) {
    for (const name of COUNTED) {
      const request = nano(resources.requests?.[name]);
      const limit = nano(resources.limits?.[name]);
      if (request > 0n) requests.set(name, (requests.get(name) ?? 0n) + request);
      if (limit > 0n) limits.set(name, (limits.get(name) ?? 0n) + limit);
      else allLimited = false;
    }
  }
  if (requests.size === 0 && limits.size === 0) return "BestEffort";
  const guaranteed = allLimited && [...requests].every(([name, value]) => limits.get(name) === value);
  return guaranteed && requests.size === limits.size ? "Guaranteed" : "Burstable";
}

const nano = (text: string | undefined) => (text === undefined ? 0n : Quantity.parse(text).nano);

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
