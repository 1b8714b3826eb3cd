import type { PolicyRule } from "../../api/types/rbac.v1.ts";
import type { AuthorizationAttributes } from "../authorization.ts";

/** Whether an RBAC rule allows the request. See https://kubernetes.io/docs/reference/access-authn-authz/rbac/. */
export function ruleAllows(rule: PolicyRule, attributes: AuthorizationAttributes): boolean {
  const { verb, resource } = attributes;
  if (!includesOrAll(rule.verbs, verb)) return false;
  if (resource === undefined)
    return (rule.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, attributes.path ?? ""));
  return (
    includesOrAll(rule.apiGroups, attributes.group ?? "") &&
    resourceMatches(rule.resources, resource, attributes.subresource) &&
    (!rule.resourceNames?.length || rule.resourceNames.includes(attributes.name ?? ""))
  );
}

const includesOrAll = (values: readonly string[] | undefined, value: string) =>
  values !== undefined && (values.includes(value) || values.includes("*"));

function resourceMatches(resources: readonly string[] | undefined, resource: string, subresource: string | undefined) {
  if (!resources) return false;
  for (const candidate of resources) {
    if (candidate === "*") return true;
    if (!subresource) {
      if (candidate === resource) return true;
    } else if (candidate === `${resource}/${subresource}` || candidate === `*/${subresource}`) return true;
  }
  return false;
}

/** A pattern is a path, or the beginning of one followed by `*`. */
export function pathMatches(pattern: string, path: string): boolean {
  return pattern === path || (pattern.endsWith("*") && path.startsWith(pattern.replace(/\*+$/, "")));
}
