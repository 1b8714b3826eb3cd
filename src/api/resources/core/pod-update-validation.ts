import { jsonEqual, semanticEqual } from "../../json-equal.ts";
import type { FieldError, WriteContext } from "../../resource-definition.ts";
import type { Affinity, Container, NodeSelectorTerm, Pod, PodSpec, ResourceRequirements } from "../../types/core.v1.ts";
import { at, child, forbidden, goQuote, invalid } from "../field-errors.ts";
import { rangeMessage } from "../value-checks.ts";
import { describeDifference } from "./describe-difference.ts";
import { MIRROR, validatePodAnnotationUpdate } from "./pod-annotations.ts";
import { computeQosClass, isSidecar } from "./pod-resources.ts";

const MAX_INT32 = 2_147_483_647;

/** What an update may change in a pod: nearly nothing, and that by the rules of the path it comes by. */
export function validatePodUpdate(pod: Pod, old: Pod, { subresource }: WriteContext): FieldError[] {
  const errors: FieldError[] = [];
  if (subresource !== "resize") {
    const path = "metadata.annotations";
    validatePodAnnotationUpdate(pod.metadata?.annotations, old.metadata?.annotations, path, errors);
  }
  if (subresource === "ephemeralcontainers") validateEphemeralUpdate(pod, old, errors);
  else if (subresource === "resize") validateResize(pod, old, errors);
  else validateSpecUpdate(pod.spec!, old.spec!, errors);
  return errors;
}

const CHANGEABLE = [
  "`spec.containers[*].image`",
  "`spec.initContainers[*].image`",
  "`spec.activeDeadlineSeconds`",
  "`spec.tolerations` (only additions to existing tolerations)",
  "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
];

function validateSpecUpdate(spec: PodSpec, old: PodSpec, errors: FieldError[]): void {
  for (const name of ["containers", "initContainers"] as const) {
    if ((spec[name]?.length ?? 0) === (old[name]?.length ?? 0)) continue;
    errors.push(forbidden(child("spec", name), "pod updates may not add or remove containers"));
    return;
  }
  if (!validateDeadline(spec.activeDeadlineSeconds, old.activeDeadlineSeconds, errors)) return;
  validateTolerationUpdate(spec, old, errors);
  validateGateUpdate(spec, old, errors);
  if (semanticEqual(spec, old)) return;

  const allowed: PodSpec = { ...spec, containers: withImages(spec.containers, old.containers) };
  if (spec.initContainers) allowed.initContainers = withImages(spec.initContainers, old.initContainers!);
  allowed.activeDeadlineSeconds = old.activeDeadlineSeconds;
  allowed.schedulingGates = old.schedulingGates;
  allowed.tolerations = old.tolerations;
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1) {
    allowed.terminationGracePeriodSeconds = old.terminationGracePeriodSeconds;
  }
  if (old.schedulingGates?.length) allowGatedChanges(allowed, old, errors);
  if (semanticEqual(allowed, old)) return;
  const detail = `pod updates may not change fields other than ${CHANGEABLE.join(",")}`;
  errors.push(forbidden("spec", `${detail}\n${describeDifference(old, allowed)}`));
}

/** The containers with the images of before, so that only other changes are left to see. */
function withImages(containers: readonly Container[], old: readonly Container[]): Container[] {
  return containers.map((container, index) => ({ ...container, image: old[index]?.image }));
}

/** A deadline may be set, or made shorter. False where looking further would only repeat the complaint. */
function validateDeadline(
  deadline: number | null | undefined,
  before: number | null | undefined,
  errors: FieldError[],
): boolean {
  const path = "spec.activeDeadlineSeconds";
  if (deadline == null) {
    if (before != null) errors.push(invalid(path, null, "must not update from a positive integer to nil value"));
    return true;
  }
  if (deadline < 0 || deadline > MAX_INT32) {
    errors.push(invalid(path, deadline, rangeMessage(0, MAX_INT32)));
    return false;
  }
  if (before == null || deadline <= before) return true;
  errors.push(invalid(path, deadline, "must be less than or equal to previous value"));
  return false;
}

function validateTolerationUpdate(spec: PodSpec, old: PodSpec, errors: FieldError[]): void {
  for (const before of old.tolerations ?? []) {
    const kept = spec.tolerations?.some((toleration) =>
      jsonEqual({ ...toleration, tolerationSeconds: null }, { ...before, tolerationSeconds: null }),
    );
    if (kept) continue;
    const detail = "existing toleration can not be modified except its tolerationSeconds";
    errors.push(forbidden("spec.tolerations", detail));
    return;
  }
}

function validateGateUpdate(spec: PodSpec, old: PodSpec, errors: FieldError[]): void {
  for (const [index, { name }] of (spec.schedulingGates ?? []).entries()) {
    if (old.schedulingGates?.some((gate) => gate.name === name)) continue;
    const detail = `only deletion is allowed, but found new scheduling gate '${name}'`;
    errors.push(forbidden(child(at("spec.schedulingGates", index), "name"), detail));
  }
}

/** A pod that is held back may still be restricted to fewer nodes. */
function allowGatedChanges(allowed: PodSpec, old: PodSpec, errors: FieldError[]): void {
  for (const key in old.nodeSelector) {
    if (allowed.nodeSelector?.[key] === old.nodeSelector[key]) continue;
    const detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
    errors.push(invalid("spec.nodeSelector", allowed.nodeSelector ?? null, detail));
    break;
  }
  allowed.nodeSelector = old.nodeSelector;
  validateNodeAffinityUpdate(allowed.affinity, old.affinity, errors);
  allowed.affinity = { ...allowed.affinity, nodeAffinity: old.affinity?.nodeAffinity };
}

function validateNodeAffinityUpdate(
  affinity: Affinity | undefined,
  old: Affinity | undefined,
  errors: FieldError[],
): void {
  const required = "requiredDuringSchedulingIgnoredDuringExecution";
  const before = old?.nodeAffinity?.[required]?.nodeSelectorTerms ?? [];
  if (before.length === 0) return;
  const after = affinity?.nodeAffinity?.[required]?.nodeSelectorTerms ?? [];
  const path = child("spec.affinity.nodeAffinity", required, "nodeSelectorTerms");
  if (after.length !== before.length) {
    errors.push(invalid(path, after, "no additions/deletions to non-empty NodeSelectorTerms list are allowed"));
    return;
  }
  for (const [index, term] of after.entries()) {
    if (onlyAdds(term, before[index]!)) continue;
    errors.push(invalid(at(path, index), term, "only additions are allowed (no mutations or deletions)"));
  }
}

function onlyAdds(term: NodeSelectorTerm, before: NodeSelectorTerm): boolean {
  const empty = !before.matchExpressions?.length && !before.matchFields?.length;
  if (empty && (term.matchExpressions?.length || term.matchFields?.length)) return false;
  return (["matchExpressions", "matchFields"] as const).every((name) => {
    const old = before[name] ?? [];
    return jsonEqual((term[name] ?? []).slice(0, old.length), old);
  });
}

function validateEphemeralUpdate(pod: Pod, old: Pod, errors: FieldError[]): void {
  if (old.metadata?.annotations?.[MIRROR] !== undefined) {
    errors.push(forbidden("", "static pods do not support ephemeral containers"));
    return;
  }
  for (const before of old.spec?.ephemeralContainers ?? []) {
    const after = pod.spec?.ephemeralContainers?.find(({ name }) => name === before.name);
    const which = `existing ephemeral containers ${goQuote(before.name)} may not be`;
    if (!after) errors.push(forbidden("spec.ephemeralContainers", `${which} removed\n`));
    else if (!semanticEqual(after, before)) {
      const difference = describeDifference(before, after);
      errors.push(forbidden("spec.ephemeralContainers", `${which} changed\n${difference}`));
    }
  }
}

/** In-place resize (KEP-1287): CPU and memory of containers and sidecars, and the class stays. */
function validateResize(pod: Pod, old: Pod, errors: FieldError[]): void {
  const refusal =
    old.metadata?.annotations?.[MIRROR] !== undefined
      ? "static pods cannot be resized"
      : old.spec?.os?.name === "windows"
        ? "windows pods cannot be resized"
        : undefined;
  if (refusal) {
    errors.push(forbidden("", refusal));
    return;
  }
  const spec = pod.spec!;
  const before = old.spec!;
  if (computeQosClass(pod) !== (old.status?.qosClass || computeQosClass(old))) {
    const detail = "Pod QOS Class may not change as a result of resizing";
    errors.push(invalid("spec", pod.status?.qosClass ?? "", detail));
  }
  const running = old.status?.containerStatuses?.find(({ state }) => state?.running);
  if (running && !running.resources) {
    errors.push(forbidden("spec", "Pod running on node without support for resize"));
  }
  for (const name of ["initContainers", "containers"] as const) {
    for (const [index, container] of (before[name] ?? []).entries()) {
      const after = spec[name]?.[index];
      if (!after || (name === "initContainers" && !isSidecar(container))) continue;
      const path = child(at(child("spec", name), index), "resources");
      validateNothingRemoved(after.resources, container.resources, path, errors);
    }
  }
  for (const [index, container] of (spec.containers ?? []).entries()) {
    if (resizesOnly(container, before.containers[index])) continue;
    errors.push(forbidden("spec", "only cpu and memory resources are mutable"));
  }
  for (const [index, container] of (spec.initContainers ?? []).entries()) {
    const earlier = before.initContainers?.[index];
    if (isSidecar(container)) {
      if (resizesOnly(container, earlier)) continue;
      errors.push(forbidden("spec", "only cpu and memory resources for sidecar containers are mutable"));
    } else if (!semanticEqual(container, earlier)) {
      errors.push(forbidden("spec", "resources for non-sidecar init containers are immutable"));
    }
  }
}

function validateNothingRemoved(
  after: ResourceRequirements | undefined,
  before: ResourceRequirements | undefined,
  path: string,
  errors: FieldError[],
): void {
  for (const side of ["requests", "limits"] as const) {
    const removed = Object.keys(before?.[side] ?? {}).some((name) => after?.[side]?.[name] === undefined);
    if (removed) errors.push(forbidden(child(path, side), `resource ${side} cannot be removed`));
  }
}

/** Whether the container is the same but for its CPU and memory. */
function resizesOnly(container: Container, before: Container | undefined): boolean {
  if (!before) return false;
  return semanticEqual(
    { ...container, resources: withoutCpuAndMemory(container.resources) },
    { ...before, resources: withoutCpuAndMemory(before.resources) },
  );
}

function withoutCpuAndMemory(resources: ResourceRequirements | undefined): ResourceRequirements {
  const rest = (list: Record<string, string> | undefined) => {
    const { cpu: _cpu, memory: _memory, ...others } = list ?? {};
    return others;
  };
  return { ...resources, requests: rest(resources?.requests), limits: rest(resources?.limits) };
}
