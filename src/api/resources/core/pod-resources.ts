import { Quantity } from "../../quantity.ts";
import type { Container, Pod, PodSpec, ResourceRequirements } from "../../types/core.v1.ts";
import { parseQuantity } from "../quantities.ts";

export type Side = "requests" | "limits";

/** Whether an init container keeps running beside the others (a sidecar). */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

/**
 * What a pod's containers need together: the sum of containers and sidecars, or what an init container needs beside the
 * sidecars started before it, if that is more. Pod-level resources and overhead are not in it. (KEP-753, KEP-2837)
 */
export function aggregateContainers(spec: PodSpec, side: Side): Map<string, Quantity> {
  const total = new Map<string, Quantity>();
  const sidecars = new Map<string, Quantity>();
  const peak = new Map<string, Quantity>();
  for (const container of spec.containers ?? []) addAll(total, container.resources, side);
  for (const container of spec.initContainers ?? []) {
    if (isSidecar(container)) {
      addAll(total, container.resources, side);
      addAll(sidecars, container.resources, side);
      raise(peak, sidecars);
    } else {
      const needed = new Map(sidecars);
      addAll(needed, container.resources, side);
      raise(peak, needed);
    }
  }
  raise(total, peak);
  return total;
}

function addAll(total: Map<string, Quantity>, resources: ResourceRequirements | undefined, side: Side): void {
  const list = resources?.[side];
  for (const name in list) {
    const amount = parseQuantity(list[name]);
    if (!amount) continue;
    const before = total.get(name);
    total.set(name, before ? before.add(amount) : amount);
  }
}

function raise(total: Map<string, Quantity>, other: Map<string, Quantity>): void {
  for (const [name, amount] of other) {
    const before = total.get(name);
    if (!before || before.compare(amount) < 0) total.set(name, amount);
  }
}

/** Whether a resource can be set for a pod as a whole. */
export function isPodLevelResource(name: string): boolean {
  return name === "cpu" || name === "memory" || isHugePages(name);
}

export function isHugePages(name: string): boolean {
  return name.startsWith("hugepages-");
}

/** Names without a domain, and those of kubernetes.io. */
export function isNativeResource(name: string): boolean {
  return !name.includes("/") || name.includes("kubernetes.io/");
}

/** Whether more may be promised than there is: every native resource but huge pages. */
export function isOvercommitAllowed(name: string): boolean {
  return isNativeResource(name) && !isHugePages(name);
}

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

/** The quality-of-service class that follows from a pod's resources (KEP-2837 for resources of the pod as a whole). */
export function computeQosClass(pod: Pod): QosClass {
  const spec = pod.spec;
  if (!spec) return "BestEffort";
  const requests = new Map<string, Quantity>();
  const limits = new Map<string, Quantity>();
  let guaranteed = true;
  const count = (resources: ResourceRequirements | undefined) => {
    addPositive(requests, resources?.requests);
    if (addPositive(limits, resources?.limits) < 2) guaranteed = false;
  };
  if (spec.resources && (hasAny(spec.resources.requests) || hasAny(spec.resources.limits))) count(spec.resources);
  else {
    for (const container of spec.containers ?? []) count(container.resources);
    for (const container of spec.initContainers ?? []) count(container.resources);
  }
  if (requests.size === 0 && limits.size === 0) return "BestEffort";
  if (!guaranteed || requests.size !== limits.size) return "Burstable";
  for (const [name, amount] of requests) {
    if (limits.get(name)?.compare(amount) !== 0) return "Burstable";
  }
  return "Guaranteed";
}

function hasAny(list: Record<string, string> | undefined): boolean {
  for (const _name in list) return true;
  return false;
}

/** Adds the CPU and memory of `list` that are above zero; returns how many of the two there were. */
function addPositive(total: Map<string, Quantity>, list: Record<string, string> | undefined): number {
  let found = 0;
  if (!list) return found;
  for (const name of ["cpu", "memory"]) {
    const amount = parseQuantity(list[name]);
    if (!amount || amount.sign <= 0) continue;
    found++;
    total.set(name, (total.get(name) ?? Quantity.zero).add(amount));
  }
  return found;
}
