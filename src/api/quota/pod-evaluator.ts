import type { KubeObject } from "../object.ts";
import { Quantity } from "../quantity.ts";
import {
  aggregateContainers,
  computeQosClass,
  isNativeResource,
  isPodLevelResource,
  type Side,
} from "../resources/core/pod-resources.ts";
import type { Container, ContainerStatus, Pod, PodAffinityTerm, PodSpec } from "../types/core.v1.ts";
import { type Amounts, addAmounts, formatAmounts, maximum, parseAmounts } from "./amounts.ts";
import { nameInScope, objectCountName, type QuotaEvaluator } from "./evaluator.ts";

const OBJECTS = objectCountName({ group: "", resource: "pods" });
const COMPUTE = ["cpu", "memory", "ephemeral-storage"];
const NAMES = new Set([
  OBJECTS,
  "pods",
  ...COMPUTE,
  ...COMPUTE.map((name) => `requests.${name}`),
  ...COMPUTE.map((name) => `limits.${name}`),
]);
/** Where a quota limits one of these, each container must say how much it wants. Upstream regrets it. */
const REQUIRED = new Set(["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"]);

/** How quotas count pods. See https://kubernetes.io/docs/concepts/policy/resource-quotas/. */
export const podEvaluator: QuotaEvaluator = {
  handles({ operation, subresource, object, old }) {
    if (subresource) return subresource === "resize" && operation === "UPDATE";
    if (operation === "CREATE") return true;
    return operation === "UPDATE" && old !== undefined && hasDeadline(old) !== hasDeadline(object);
  },
  counts: (name) =>
    NAMES.has(name) ||
    name.startsWith("hugepages-") ||
    name.startsWith("requests.hugepages-") ||
    name.startsWith("requests.deviceclass.resource.kubernetes.io/") ||
    (name.startsWith("requests.") && !isNativeResource(name)),
  usage(object, now) {
    const pod: Pod = object;
    const counted = new Map([[OBJECTS, Quantity.of(1)]]);
    if (!isCharged(pod, now)) return counted;
    return addAmounts(counted, computeNames(podAmounts(pod, "requests"), podAmounts(pod, "limits")));
  },
  inScope(object, scope) {
    const pod: Pod = object;
    switch (scope.scopeName) {
      case "Terminating":
        return hasDeadline(pod);
      case "NotTerminating":
        return !hasDeadline(pod);
      case "BestEffort":
        return computeQosClass(pod) === "BestEffort";
      case "NotBestEffort":
        return computeQosClass(pod) !== "BestEffort";
      case "PriorityClass":
        return nameInScope(pod.spec?.priorityClassName ?? "", scope);
      case "CrossNamespacePodAffinity":
        return affinityTerms(pod).some((term) => term.namespaces?.length || term.namespaceSelector);
      default:
        return false;
    }
  },
  constraintProblem(object, names) {
    const { spec }: Pod = object;
    const ofPod = [...Object.keys(spec?.resources?.requests ?? {}), ...Object.keys(spec?.resources?.limits ?? {})];
    if (ofPod.some(isPodLevelResource)) return undefined;
    const required = names.filter((name) => REQUIRED.has(name));
    const missing = new Map<string, Set<string>>();
    for (const { name, resources } of [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]) {
      const given = computeNames(parseAmounts(resources?.requests), parseAmounts(resources?.limits));
      for (const wanted of required) {
        if (given.has(wanted)) continue;
        missing.set(wanted, (missing.get(wanted) ?? new Set()).add(name));
      }
    }
    if (missing.size === 0) return undefined;
    const parts = [...missing.keys()].sort().map((name) => `${name} for: ${[...missing.get(name)!].sort().join(",")}`);
    return `must specify ${parts.join("; ")}`;
  },
};

const hasDeadline = (pod: KubeObject) => ((pod as Pod).spec?.activeDeadlineSeconds ?? -1) >= 0;

/** A pod that has ended, or whose node doesn't end it in time, uses nothing but its place. */
function isCharged({ metadata, status }: Pod, now: number): boolean {
  if (status?.phase === "Failed" || status?.phase === "Succeeded") return false;
  const { deletionTimestamp, deletionGracePeriodSeconds: grace } = metadata ?? {};
  if (!deletionTimestamp || grace === undefined) return true;
  return now <= Date.parse(deletionTimestamp) + grace * 1000;
}

/** What a pod needs: its containers or the pod's own figures, and the overhead (of limits where there are any). */
function podAmounts(pod: Pod, side: Side): Amounts {
  const spec = withActualResources(pod, side);
  const amounts = aggregateContainers(spec, side);
  for (const [name, amount] of parseAmounts(spec.resources?.[side])) {
    if (isPodLevelResource(name)) amounts.set(name, amount);
  }
  for (const [name, amount] of parseAmounts(spec.overhead)) {
    const before = amounts.get(name);
    if (side === "requests") amounts.set(name, before?.add(amount) ?? amount);
    else if (before && !before.isZero) amounts.set(name, before.add(amount));
  }
  return amounts;
}

/** The pod while it is being resized: each container counts with what it has or what it is to get, whichever is more (KEP-1287). */
function withActualResources(pod: Pod, side: Side): PodSpec {
  const spec = pod.spec ?? { containers: [] };
  const { containerStatuses = [], initContainerStatuses = [], conditions = [] } = pod.status ?? {};
  const statuses = new Map([...containerStatuses, ...initContainerStatuses].map((status) => [status.name, status]));
  if (![...statuses.values()].some(({ resources }) => resources)) return spec;
  const infeasible = conditions.some(({ type, reason }) => type === "PodResizePending" && reason === "Infeasible");
  const actual = (container: Container): Container => {
    const status = statuses.get(container.name);
    if (!status?.resources) return container;
    const given: Amounts = infeasible ? new Map() : parseAmounts(container.resources?.[side]);
    const amounts = formatAmounts(maximum(given, inUse(status, side)));
    return { ...container, resources: { ...container.resources, [side]: amounts } };
  };
  return {
    ...spec,
    containers: (spec.containers ?? []).map(actual),
    ...(spec.initContainers ? { initContainers: spec.initContainers.map(actual) } : {}),
  };
}

function inUse(status: ContainerStatus, side: Side): Amounts {
  const running = parseAmounts(status.resources?.[side]);
  return side === "requests" ? maximum(running, parseAmounts(status.allocatedResources)) : running;
}

/** Requests and limits under the names that quotas have for them. */
function computeNames(requests: Amounts, limits: Amounts): Map<string, Quantity> {
  const named = new Map([["pods", Quantity.of(1)]]);
  for (const [name, amount] of requests) {
    if (COMPUTE.includes(name) || name.startsWith("hugepages-")) named.set(name, amount);
    else if (isNativeResource(name)) continue;
    named.set(`requests.${name}`, amount);
  }
  for (const [name, amount] of limits) if (COMPUTE.includes(name)) named.set(`limits.${name}`, amount);
  return named;
}

function affinityTerms({ spec }: Pod): PodAffinityTerm[] {
  return [spec?.affinity?.podAffinity, spec?.affinity?.podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => term.podAffinityTerm),
  ]);
}
