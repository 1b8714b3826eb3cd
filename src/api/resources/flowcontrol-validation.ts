import { checkDnsLabel, checkDnsSubdomain } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import type {
  FlowSchema,
  LimitedPriorityLevelConfiguration,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  QueuingConfiguration,
  ResourcePolicyRule,
  Subject,
} from "../types/flowcontrol.v1.ts";
import { at, child, duplicate, forbidden, invalid, notSupported, required } from "./field-errors.ts";
import { addProblems } from "./value-checks.ts";

const MAX_PRECEDENCE = 10_000;
const MAX_QUEUES = 10_000_000;
/** Bits of a hash that shuffle sharding can use. */
const MAX_HASH_BITS = 60;
const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];
const METHODS = ["ByNamespace", "ByUser"];

export function validateFlowSchema({ metadata, spec, status }: FlowSchema): FieldError[] {
  const errors: FieldError[] = [];
  const { matchingPrecedence = 0, distinguisherMethod: method, priorityLevelConfiguration, rules } = spec!;
  const precedence = "spec.matchingPrecedence";
  if (matchingPrecedence <= 0) errors.push(invalid(precedence, matchingPrecedence, "must be a positive value"));
  if (matchingPrecedence > MAX_PRECEDENCE) {
    errors.push(invalid(precedence, matchingPrecedence, `must not be greater than ${MAX_PRECEDENCE}`));
  }
  if (matchingPrecedence === 1 && metadata?.name !== "exempt") {
    const detail = "only the schema named 'exempt' may have matchingPrecedence 1";
    errors.push(invalid(precedence, matchingPrecedence, detail));
  }
  if (method && !METHODS.includes(method.type)) {
    errors.push(notSupported("spec.distinguisherMethod.type", method, METHODS));
  }
  const level = priorityLevelConfiguration?.name;
  const path = "spec.priorityLevelConfiguration.name";
  if (level) addProblems(checkDnsSubdomain(level), path, level, errors);
  else errors.push(required(path, "must reference a priority level"));
  for (const [index, rule] of (rules ?? []).entries()) validateRules(rule, at("spec.rules", index), errors);
  return [...errors, ...validateTypes(status?.conditions)];
}

/** Conditions of either kind: types that are there, each once. */
export function validateTypes(conditions: readonly { type?: string }[] | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, { type = "" }] of (conditions ?? []).entries()) {
    const path = child(at("status.conditions", index), "type");
    if (seen.has(type)) errors.push(duplicate(path, type));
    seen.add(type);
    if (type === "") errors.push(required(path, "must not be empty"));
  }
  return errors;
}

function validateRules(rules: PolicyRulesWithSubjects, path: string, errors: FieldError[]): void {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rules;
  if (subjects.length === 0) {
    errors.push(required(child(path, "subjects"), "subjects must contain at least one value"));
  }
  for (const [index, subject] of subjects.entries()) {
    validateSubject(subject, at(child(path, "subjects"), index), errors);
  }
  if (resourceRules.length === 0 && nonResourceRules.length === 0) {
    errors.push(required(path, "at least one of resourceRules and nonResourceRules has to be non-empty"));
  }
  for (const [index, rule] of resourceRules.entries()) {
    validateResourceRule(rule, at(child(path, "resourceRules"), index), errors);
  }
  for (const [index, rule] of nonResourceRules.entries()) {
    validateNonResourceRule(rule, at(child(path, "nonResourceRules"), index), errors);
  }
}

/** The field of each kind of subject. */
const SUBJECTS = { ServiceAccount: "serviceAccount", User: "user", Group: "group" } as const;

function validateSubject(subject: Subject, path: string, errors: FieldError[]): void {
  const { kind } = subject;
  if (!(kind in SUBJECTS)) {
    errors.push(notSupported(child(path, "kind"), kind ?? "", ["Group", "ServiceAccount", "User"]));
    return;
  }
  const own = SUBJECTS[kind as keyof typeof SUBJECTS];
  const field = child(path, own);
  const name = subject[own]?.name;
  if (!subject[own]) errors.push(required(field, `${own} is required when subject kind is '${kind}'`));
  else if (!name) errors.push(required(child(field, "name")));
  else if (own === "serviceAccount" && name !== "*") {
    addProblems(checkDnsSubdomain(name), child(field, "name"), name, errors);
  }
  if (own === "serviceAccount" && subject.serviceAccount) {
    const { namespace } = subject.serviceAccount;
    if (namespace) addProblems(checkDnsLabel(namespace), child(field, "namespace"), namespace, errors);
    else errors.push(required(child(field, "namespace"), "must specify namespace for service account"));
  }
  for (const [otherKind, other] of Object.entries(SUBJECTS)) {
    if (other === own || subject[other] == null) continue;
    errors.push(forbidden(child(path, other), `${other} is forbidden when subject kind is not '${otherKind}'`));
  }
}

/** There is something, and nothing beside a wildcard. Says whether the wildcard is there. */
function validateList(
  values: readonly string[] | undefined,
  missing: string,
  what: string,
  path: string,
  errors: FieldError[],
): boolean {
  if (!values?.length) errors.push(required(path, missing));
  const wild = values?.includes("*") ?? false;
  if (wild && values!.length > 1) {
    errors.push(invalid(path, values, `if '*' is present, must not specify other ${what}`));
  }
  return wild;
}

function validateVerbs(verbs: readonly string[] | undefined, path: string, errors: FieldError[]): void {
  const wild = validateList(verbs, "verbs must contain at least one value", "verbs", path, errors);
  if (!wild && verbs?.some((verb) => !VERBS.includes(verb))) errors.push(notSupported(path, verbs, VERBS));
}

function validateResourceRule(rule: ResourcePolicyRule, path: string, errors: FieldError[]): void {
  const { verbs, apiGroups, resources, namespaces = [], clusterScope } = rule;
  validateVerbs(verbs, child(path, "verbs"), errors);
  const group = "resource rules must supply at least one api group";
  validateList(apiGroups, group, "api groups", child(path, "apiGroups"), errors);
  const resource = "resource rules must supply at least one resource";
  validateList(resources, resource, "resources", child(path, "resources"), errors);
  const field = child(path, "namespaces");
  if (namespaces.length === 0 && clusterScope) return;
  const missing = "resource rules that are not cluster scoped must supply at least one namespace";
  if (validateList(namespaces, missing, "namespaces", field, errors)) return;
  for (const [index, namespace] of namespaces.entries()) {
    for (const problem of checkDnsLabel(namespace)) {
      const detail = `each member of this list must be '*' or a DNS-1123 label; ${problem}`;
      errors.push(invalid(at(field, index), namespace, detail));
    }
  }
}

function validateNonResourceRule(rule: NonResourcePolicyRule, path: string, errors: FieldError[]): void {
  const { verbs, nonResourceURLs } = rule;
  validateVerbs(verbs, child(path, "verbs"), errors);
  const field = child(path, "nonResourceURLs");
  const missing = "nonResourceURLs must contain at least one value";
  if (validateList(nonResourceURLs, missing, "non-resource URLs", field, errors)) return;
  for (const [index, url] of (nonResourceURLs ?? []).entries()) {
    const problem = urlProblem(url);
    if (problem) errors.push(invalid(at(field, index), url, problem));
  }
}

function urlProblem(url: string): string | undefined {
  if (url === "") return "must not be empty";
  if (url === "/") return undefined;
  if (!url.startsWith("/")) return "must start with slash";
  if (url.includes(" ")) return "must not contain white-space";
  if (url.includes("//")) return "must not contain double slash";
  const wild = url.indexOf("*");
  return wild < 0 || (wild === url.length - 1 && url.endsWith("/*"))
    ? undefined
    : "wildcard can only do suffix matching";
}

export function validatePriorityLevel({ metadata, spec, status }: PriorityLevelConfiguration): FieldError[] {
  const errors: FieldError[] = [];
  const { type = "", limited, exempt } = spec ?? {};
  if ((metadata?.name === "exempt") !== (type === "Exempt")) {
    errors.push(invalid("spec.type", type, "type must be 'Exempt' if and only if name is 'exempt'"));
  }
  switch (type) {
    case "Exempt":
      if (limited) errors.push(forbidden("spec.limited", "must be nil if the type is not Limited"));
      if (exempt) validateShares(exempt, "spec.exempt", errors);
      break;
    case "Limited":
      if (exempt) errors.push(forbidden("spec.exempt", "must be nil if the type is Limited"));
      if (limited) validateLimited(limited, "spec.limited", errors);
      else errors.push(required("spec.limited", "must not be empty when type is Limited"));
      break;
    default:
      errors.push(notSupported("spec.type", type, ["Exempt", "Limited"]));
  }
  return [...errors, ...validateTypes(status?.conditions)];
}

function validateShares(
  { nominalConcurrencyShares: shares, lendablePercent }: LimitedPriorityLevelConfiguration,
  path: string,
  errors: FieldError[],
): void {
  if (shares != null && shares < 0) {
    errors.push(invalid(child(path, "nominalConcurrencyShares"), shares, "must be a non-negative integer"));
  }
  if (lendablePercent != null && (lendablePercent < 0 || lendablePercent > 100)) {
    const detail = "must be between 0 and 100, inclusive";
    errors.push(invalid(child(path, "lendablePercent"), lendablePercent, detail));
  }
}

function validateLimited(limited: LimitedPriorityLevelConfiguration, path: string, errors: FieldError[]): void {
  const { limitResponse, borrowingLimitPercent: borrowing } = limited;
  validateShares(limited, path, errors);
  const response = child(path, "limitResponse");
  const queuing = limitResponse?.queuing;
  switch (limitResponse?.type) {
    case "Reject":
      if (queuing) {
        const detail = "must be nil if limited.limitResponse.type is not Limited";
        errors.push(forbidden(child(response, "queuing"), detail));
      }
      break;
    case "Queue":
      if (queuing) validateQueuing(queuing, child(response, "queuing"), errors);
      else {
        const detail = "must not be empty if limited.limitResponse.type is Limited";
        errors.push(required(child(response, "queuing"), detail));
      }
      break;
    default:
      errors.push(notSupported(child(response, "type"), limitResponse?.type ?? "", ["Queue", "Reject"]));
  }
  if (borrowing != null && borrowing < 0) {
    const detail = "if specified, must be a non-negative integer";
    errors.push(invalid(child(path, "borrowingLimitPercent"), borrowing, detail));
  }
}

function validateQueuing(queuing: QueuingConfiguration, path: string, errors: FieldError[]): void {
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing;
  const positive = "must be positive";
  if (queueLengthLimit <= 0) errors.push(invalid(child(path, "queueLengthLimit"), queueLengthLimit, positive));
  if (queues <= 0) errors.push(invalid(child(path, "queues"), queues, positive));
  else if (queues > MAX_QUEUES) {
    errors.push(invalid(child(path, "queues"), queues, `must not be greater than ${MAX_QUEUES}`));
  }
  const field = child(path, "handSize");
  if (handSize <= 0) errors.push(invalid(field, handSize, positive));
  else if (handSize > queues) {
    errors.push(invalid(field, handSize, `should not be greater than queues (${queues})`));
  } else if (Math.ceil(Math.log2(queues) * handSize) > MAX_HASH_BITS) {
    const detail = `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${MAX_HASH_BITS}`;
    errors.push(invalid(field, handSize, detail));
  }
}
