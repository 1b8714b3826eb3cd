import { jsonEqual } from "../../json-equal.ts";
import { checkLabelValue, checkQualifiedName } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import { nodes } from "../../resource-types.ts";
import type { Node, NodeStatus, Taint } from "../../types/core.v1.ts";
import { ageColumn, column, nameColumn, wideColumn } from "../columns.ts";
import { define } from "../define.ts";
import { at, child, duplicate, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { isDualStack, validateLegacyCidr } from "../ip-checks.ts";
import { canonicalizeMilliList } from "../quantities.ts";
import { addProblems } from "../value-checks.ts";
import { validateResourceQuantity } from "./resource-requirements.ts";
import { TAINT_EFFECTS } from "./scheduling-validation.ts";

/** What a node that has not reported yet says of itself. */
const UNKNOWN_SYSTEM = {
  machineID: "",
  systemUUID: "",
  bootID: "",
  kernelVersion: "",
  osImage: "",
  containerRuntimeVersion: "",
  kubeletVersion: "",
  kubeProxyVersion: "",
  operatingSystem: "",
  architecture: "",
};

export const node = define<Node>({
  warnings({ spec }, old) {
    if (old && jsonEqual(spec, old.spec)) return [];
    const warnings: string[] = [];
    if (spec?.configSource) warnings.push("spec.configSource: the feature is no longer supported");
    if (spec?.externalID) {
      warnings.push("spec.externalID: this field is deprecated, and is unused by Kubernetes");
    }
    return warnings;
  },
  type: nodes,
  singular: "node",
  shortNames: ["no"],
  hasStatus: true,
  generation: false,
  defaults(node) {
    node.spec ??= {};
    const { spec } = node;
    // The first range is shown under both names; the plural rules.
    if (spec.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0];
    else if (spec.podCIDR) spec.podCIDRs = [spec.podCIDR];
    node.status ??= {};
    const { status } = node;
    canonicalizeMilliList(status.capacity);
    canonicalizeMilliList(status.allocatable);
    if (status.capacity && !status.allocatable) status.allocatable = { ...status.capacity };
    status.daemonEndpoints ??= {};
    status.daemonEndpoints.kubeletEndpoint ??= { Port: 0 };
    status.nodeInfo ??= { ...UNKNOWN_SYSTEM };
  },
  columns: [
    nameColumn,
    column("Status", "The status of the node.", (node) => {
      const ready = node.status?.conditions?.findLast(({ type }) => type === "Ready");
      const status = ready ? (ready.status === "True" ? "Ready" : "NotReady") : "Unknown";
      return node.spec?.unschedulable ? `${status},SchedulingDisabled` : status;
    }),
    column("Roles", "The roles of the node.", roles),
    ageColumn,
    column("Version", "Version of the kubelet.", (node) => node.status?.nodeInfo?.kubeletVersion ?? ""),
    wideColumn("Internal-IP", "Address within the cluster.", (node) => address(node, "InternalIP")),
    wideColumn("External-IP", "Address outside the cluster.", (node) => address(node, "ExternalIP")),
    wideColumn("OS-Image", "Operating system.", (node) => node.status?.nodeInfo?.osImage || "<unknown>"),
    wideColumn(
      "Kernel-Version",
      "Version of the kernel.",
      (node) => node.status?.nodeInfo?.kernelVersion || "<unknown>",
    ),
    wideColumn(
      "Container-Runtime",
      "Container runtime and its version.",
      (node) => node.status?.nodeInfo?.containerRuntimeVersion || "<unknown>",
    ),
  ],
  validate({ spec, status }) {
    const errors: FieldError[] = [];
    // Upstream reports taints at the metadata, where they once were.
    validateTaints(spec?.taints ?? [], "metadata.taints", errors);
    validateAmounts(status ?? {}, errors);
    return errors;
  },
  validateCreate({ spec }) {
    const errors: FieldError[] = [];
    validatePodCIDRs(spec?.podCIDRs ?? [], errors);
    return errors;
  },
  validateUpdate: validateNodeUpdate,
  validateStatusUpdate(node, old) {
    const errors: FieldError[] = [];
    validateAmounts(node.status ?? {}, errors);
    return [...errors, ...validateNodeUpdate(node, old)];
  },
  selectableFields: { "spec.unschedulable": (node) => String(node.spec?.unschedulable === true) },
});

const ROLE_PREFIX = "node-role.kubernetes.io/";
const ROLE_LABEL = "kubernetes.io/role";

function roles(node: Node): string {
  const found = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata?.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) found.add(key.slice(ROLE_PREFIX.length));
    else if (key === ROLE_LABEL && value !== "") found.add(value);
  }
  return [...found].sort().join(",") || "<none>";
}

function address(node: Node, wanted: string): string {
  return node.status?.addresses?.find(({ type }) => type === wanted)?.address ?? "<none>";
}

function validateTaints(taints: readonly Taint[], path: string, errors: FieldError[]): void {
  const seen = new Set<string>();
  for (const [index, taint] of taints.entries()) {
    const field = at(path, index);
    const { key = "", value = "", effect } = taint;
    addProblems(checkQualifiedName(key), child(field, "key"), key, errors);
    const problems = checkLabelValue(value);
    if (problems.length > 0) errors.push(invalid(child(field, "value"), value, problems.join(";")));
    if (!effect) errors.push(required(child(field, "effect")));
    else if (!TAINT_EFFECTS.includes(effect)) errors.push(notSupported(child(field, "effect"), effect, TAINT_EFFECTS));
    const pair = `${effect}/${key}`;
    if (seen.has(pair)) {
      const { message, ...error } = duplicate(field, taint);
      errors.push({ ...error, message: `${message}: taints must be unique by key and effect pair` });
    }
    seen.add(pair);
  }
}

function validateAmounts(status: NodeStatus, errors: FieldError[]): void {
  for (const side of ["capacity", "allocatable"] as const) {
    for (const name in status[side]) {
      validateResourceQuantity(name, status[side][name]!, child("status", side, name), errors);
    }
  }
}

function validatePodCIDRs(ranges: readonly string[], errors: FieldError[]): void {
  const path = "spec.podCIDRs";
  for (const [index, range] of ranges.entries()) validateLegacyCidr(range, at(path, index), errors);
  if (ranges.length < 2) return;
  if (!isDualStack(ranges) || ranges.length > 2) {
    errors.push(invalid(path, ranges, "may specify no more than one CIDR for each IP family"));
  }
  for (const [index, range] of ranges.entries()) {
    if (ranges.indexOf(range) < index) errors.push(duplicate(at(path, index), range));
  }
}

/** Pod ranges and the provider's id are given once. */
function validateNodeUpdate({ spec, status }: Node, old: Node): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, address] of (status?.addresses ?? []).entries()) {
    const first = status!.addresses!.findIndex((other) => jsonEqual(other, address));
    if (first < index) errors.push(duplicate(at("status.addresses", index), address));
  }
  const before = old.spec?.podCIDRs ?? [];
  if (before.length > 0 && !jsonEqual(before, spec?.podCIDRs ?? [])) {
    errors.push(forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid'));
  }
  if (old.spec?.providerID && old.spec.providerID !== spec?.providerID) {
    errors.push(forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid'));
  }
  if ((spec?.externalID ?? "") !== (old.spec?.externalID ?? "")) {
    errors.push(forbidden("spec.externalID", "may not be updated"));
  }
  return errors;
}
