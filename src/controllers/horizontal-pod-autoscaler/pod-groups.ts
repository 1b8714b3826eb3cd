import { podRequests } from "../../api/pod-requests.ts";
import { quantityMilliValue } from "../../api/quantity.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import { isTerminating, podCondition } from "../pod-state.ts";
import type { PodMetric, PodMetrics, ReplicaBasis } from "./metric-values.ts";

/** Pods by what their metric is worth; the names of the last three. */
export interface PodGroups {
  readonly ready: number;
  /** Pending, or of whose CPU nothing can be said yet. Count as idle when scaling up, not at all when scaling down. */
  readonly unready: ReadonlySet<string>;
  /** Without a metric. Count as idle when scaling up, as at their target when scaling down. */
  readonly missing: ReadonlySet<string>;
  /** Failed or on their way out: they count for nothing. */
  readonly ignored: ReadonlySet<string>;
}

export function groupPods(
  basis: Pick<ReplicaBasis, "pods" | "now" | "cpuInitializationPeriodMs" | "initialReadinessDelayMs">,
  metrics: PodMetrics,
  resource: string | undefined,
): PodGroups {
  let ready = 0;
  const [unready, missing, ignored] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const pod of basis.pods) {
    const name = pod.metadata?.name ?? "";
    const metric = metrics.get(name);
    if (isTerminating(pod) || pod.status?.phase === "Failed") ignored.add(name);
    else if (pod.status?.phase === "Pending") unready.add(name);
    else if (!metric) missing.add(name);
    else if (resource === "cpu" && !cpuCounts(pod, metric, basis)) unready.add(name);
    else ready++;
  }
  return { ready, unready, missing, ignored };
}

/** A starting pod burns CPU that says nothing of its load. */
function cpuCounts(
  pod: Pod,
  metric: PodMetric,
  basis: Pick<ReplicaBasis, "now" | "cpuInitializationPeriodMs" | "initialReadinessDelayMs">,
): boolean {
  const condition = podCondition(pod, "Ready");
  if (!condition || !pod.status?.startTime) return false;
  const started = Date.parse(pod.status.startTime);
  const changed = condition.lastTransitionTime ? Date.parse(condition.lastTransitionTime) : 0;
  if (started + basis.cpuInitializationPeriodMs > basis.now) {
    // The sample must have been taken wholly after the pod became ready.
    return condition.status !== "False" && metric.at >= changed + metric.windowMs;
  }
  return condition.status !== "False" || started + basis.initialReadinessDelayMs <= changed;
}

/**
 * What pods request of a resource, in thousandths by their names: the pod's own figure (KEP-2837), else its containers'
 * and sidecars' together, or that of `container`. Throws where one of them requests nothing.
 */
export function requestsOf(pods: readonly Pod[], resource: string, container?: string): ReadonlyMap<string, number> {
  return new Map(pods.map((pod) => [pod.metadata?.name ?? "", requestOf(pod, resource, container)]));
}

function requestOf(pod: Pod, resource: string, container: string | undefined): number {
  const podName = pod.metadata?.name ?? "";
  if (container === undefined && Object.keys(pod.spec?.resources?.requests ?? {}).some(isPodLevelResource)) {
    const request = podRequests(pod)[resource];
    if (request === undefined) throw new Error(`missing pod-level request for ${resource} in Pod ${podName}`);
    return resource === "cpu" ? request : request * 1000;
  }
  const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  const containers = [...(pod.spec?.containers ?? []), ...sidecars];
  const concerned = container === undefined ? containers : containers.filter(({ name }) => name === container);
  if (container !== undefined && concerned.length === 0) {
    throw new Error(`container ${container} not found in Pod ${podName}`);
  }
  let sum = 0;
  for (const { name, resources } of concerned) {
    const request = resources?.requests?.[resource];
    if (request === undefined) {
      throw new Error(`missing request for ${resource} in container ${name} of Pod ${podName}`);
    }
    sum += quantityMilliValue(request);
  }
  return sum;
}

const isPodLevelResource = (name: string) => name === "cpu" || name === "memory" || name.startsWith("hugepages-");
