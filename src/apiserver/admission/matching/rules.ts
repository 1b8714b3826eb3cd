import type { ResourceType } from "../../../api/object.ts";
import type { RuleWithOperations } from "../../../api/types/admissionregistration.v1.ts";
import type { AdmissionAttributes } from "../admission.ts";

/** What rules look at. */
export interface Matched {
  readonly operation: AdmissionAttributes["operation"];
  readonly resource: Pick<ResourceType, "group" | "version" | "resource">;
  readonly subresource: string;
  /** That of a Namespace is its own name. */
  readonly namespace: string;
}

/** A write as rules see it. */
export function matchedOf(attributes: AdmissionAttributes): Matched {
  const { operation, type, requested = type, subresource = "" } = attributes;
  return { operation, resource: requested, subresource, namespace: namespaceOf(attributes) };
}

/** The namespace of a write; for a Namespace itself, its name. */
export function namespaceOf({ type, namespace, name }: AdmissionAttributes): string {
  return namespace ?? (isNamespaces(type) ? name : "");
}

/** Whether a rule of a webhook or a policy matches: scope, operation, group, version and resource must. */
export function matchesRule(rule: RuleWithOperations, matched: Matched): boolean {
  const { resource, operation, subresource } = matched;
  return (
    inScope(rule.scope, matched) &&
    includes(rule.operations, operation) &&
    includes(rule.apiGroups, resource.group) &&
    includes(rule.apiVersions, resource.version) &&
    (rule.resources ?? []).some((one) => {
      const slash = one.indexOf("/");
      const [name, below] = slash < 0 ? [one, ""] : [one.slice(0, slash), one.slice(slash + 1)];
      return (name === "*" || name === resource.resource) && (below === "*" || below === subresource);
    })
  );
}

const includes = (list: readonly string[] | undefined, wanted: string) =>
  list?.some((one) => one === "*" || one === wanted) ?? false;

function inScope(scope: string | undefined, { resource, namespace }: Matched): boolean {
  if (scope === undefined || scope === "*") return true;
  const inNamespace = !isNamespaces(resource) && namespace !== "";
  return scope === "Namespaced" ? inNamespace : scope === "Cluster" && !inNamespace;
}

export const isNamespaces = ({ group, resource }: { group: string; resource: string }) =>
  group === "" && resource === "namespaces";

const EXEMPT = new Set([
  "validatingwebhookconfigurations",
  "mutatingwebhookconfigurations",
  "validatingadmissionpolicies",
  "validatingadmissionpolicybindings",
  "mutatingadmissionpolicies",
  "mutatingadmissionpolicybindings",
]);

/** Whether a write is to what configures admission: no webhook or policy may stand in the way of that. */
export const isExempt = ({ type }: AdmissionAttributes): boolean =>
  type.group === "admissionregistration.k8s.io" && EXEMPT.has(type.resource);
