import { checkPathSegment } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type {
  MatchResources,
  NamedRuleWithOperations,
  RuleWithOperations,
} from "../../types/admissionregistration.v1.ts";
import { at, child, duplicate, invalid, notSupported, required } from "../field-errors.ts";
import { validateLabelSelector } from "../label-checks.ts";
import { addProblems, validateEnum } from "../value-checks.ts";

const OPERATIONS = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const SCOPES = ["*", "Cluster", "Namespaced"];
export const MATCH_POLICIES = ["Equivalent", "Exact"];
export const FAILURE_POLICIES = ["Fail", "Ignore"];

/** Which requests a policy or its binding is for. */
export function validateMatchResources(match: MatchResources, path: string, errors: FieldError[]): void {
  validateEnum(match.matchPolicy, MATCH_POLICIES, child(path, "matchPolicy"), errors);
  for (const name of ["namespaceSelector", "objectSelector"] as const) {
    if (match[name] == null) errors.push(required(child(path, name)));
    else validateLabelSelector(match[name], child(path, name), errors);
  }
  for (const name of ["resourceRules", "excludeResourceRules"] as const) {
    for (const [index, rule] of (match[name] ?? []).entries()) {
      validateNamedRule(rule, at(child(path, name), index), errors);
    }
  }
}

function validateNamedRule(rule: NamedRuleWithOperations, path: string, errors: FieldError[]): void {
  const names = rule.resourceNames ?? [];
  for (const [index, name] of names.entries()) {
    const field = at(child(path, "resourceNames"), index);
    addProblems(checkPathSegment(name), field, name, errors);
    if (names.indexOf(name) < index) errors.push(duplicate(field, name));
  }
  validateRule(rule, path, errors);
}

/** Operations, groups, versions and resources: each there, and nothing beside a wildcard. */
export function validateRule(rule: RuleWithOperations, path: string, errors: FieldError[]): void {
  const { operations = [], apiVersions = [], scope } = rule;
  validateList(operations, "operations", child(path, "operations"), errors);
  for (const [index, operation] of operations.entries()) {
    if (OPERATIONS.includes(operation)) continue;
    errors.push(notSupported(at(child(path, "operations"), index), operation, OPERATIONS));
  }
  validateList(rule.apiGroups, "API groups", child(path, "apiGroups"), errors);
  validateList(apiVersions, "API versions", child(path, "apiVersions"), errors);
  for (const [index, version] of apiVersions.entries()) {
    if (version === "") errors.push(required(at(child(path, "apiVersions"), index)));
  }
  validateResources(rule.resources ?? [], child(path, "resources"), errors);
  if (scope != null && !SCOPES.includes(scope)) errors.push(notSupported(child(path, "scope"), scope, SCOPES));
}

function validateList(values: readonly string[] | undefined, what: string, path: string, errors: FieldError[]): void {
  if (!values?.length) errors.push(required(path));
  else if (values.length > 1 && values.includes("*")) {
    errors.push(invalid(path, values, `if '*' is present, must not specify other ${what}`));
  }
}

/** `pods`, `pods/log`, and wildcards for either part or for all. */
function validateResources(resources: readonly string[], path: string, errors: FieldError[]): void {
  if (resources.length === 0) errors.push(required(path));
  const wildSubresources = new Set<string>();
  const wildResources = new Set<string>();
  let plain = false;
  for (const [index, text] of resources.entries()) {
    const field = at(path, index);
    if (text === "") {
      errors.push(required(field));
      continue;
    }
    const slash = text.indexOf("/");
    if (slash < 0) {
      plain = text !== "*";
      continue;
    }
    const resource = text.slice(0, slash);
    const subresource = text.slice(slash + 1);
    if (wildSubresources.has(resource)) {
      errors.push(invalid(field, text, `if '${resource}/*' is present, must not specify ${text}`));
    }
    if (wildResources.has(subresource)) {
      errors.push(invalid(field, text, `if '*/${subresource}' is present, must not specify ${text}`));
    }
    if (subresource === "*") wildSubresources.add(resource);
    if (resource === "*") wildResources.add(subresource);
  }
  if (resources.length > 1 && resources.includes("*/*")) {
    errors.push(invalid(path, resources, "if '*/*' is present, must not specify other resources"));
  }
  if (resources.includes("*") && plain) {
    const detail = "if '*' is present, must not specify other resources without subresources";
    errors.push(invalid(path, resources, detail));
  }
}
