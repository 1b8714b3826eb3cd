import { semanticEqual } from "../json-equal.ts";
import { checkDnsSubdomain } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject } from "../types/rbac.v1.ts";
import { at, child, invalid, notSupported, required } from "./field-errors.ts";
import { validateLabelSelector } from "./label-checks.ts";
import { validateReferenceName } from "./reference-checks.ts";
import { addProblems } from "./value-checks.ts";

export const GROUP = "rbac.authorization.k8s.io";

export function validateRole({ rules }: Role): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, rule] of (rules ?? []).entries()) validateRule(rule, true, at("rules", index), errors);
  return errors;
}

export function validateClusterRole({ rules, aggregationRule }: ClusterRole): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, rule] of (rules ?? []).entries()) validateRule(rule, false, at("rules", index), errors);
  if (!aggregationRule) return errors;
  const path = "aggregationRule.clusterRoleSelectors";
  const selectors = aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0) {
    errors.push(required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil"));
  }
  for (const [index, selector] of selectors.entries()) validateLabelSelector(selector, at(path, index), errors);
  return errors;
}

function validateRule(rule: PolicyRule, namespaced: boolean, path: string, errors: FieldError[]): void {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  if (!verbs?.length) errors.push(required(child(path, "verbs"), "verbs must contain at least one value"));
  if (nonResourceURLs.length > 0) {
    const field = child(path, "nonResourceURLs");
    if (namespaced) {
      errors.push(invalid(field, nonResourceURLs, "namespaced rules cannot apply to non-resource URLs"));
    }
    if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0) {
      const detail = "rules cannot apply to both regular resources and non-resource URLs";
      errors.push(invalid(field, nonResourceURLs, detail));
    }
    return;
  }
  if (apiGroups.length === 0) {
    errors.push(required(child(path, "apiGroups"), "resource rules must supply at least one api group"));
  }
  if (resources.length === 0) {
    errors.push(required(child(path, "resources"), "resource rules must supply at least one resource"));
  }
}

export const validateRoleBinding = (binding: RoleBinding) => validateBinding(binding, true);
export const validateClusterRoleBinding = (binding: ClusterRoleBinding) => validateBinding(binding, false);

function validateBinding({ roleRef, subjects }: RoleBinding | ClusterRoleBinding, namespaced: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const kinds = namespaced ? ["Role", "ClusterRole"] : ["ClusterRole"];
  if (roleRef.apiGroup !== GROUP) errors.push(notSupported("roleRef.apiGroup", roleRef.apiGroup ?? "", [GROUP]));
  if (!kinds.includes(roleRef.kind)) errors.push(notSupported("roleRef.kind", roleRef.kind ?? "", kinds));
  validateReferenceName(roleRef.name, "roleRef.name", errors);
  for (const [index, subject] of (subjects ?? []).entries()) {
    validateSubject(subject, namespaced, at("subjects", index), errors);
  }
  return errors;
}

function validateSubject(
  { kind, name, namespace, apiGroup = "" }: Subject,
  namespaced: boolean,
  path: string,
  errors: FieldError[],
): void {
  if (!name) errors.push(required(child(path, "name")));
  switch (kind) {
    case "ServiceAccount":
      if (name) addProblems(checkDnsSubdomain(name), child(path, "name"), name, errors);
      if (apiGroup) errors.push(notSupported(child(path, "apiGroup"), apiGroup, [""]));
      if (!namespaced && !namespace) errors.push(required(child(path, "namespace")));
      break;
    case "User":
    case "Group":
      if (!name) errors.push(invalid(child(path, "name"), "", `${kind.toLowerCase()} name cannot be empty`));
      if (apiGroup !== GROUP) errors.push(notSupported(child(path, "apiGroup"), apiGroup, [GROUP]));
      break;
    default:
      errors.push(notSupported(child(path, "kind"), kind ?? "", ["ServiceAccount", "User", "Group"]));
  }
}

/** Who may do what is decided once per binding: whoever may change subjects must not reach another role that way. */
export function validateBindingUpdate(
  { roleRef }: RoleBinding | ClusterRoleBinding,
  old: RoleBinding | ClusterRoleBinding,
): FieldError[] {
  return semanticEqual(roleRef, old.roleRef) ? [] : [invalid("roleRef", roleRef, "cannot change roleRef")];
}
