import { jsonEqual } from "../../api/json-equal.ts";
import { podRequests, resourceAmounts } from "../../api/pod-requests.ts";
import { canonicalQuantity, Quantity } from "../../api/quantity.ts";
import type { Container, Pod, ResourceRequirements } from "../../api/types/core.v1.ts";
import { allContainers, isStaticPod } from "../pod/pod.ts";

/** The resources of a pod's containers, by container name. */
export type Resources = ReadonlyMap<string, ResourceRequirements>;

/** What the pod asks for. */
export function desiredResources(pod: Pod): Map<string, ResourceRequirements> {
  return new Map(allContainers(pod).map(({ container }) => [container.name, container.resources ?? {}]));
}

/** The pod as if it asked for `resources`; itself where it does. */
export function withResources(pod: Pod, resources: Resources): Pod {
  const replace = <T extends Container>(containers: T[]): T[] =>
    containers.map((container) => {
      const other = resources.get(container.name);
      return !other || sameResources(other, container.resources ?? {}) ? container : { ...container, resources: other };
    });
  const { spec } = pod;
  if (!spec) return pod;
  const containers = replace(spec.containers);
  const initContainers = spec.initContainers && replace(spec.initContainers);
  const same =
    containers.every((one, index) => one === spec.containers[index]) &&
    (initContainers ?? []).every((one, index) => one === spec.initContainers?.[index]);
  return same ? pod : { ...pod, spec: { ...spec, containers, ...(initContainers ? { initContainers } : {}) } };
}

/** Whether the two ask for the same CPU and memory: the resources that can change in place. */
export function sameResources(a: ResourceRequirements, b: ResourceRequirements): boolean {
  return changedResources(a, b).length === 0;
}

/** Which of CPU and memory differ, in requests or limits. */
export function changedResources(a: ResourceRequirements, b: ResourceRequirements): string[] {
  const amount = (list: Record<string, string> | undefined, name: string) =>
    list?.[name] === undefined ? undefined : canonicalQuantity(list[name]);
  return ["cpu", "memory"].filter(
    (name) =>
      amount(a.requests, name) !== amount(b.requests, name) || amount(a.limits, name) !== amount(b.limits, name),
  );
}

/** The larger of the two in every respect: what a pod's cgroup must allow while its containers go from one to the other. */
export function widest(a: ResourceRequirements, b: ResourceRequirements): ResourceRequirements {
  const larger = (
    left: Record<string, string> | undefined,
    right: Record<string, string> | undefined,
    limit: boolean,
  ): Record<string, string> => {
    const result: Record<string, string> = {};
    for (const name of new Set([...Object.keys(left ?? {}), ...Object.keys(right ?? {})])) {
      const [one, other] = [left?.[name], right?.[name]];
      // No limit is wider than any.
      if (limit && (one === undefined || other === undefined)) continue;
      result[name] = Quantity.parse(one ?? "0").compare(Quantity.parse(other ?? "0")) >= 0 ? one! : other!;
    }
    return result;
  };
  if (jsonEqual(a, b)) return a;
  return { requests: larger(a.requests, b.requests, false), limits: larger(a.limits, b.limits, true) };
}

export interface Verdict {
  reason: "Infeasible" | "Deferred";
  message: string;
}

/** Why a pod can't be given what it asks for now; undefined where it can. Pure. */
export function judgeResize(
  pod: Pod,
  others: readonly Pod[],
  allocatable: Readonly<Record<string, string>>,
): Verdict | undefined {
  if (isStaticPod(pod)) {
    return { reason: "Infeasible", message: "In-place resize of static-pods is not supported" };
  }
  const available = resourceAmounts({ ...allocatable });
  const requests = podRequests(pod);
  for (const name of ["cpu", "memory"]) {
    const requested = requests[name] ?? 0;
    const capacity = available[name] ?? 0;
    if (requested > capacity) {
      const message = `Node didn't have enough capacity: ${name}, requested: ${requested}, capacity: ${capacity}`;
      return { reason: "Infeasible", message };
    }
  }
  for (const name of ["cpu", "memory"]) {
    const used = others.reduce((sum, other) => sum + (podRequests(other)[name] ?? 0), 0);
    const requested = requests[name] ?? 0;
    const capacity = available[name] ?? 0;
    if (used + requested > capacity) {
      const message = `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`;
      return { reason: "Deferred", message };
    }
  }
  return undefined;
}

/** Whether a change of those resources needs the container to start anew, by its resize policy. */
export function restartsOnResize(container: Container, changed: readonly string[]): boolean {
  return (container.resizePolicy ?? []).some(
    ({ resourceName, restartPolicy }) => restartPolicy === "RestartContainer" && changed.includes(resourceName),
  );
}
