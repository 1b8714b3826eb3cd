import { jsonEqual } from "../../../api/json-equal.ts";
import type { KubeObject, UnknownObject } from "../../../api/object.ts";
import { namespaces, pods } from "../../../api/resource-types.ts";
import { internalError, invalid } from "../../../api/status-error.ts";
import type { Container, Namespace, Pod, PodSpec } from "../../../api/types/core.v1.ts";
import type { ObjectMeta } from "../../../api/types/meta.v1.ts";
import type { Clock } from "../../../base/clock.ts";
import type { Lookup } from "../../lookup.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../admission.ts";
import { concerns, refusal, stored, written } from "../refusal.ts";
import { describeViolations, evaluate, summarizeViolations } from "./evaluate.ts";
import {
  formatLevel,
  isStricter,
  type LevelVersion,
  NO_EXEMPTIONS,
  type PodSecurityConfiguration,
  type Policy,
  policyOf,
  samePolicy,
} from "./policy.ts";

/** Where the resources with pods inside keep them, as `resource.group`. */
const TEMPLATES: Readonly<Record<string, (object: UnknownObject) => Template | undefined>> = {
  "podtemplates.": (object) => object.template as Template | undefined,
  "replicationcontrollers.": templateOfSpec,
  "replicasets.apps": templateOfSpec,
  "deployments.apps": templateOfSpec,
  "statefulsets.apps": templateOfSpec,
  "daemonsets.apps": templateOfSpec,
  "jobs.batch": templateOfSpec,
  "cronjobs.batch": (object) =>
    templateOfSpec((object.spec as { jobTemplate?: UnknownObject } | undefined)?.jobTemplate),
};
interface Template {
  metadata?: ObjectMeta;
  spec?: PodSpec;
}
function templateOfSpec(object: UnknownObject | undefined): Template | undefined {
  return (object?.spec as { template?: Template } | undefined)?.template;
}

/** Of labels and of audit annotations. */
const PREFIX = "pod-security.kubernetes.io/";

/** Subresources of pods that can't change what a pod may do. */
const HARMLESS = new Set(["exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status"]);

/** When a namespace becomes stricter, its pods are looked at for warnings: so many, and for so long. */
const MAX_PODS = 3000;
const MAX_MS = 1000;

/**
 * PodSecurity: refuses pods that do more than the labels of their namespace allow, and warns of others and of templates
 * that would make such pods. See https://kubernetes.io/docs/concepts/security/pod-security-admission/.
 */
export function podSecurity({
  lookup,
  clock,
  configuration: { podSecurity: configuration = NO_EXEMPTIONS } = {},
}: {
  lookup: Lookup;
  clock: Clock;
  configuration?: { readonly podSecurity?: PodSecurityConfiguration };
}): AdmissionPlugin {
  const { defaults, exemptNamespaces, exemptUsers, exemptRuntimeClasses } = configuration;
  /** Whether nothing is asked of a write; tells why in the audit log. */
  const isExempt = ({ namespace = "", user, annotate }: AdmissionAttributes, spec: PodSpec | undefined): boolean => {
    const reason = exemptNamespaces.has(namespace)
      ? "namespace"
      : exemptUsers.has(user.name)
        ? "user"
        : exemptRuntimeClasses.has(spec?.runtimeClassName ?? "")
          ? "runtimeClass"
          : undefined;
    if (reason) annotate?.(`${PREFIX}exempt`, reason);
    return reason !== undefined;
  };
  const policyFor = async (name: string) => {
    const namespace =
      (await lookup.get(namespaces, name)) ?? (await lookup.get(namespaces, name, undefined, { fresh: true }));
    if (!namespace) throw internalError(new Error(`failed to lookup namespace ${JSON.stringify(name)}`));
    return policyOf(namespace.metadata?.labels, defaults).policy;
  };

  const checkPod = async (attributes: AdmissionAttributes) => {
    const { spec, metadata = {} } = written<Pod>(attributes);
    if (!spec || isExempt(attributes, spec)) return;
    const { enforce, warn, audit } = await policyFor(attributes.namespace ?? "");
    attributes.annotate?.(`${PREFIX}enforce-policy`, formatLevel(enforce));
    if (enforce.level === "privileged" && warn.level === "privileged" && audit.level === "privileged") return;
    if (attributes.operation === "UPDATE" && !isSignificant(spec, stored<Pod>(attributes).spec)) return;
    const violations = evaluate(enforce, spec, metadata);
    auditOf(attributes, audit, spec, metadata);
    if (violations.length > 0) {
      throw refusal(attributes, `violates PodSecurity "${formatLevel(enforce)}": ${describeViolations(violations)}`);
    }
    warnOf(attributes, warn, spec, metadata);
  };

  const checkTemplate = async (attributes: AdmissionAttributes, template: Template | undefined) => {
    if (!template?.spec || isExempt(attributes, template.spec)) return;
    const { warn, audit } = await policyFor(attributes.namespace ?? "");
    auditOf(attributes, audit, template.spec, template.metadata ?? {});
    warnOf(attributes, warn, template.spec, template.metadata ?? {});
  };

  const checkNamespace = async (attributes: AdmissionAttributes) => {
    const { labels } = written<Namespace>(attributes).metadata ?? {};
    const { policy, errors } = policyOf(labels, defaults);
    const before =
      attributes.operation === "UPDATE"
        ? policyOf(stored<Namespace>(attributes).metadata?.labels, defaults)
        : undefined;
    if (errors.length > 0 && !(before && jsonEqual(before.errors, errors))) {
      const causes = errors.map(({ type, field, message }) => ({ reason: type, field, message }));
      throw invalid({ kind: "Namespace" }, attributes.name, causes);
    }
    if (exemptNamespaces.has(attributes.name)) {
      const ignored = explicitModes(policy, labels);
      if (ignored && !samePolicies(policy, before?.policy ?? defaults)) {
        attributes.warn(
          `namespace ${JSON.stringify(attributes.name)} is exempt from Pod Security, and the policy (${ignored}) will be ignored`,
        );
      }
      return;
    }
    if (!before) return;
    const [now, then] = [policy.enforce, before.policy.enforce];
    const relaxed = now.minor === then.minor && !isStricter(now.level, then.level);
    if (samePolicy(now, then) || now.level === "privileged" || relaxed) return;
    for (const warning of await podWarnings(attributes.name, now)) attributes.warn(warning);
  };

  /** What is wrong with the pods that are already there. */
  const podWarnings = async (namespace: string, enforce: LevelVersion): Promise<string[]> => {
    const all = oneOfEachController(await lookup.list(pods, { namespace }));
    const deadline = clock.monotonic() + MAX_MS;
    const found = new Map<string, string[]>();
    let checked = 0;
    for (const { metadata = {}, spec } of all.slice(0, MAX_PODS)) {
      const subject = spec && !exemptRuntimeClasses.has(spec.runtimeClassName ?? "");
      const summary = subject ? summarizeViolations(evaluate(enforce, spec, metadata)) : "";
      if (summary !== "") found.set(summary, [...(found.get(summary) ?? []), metadata.name ?? ""]);
      checked++;
      if (clock.monotonic() > deadline) break;
    }
    const warnings: string[] = [];
    if (checked < all.length) {
      warnings.push(
        `new PodSecurity enforce level only checked against the first ${checked} of ${all.length} existing pods`,
      );
    }
    if (found.size > 0) {
      const level = `the new PodSecurity enforce level "${formatLevel(enforce)}"`;
      warnings.push(`existing pods in namespace ${JSON.stringify(namespace)} violate ${level}`);
    }
    const lines = [...found].map(([summary, names]) => {
      const others = names.length - 1;
      const more = others === 0 ? "" : ` (and ${others} other ${others === 1 ? "pod" : "pods"})`;
      return `${names.sort()[0]}${more}: ${summary}`;
    });
    return [...warnings, ...lines.sort()];
  };

  return {
    name: "PodSecurity",
    handles({ operation, type, subresource }) {
      if (operation !== "CREATE" && operation !== "UPDATE") return false;
      if (type.group === "" && type.resource === "pods") return !HARMLESS.has(subresource ?? "");
      if (subresource) return false;
      return (type.group === "" && type.resource === "namespaces") || `${type.resource}.${type.group}` in TEMPLATES;
    },
    async validate(attributes) {
      if (concerns(attributes, namespaces)) return checkNamespace(attributes);
      const template = TEMPLATES[`${attributes.type.resource}.${attributes.type.group}`];
      if (template) return checkTemplate(attributes, template(attributes.object as KubeObject as UnknownObject));
      return checkPod(attributes);
    },
  };
}

/** What the labels of an exempt namespace ask for in vain; empty where that is nothing. */
function explicitModes(policy: Policy, labels: Readonly<Record<string, string>> = {}): string {
  const modes = (["enforce", "audit", "warn"] as const).filter(
    (mode) =>
      policy[mode].level !== "privileged" &&
      (labels[`${PREFIX}${mode}`] !== undefined || labels[`${PREFIX}${mode}-version`] !== undefined),
  );
  return modes.map((mode) => `${mode}=${formatLevel(policy[mode])}`).join(", ");
}

const samePolicies = (a: Policy, b: Policy) =>
  samePolicy(a.enforce, b.enforce) && samePolicy(a.audit, b.audit) && samePolicy(a.warn, b.warn);

function auditOf(attributes: AdmissionAttributes, level: LevelVersion, spec: PodSpec, metadata: ObjectMeta): void {
  if (!attributes.annotate || level.level === "privileged") return;
  const violations = evaluate(level, spec, metadata);
  if (violations.length === 0) return;
  const text = `would violate PodSecurity "${formatLevel(level)}": ${describeViolations(violations)}`;
  attributes.annotate(`${PREFIX}audit-violations`, text);
}

function warnOf(attributes: AdmissionAttributes, level: LevelVersion, spec: PodSpec, metadata: ObjectMeta): void {
  const violations = evaluate(level, spec, metadata);
  if (violations.length === 0) return;
  attributes.warn(`would violate PodSecurity "${formatLevel(level)}": ${describeViolations(violations)}`);
}

/** Whether an update brings a new image or a new container: nothing else that matters can change. */
function isSignificant(spec: PodSpec, before: PodSpec | undefined): boolean {
  const differs = (now: readonly Container[] = [], then: readonly Container[] = []) =>
    now.length !== then.length || now.some(({ image }, index) => image !== then[index]!.image);
  if (differs(spec.containers, before?.containers) || differs(spec.initContainers, before?.initContainers)) return true;
  const known = new Map(before?.ephemeralContainers?.map(({ name, image }) => [name, image]));
  return (spec.ephemeralContainers ?? []).some(({ name, image }) => !known.has(name) || known.get(name) !== image);
}

/** The pods with the first of each controller before its further ones, which are most likely the same. */
function oneOfEachController(all: readonly Pod[]): Pod[] {
  const seen = new Set<string>();
  const [first, further]: [Pod[], Pod[]] = [[], []];
  for (const pod of all) {
    const owner = pod.metadata?.ownerReferences?.find(({ controller }) => controller)?.uid;
    if (owner !== undefined && seen.has(owner)) further.push(pod);
    else first.push(pod);
    if (owner !== undefined) seen.add(owner);
  }
  return [...first, ...further];
}
