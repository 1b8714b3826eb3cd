import { Quantity, quantityMilliValue, quantityValue } from "../../api/quantity.ts";
import { aggregateContainers } from "../../api/resources/core/pod-resources.ts";
import type { Pod, ResourceRequirements } from "../../api/types/core.v1.ts";
import type { LinuxResources } from "../runtime.ts";
import { type AnyContainer, initContainers, regularContainers } from "./pod.ts";
import { oomScoreAdj } from "./qos.ts";

/** The limits of the pod as a whole. A resource that some regular container leaves unlimited may still be in it. */
export function podLimits(pod: Pod): Map<string, Quantity> {
  return podAmounts(pod, "limits");
}

function podAmounts(pod: Pod, side: "requests" | "limits"): Map<string, Quantity> {
  const amounts = pod.spec ? aggregateContainers(pod.spec, side) : new Map<string, Quantity>();
  for (const [name, text] of Object.entries(pod.spec?.resources?.[side] ?? {})) amounts.set(name, Quantity.parse(text));
  for (const [name, text] of Object.entries(pod.spec?.overhead ?? {})) {
    const present = amounts.get(name);
    const overhead = Quantity.parse(text);
    if (present) amounts.set(name, present.add(overhead));
    else if (side === "requests") amounts.set(name, overhead);
  }
  return amounts;
}

/** The kernel's smallest and largest cpu.shares, and the shares of one whole CPU. */
const MIN_SHARES = 2;
const MAX_SHARES = 262_144;
const SHARES_PER_CPU = 1024;
export const CPU_PERIOD_MICROS = 100_000;
const MIN_QUOTA_MICROS = 1000;

export function cpuShares(milliCpu: number): number {
  if (milliCpu === 0) return MIN_SHARES;
  return Math.min(Math.max(Math.trunc((milliCpu * SHARES_PER_CPU) / 1000), MIN_SHARES), MAX_SHARES);
}

/** The quota in microseconds per `CPU_PERIOD_MICROS`; 0 where there is no limit. */
export function cpuQuota(milliCpu: number): number {
  if (milliCpu === 0) return 0;
  return Math.max(Math.trunc((milliCpu * CPU_PERIOD_MICROS) / 1000), MIN_QUOTA_MICROS);
}

export interface ContainerResourceOptions {
  /** Bytes of memory of the node. */
  memoryCapacity: number;
  cpuCfsQuota: boolean;
  /** Sizes of huge pages that the node has, as in "2Mi". */
  hugepageSizes: readonly string[];
}

/** The cgroup settings of a container. */
export function containerResources(
  pod: Pod,
  container: AnyContainer,
  options: ContainerResourceOptions,
): LinuxResources {
  const { requests = {}, limits = {} } = container.resources ?? {};
  const cpuLimit = quantityMilliValue(limits["cpu"] ?? pod.spec?.resources?.limits?.["cpu"]);
  // Without a request the limit is the request, as the API's defaults have it.
  const cpuRequest =
    requests["cpu"] === undefined ? quantityMilliValue(limits["cpu"]) : quantityMilliValue(requests["cpu"]);
  const memoryLimit = quantityValue(limits["memory"] ?? pod.spec?.resources?.limits?.["memory"]);
  return {
    cpuShares: cpuShares(cpuRequest),
    ...(options.cpuCfsQuota ? { cpuQuota: cpuQuota(cpuLimit), cpuPeriod: CPU_PERIOD_MICROS } : {}),
    ...(memoryLimit > 0 ? { memoryLimitInBytes: memoryLimit } : {}),
    oomScoreAdj: oomScoreAdj(pod, container, options.memoryCapacity),
    hugepageLimits: hugepageLimits(limits, options.hugepageSizes),
  };
}

/** A limit for each size of the node: 0 where the container asked for none, so that it can't take others' pages. */
function hugepageLimits(limits: Record<string, string>, sizes: readonly string[]) {
  return sizes.map((size) => ({ pageSize: `${size}B`, limit: quantityValue(limits[`hugepages-${size}`]) }));
}

/** The settings of the cgroup around a pod; absent fields are left as they are. */
export function podCgroupResources(pod: Pod, qos: string, cpuCfsQuota: boolean): LinuxResources {
  const requests = podAmounts(pod, "requests");
  const limits = podLimits(pod);
  const everyRegular = (name: string) =>
    pod.spec?.resources?.limits?.[name] !== undefined ||
    [...regularContainers(pod), ...initContainers(pod)].every((container) => positive(container.resources, name));
  const shares = cpuShares(requests.get("cpu")?.milliValue() ?? 0);
  if (qos === "BestEffort") return { cpuShares: MIN_SHARES };
  const resources: LinuxResources = { cpuShares: shares };
  if (cpuCfsQuota && everyRegular("cpu")) {
    resources.cpuQuota = cpuQuota(limits.get("cpu")?.milliValue() ?? 0);
    resources.cpuPeriod = CPU_PERIOD_MICROS;
  }
  if (everyRegular("memory")) resources.memoryLimitInBytes = limits.get("memory")?.value();
  return resources;
}

const positive = (resources: ResourceRequirements | undefined, name: string) =>
  quantityMilliValue(resources?.limits?.[name]) > 0;
