import type { WriteContext } from "../../resource-definition.ts";
import type { Container, Pod, PodAffinityTerm, PodCondition, TopologySpreadConstraint } from "../../types/core.v1.ts";
import type { LabelSelector } from "../../types/meta.v1.ts";
import { resetMetadataForStatus } from "../status-metadata.ts";
import { alignServiceAccount } from "./pod-defaults.ts";
import { computeQosClass } from "./pod-resources.ts";

/** A new pod is pending, of the class that its resources make, with label keys merged into the selectors. */
export function preparePodForCreate(pod: Pod): void {
  alignServiceAccount(pod.spec!);
  pod.status = { phase: "Pending", qosClass: computeQosClass(pod) };
  if (pod.spec?.schedulingGates?.length) pod.status.conditions = [SCHEDULING_GATED];
  mergeLabelKeys(pod);
  readAppArmorAnnotations(pod);
}

const SCHEDULING_GATED: PodCondition = {
  type: "PodScheduled",
  status: "False",
  reason: "SchedulingGated",
  message: "Scheduling is blocked due to non-empty scheduling gates",
};

/** What each way of writing a pod may change; the rest is put back to what it was. */
export function preparePodForUpdate(pod: Pod, old: Pod, context: WriteContext): void {
  if (context.subresource === "ephemeralcontainers") {
    const { ephemeralContainers } = pod.spec ?? {};
    resetMetadataForStatus(pod, old);
    pod.spec = { ...old.spec!, ephemeralContainers };
    pod.status = old.status;
  } else if (context.subresource === "resize") {
    keepResize(pod, old);
  } else {
    if (pod.spec) alignServiceAccount(pod.spec);
    pod.status = old.status;
  }
}

/** Of a resize, only resources and resize policies count. Other containers than before are left for validation to refuse. */
function keepResize(pod: Pod, old: Pod): void {
  const { containers, initContainers, resources } = pod.spec!;
  const before = old.spec!;
  if (containers.length !== before.containers.length) return;
  if ((initContainers?.length ?? 0) !== (before.initContainers?.length ?? 0)) return;
  resetMetadataForStatus(pod, old);
  pod.status = old.status;
  pod.spec = { ...before, containers: onlyResources(containers, before.containers) };
  if (initContainers) pod.spec.initContainers = onlyResources(initContainers, before.initContainers ?? []);
  if (resources) pod.spec.resources = resources;
  else delete pod.spec.resources;
}

function onlyResources(containers: Container[], before: Container[]): Container[] {
  if (containers.some(({ name }, index) => before[index]?.name !== name)) return containers;
  return containers.map(({ resources, resizePolicy }, index) => ({ ...before[index]!, resources, resizePolicy }));
}

/** The kubelet may not change owners, the QoS class is decided once, and what it does not know it leaves as it was. */
export function preparePodForStatusUpdate(pod: Pod, old: Pod): void {
  const metadata = pod.metadata!;
  if (old.metadata?.ownerReferences) metadata.ownerReferences = old.metadata.ownerReferences;
  else delete metadata.ownerReferences;
  if (!pod.status || !old.status) return;
  pod.status.qosClass ||= old.status.qosClass;
  pod.status.observedGeneration ||= old.status.observedGeneration;
  for (const condition of pod.status.conditions ?? []) {
    if (condition.observedGeneration) continue;
    const before = old.status.conditions?.find(({ type }) => type === condition.type);
    if (before?.observedGeneration) condition.observedGeneration = before.observedGeneration;
  }
}

/** `matchLabelKeys` mean the pod's own values of these labels (KEP-3633, KEP-3243): written into the selectors here. */
function mergeLabelKeys(pod: Pod): void {
  const labels = pod.metadata?.labels ?? {};
  const { affinity, topologySpreadConstraints } = pod.spec!;
  for (const group of [affinity?.podAffinity, affinity?.podAntiAffinity]) {
    for (const term of group?.requiredDuringSchedulingIgnoredDuringExecution ?? []) mergeTerm(term, labels);
    for (const { podAffinityTerm } of group?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
      if (podAffinityTerm) mergeTerm(podAffinityTerm, labels);
    }
  }
  for (const constraint of topologySpreadConstraints ?? []) mergeTerm(constraint, labels);
}

function mergeTerm(
  term: Pick<PodAffinityTerm & TopologySpreadConstraint, "labelSelector" | "matchLabelKeys" | "mismatchLabelKeys">,
  labels: Record<string, string>,
): void {
  if (!term.labelSelector) return;
  addValues(term.labelSelector, term.matchLabelKeys, "In", labels);
  addValues(term.labelSelector, term.mismatchLabelKeys, "NotIn", labels);
}

function addValues(
  selector: LabelSelector,
  keys: string[] | undefined,
  operator: string,
  labels: Record<string, string>,
): void {
  for (const key of keys ?? []) {
    const value = labels[key];
    if (value === undefined) continue;
    selector.matchExpressions ??= [];
    selector.matchExpressions.push({ key, operator, values: [value] });
  }
}

const APP_ARMOR_PREFIX = "container.apparmor.security.beta.kubernetes.io/";

/** AppArmor profiles were annotations before they were fields; an annotation still sets a field that is not there. */
function readAppArmorAnnotations(pod: Pod): void {
  const annotations = pod.metadata?.annotations;
  if (!annotations || pod.spec?.os?.name === "windows") return;
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec!;
  for (const container of [...initContainers, ...containers, ...ephemeralContainers]) {
    const text = annotations[APP_ARMOR_PREFIX + container.name];
    if (!text || container.securityContext?.appArmorProfile) continue;
    const profile = parseAppArmor(text);
    if (!profile || profile.type === pod.spec?.securityContext?.appArmorProfile?.type) continue;
    container.securityContext ??= {};
    container.securityContext.appArmorProfile = profile;
  }
}

function parseAppArmor(text: string): { type: string; localhostProfile?: string } | undefined {
  if (text === "runtime/default") return { type: "RuntimeDefault" };
  if (text === "unconfined") return { type: "Unconfined" };
  if (text.startsWith("localhost/")) return { type: "Localhost", localhostProfile: text.slice("localhost/".length) };
  return undefined;
}
