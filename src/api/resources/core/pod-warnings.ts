import { checkDnsLabel } from "../../names.ts";
import type { KubeObject } from "../../object.ts";
import type {
  Affinity,
  Container,
  ContainerPort,
  Pod,
  PodAffinityTerm,
  PodSpec,
  PodTemplateSpec,
} from "../../types/core.v1.ts";
import { deprecatedLabel, termWarnings } from "../deprecated-labels.ts";
import { at, child, goQuote } from "../field-errors.ts";
import { claimSpecWarnings, fractionWarnings, sourceWarnings } from "./deprecated-volumes.ts";
import { isSidecar } from "./pod-resources.ts";

/** What clients are told about pods that are valid, but hardly meant. */

/** Of a new pod; those who change pods are programs, and are told nothing. */
export function podWarnings(pod: Pod, old: Pod | undefined): string[] {
  if (old) return [];
  return [...nameWarnings(pod, "the Pod's hostname"), ...specWarnings(pod.spec!, pod.metadata?.annotations, "")];
}

/** Of a workload with a template: its name where pods are named after it, and the template whenever it may have changed. */
export function workloadWarnings(
  object: KubeObject,
  old: KubeObject | undefined,
  template: PodTemplateSpec | undefined | null,
  path = "spec.template",
): string[] {
  if (old) {
    const changed = object.metadata?.generation !== old.metadata?.generation;
    return changed ? templateWarnings(template, path) : [];
  }
  return [...nameWarnings(object, "Pod names and hostnames"), ...templateWarnings(template, path)];
}

export function templateWarnings(template: PodTemplateSpec | undefined | null, path: string): string[] {
  return template?.spec ? specWarnings(template.spec, template.metadata?.annotations, path) : [];
}

function nameWarnings({ metadata }: KubeObject, use: string): string[] {
  const problems = checkDnsLabel(metadata?.name ?? "");
  if (problems.length === 0) return [];
  const advice = "which can result in surprising behavior; a DNS label is recommended";
  return [`metadata.name: this is used in ${use}, ${advice}: [${problems.join(" ")}]`];
}

const ANNOTATIONS: Readonly<Record<string, string>> = {
  "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
  "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
  "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
};
const SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead';
const SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/";
const APP_ARMOR = 'deprecated since v1.30; use the "appArmorProfile" field instead';
const APP_ARMOR_CONTAINER = "container.apparmor.security.beta.kubernetes.io/";
const BYTES = ["memory", "ephemeral-storage"];

function specWarnings(spec: PodSpec, annotations: Record<string, string> = {}, parent: string): string[] {
  const path = child(parent, "spec");
  const notes = child(parent, "metadata", "annotations");
  const warnings = placementWarnings(spec, path);
  for (const [key, message] of Object.entries(ANNOTATIONS)) {
    if (annotations[key] !== undefined) warnings.push(`${at(notes, key)}: ${message}`);
  }
  for (const [index, volume] of (spec.volumes ?? []).entries()) {
    const field = at(child(path, "volumes"), index);
    const claim = child(field, "ephemeral", "volumeClaimTemplate", "spec");
    warnings.push(...sourceWarnings(volume, field));
    warnings.push(...claimSpecWarnings(volume.ephemeral?.volumeClaimTemplate?.spec, claim));
  }
  warnings.push(...repeated(spec.hostAliases, "ip", child(path, "hostAliases")));
  warnings.push(...repeated(spec.imagePullSecrets, "name", child(path, "imagePullSecrets")));
  for (const [index, { name }] of (spec.imagePullSecrets ?? []).entries()) {
    if (!name) warnings.push(`${child(at(child(path, "imagePullSecrets"), index), "name")}: invalid empty name ""`);
  }
  warnings.push(...fractionWarnings(spec.overhead, BYTES, child(path, "overhead")));
  if (!spec.securityContext?.seccompProfile && annotations[SECCOMP_POD] !== undefined) {
    warnings.push(`${at(notes, SECCOMP_POD)}: ${SECCOMP}`);
  }
  const containers = containersOf(spec, path);
  for (const { container, field } of containers) {
    const { name, securityContext, resources } = container;
    const seccomp = SECCOMP_CONTAINER + name;
    if (!securityContext?.seccompProfile && annotations[seccomp] !== undefined) {
      warnings.push(`${at(notes, seccomp)}: ${SECCOMP}`);
    }
    // In pods themselves the annotation sets the field, and so is not without it.
    const profile = spec.securityContext?.appArmorProfile ?? securityContext?.appArmorProfile;
    const appArmor = APP_ARMOR_CONTAINER + name;
    if (!profile && annotations[appArmor] !== undefined) warnings.push(`${at(notes, appArmor)}: ${APP_ARMOR}`);
    for (const side of ["limits", "requests"] as const) {
      warnings.push(...fractionWarnings(resources?.[side], BYTES, child(field, "resources", side)));
    }
    warnings.push(...environmentWarnings(container, field));
  }
  warnings.push(...portWarnings(containers), ...portNameWarnings(containers));
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    const detail = "must be >= 0; negative values are invalid and will be treated as 1";
    warnings.push(`${child(path, "terminationGracePeriodSeconds")}: ${detail}`);
  }
  warnings.push(...affinityWarnings(spec.affinity, child(path, "affinity")));
  return warnings;
}

const NO_SELECTOR = "a null labelSelector results in matching no pod";

/** Labels of nodes that are gone, and constraints that are about no pod. */
function placementWarnings(spec: PodSpec, path: string): string[] {
  const warnings: string[] = [];
  for (const key in spec.nodeSelector) {
    const message = deprecatedLabel(key);
    if (message) warnings.push(`${at(child(path, "nodeSelector"), key)}: ${message}`);
  }
  const nodes = spec.affinity?.nodeAffinity;
  const field = child(path, "affinity", "nodeAffinity");
  const needed = child(field, "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms");
  const wanted = child(field, "preferredDuringSchedulingIgnoredDuringExecution");
  const terms = nodes?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  for (const [index, term] of terms.entries()) warnings.push(...termWarnings(term, at(needed, index)));
  const preferences = nodes?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  for (const [index, { preference }] of preferences.entries()) {
    warnings.push(...termWarnings(preference, child(at(wanted, index), "preference")));
  }
  for (const [index, { topologyKey, labelSelector }] of (spec.topologySpreadConstraints ?? []).entries()) {
    const constraint = at(child(path, "topologySpreadConstraints"), index);
    const message = deprecatedLabel(topologyKey);
    if (message) warnings.push(`${child(constraint, "topologyKey")}: ${topologyKey} is ${message}`);
    if (!labelSelector) warnings.push(`${child(constraint, "labelSelector")}: ${NO_SELECTOR}`);
  }
  return warnings;
}

function affinityWarnings(affinity: Affinity | undefined, path: string): string[] {
  const warnings: string[] = [];
  const check = (term: PodAffinityTerm | undefined, field: string) => {
    if (!term?.labelSelector) warnings.push(`${child(field, "labelSelector")}: ${NO_SELECTOR}`);
  };
  for (const kind of ["podAffinity", "podAntiAffinity"] as const) {
    const needed = "requiredDuringSchedulingIgnoredDuringExecution";
    for (const [index, term] of (affinity?.[kind]?.[needed] ?? []).entries()) {
      check(term, at(child(path, kind, needed), index));
    }
    const wanted = "preferredDuringSchedulingIgnoredDuringExecution";
    for (const [index, { podAffinityTerm }] of (affinity?.[kind]?.[wanted] ?? []).entries()) {
      check(podAffinityTerm, child(at(child(path, kind, wanted), index), "podAffinityTerm"));
    }
  }
  return warnings;
}

function repeated<K extends string>(
  items: readonly { readonly [key in K]?: string }[] | undefined,
  key: K,
  path: string,
): string[] {
  const values = (items ?? []).map((item) => item[key] ?? "");
  return values.flatMap((value, index) =>
    values.indexOf(value) < index ? [`${child(at(path, index), key)}: duplicate ${key} ${goQuote(value)}`] : [],
  );
}

interface PlacedContainer {
  readonly container: Container;
  readonly field: string;
  /** Runs as long as the pod does. */
  readonly lasting: boolean;
}

function containersOf(spec: PodSpec, path: string): PlacedContainer[] {
  return (["initContainers", "containers", "ephemeralContainers"] as const).flatMap((name) =>
    (spec[name] ?? []).map((container: Container, index) => ({
      container,
      field: at(child(path, name), index),
      lasting: name === "containers" || (name === "initContainers" && isSidecar(container)),
    })),
  );
}

/** A variable may be there twice only where the second builds on the first. */
function environmentWarnings({ env = [] }: Container, path: string): string[] {
  const warnings: string[] = [];
  const seen = new Set<string>();
  for (const [index, { name, value = "", valueFrom }] of env.entries()) {
    const reference = `$(${name})`;
    if (seen.has(name) && (valueFrom || value === reference || !value.includes(reference))) {
      const detail = `hides previous definition of ${goQuote(name)}, which may be dropped when using apply`;
      warnings.push(`${at(child(path, "env"), index)}: ${detail}`);
    }
    seen.add(name);
  }
  return warnings;
}

function portWarnings(containers: readonly PlacedContainer[]): string[] {
  const warnings: string[] = [];
  const known = new Map<string, { port: ContainerPort; field: string }[]>();
  for (const { container, field: parent } of containers) {
    for (const [index, port] of (container.ports ?? []).entries()) {
      const field = at(child(parent, "ports"), index);
      if (port.hostIP && !port.hostPort) {
        warnings.push(`${field}: hostIP set without hostPort: ${JSON.stringify(port)}`);
      }
      const key = `${port.containerPort}/${port.protocol}`;
      const others = known.get(key) ?? [];
      for (const other of others) {
        const relation = relate(port, other.port);
        if (relation) warnings.push(`${field}: ${relation} port definition with ${other.field}`);
      }
      known.set(key, [...others, { port, field }]);
    }
  }
  return warnings;
}

function relate(port: ContainerPort, other: ContainerPort): string | undefined {
  const [ip, otherIp] = [port.hostIP ?? "", other.hostIP ?? ""];
  const [host, otherHost] = [port.hostPort ?? 0, other.hostPort ?? 0];
  if (ip === otherIp && host === otherHost) return "duplicate";
  if (host === 0 || otherHost === 0) return "overlapping";
  return host === otherHost && (ip === "") !== (otherIp === "") ? "dangerously ambiguous" : undefined;
}

/** Names of ports are unique within a container; across those that run together the first has it. */
function portNameWarnings(containers: readonly PlacedContainer[]): string[] {
  const warnings: string[] = [];
  const first = new Map<string, string>();
  for (const { container, field: parent, lasting } of containers) {
    if (!lasting) continue;
    for (const [index, { name }] of (container.ports ?? []).entries()) {
      if (!name) continue;
      const field = at(child(parent, "ports"), index);
      const other = first.get(name);
      if (other === undefined) first.set(name, field);
      else {
        const detail = `services and probes that select ports by name will use ${other}`;
        warnings.push(`${field}: duplicate port name ${goQuote(name)} with ${other}, ${detail}`);
      }
    }
  }
  return warnings;
}
