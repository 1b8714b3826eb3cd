import { checkDnsLabel, checkDnsSubdomain, checkLabelValue, checkQualifiedName } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type {
  Affinity,
  NodeSelector,
  NodeSelectorTerm,
  PodAffinityTerm,
  PodSchedulingGate,
  Toleration,
  TopologySelectorTerm,
  TopologySpreadConstraint,
} from "../../types/core.v1.ts";
import type { LabelSelector } from "../../types/meta.v1.ts";
import { at, child, duplicate, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { validateLabelSelector } from "../label-checks.ts";
import { addProblems, NOT_POSITIVE, validateOptionalEnum, validateQualifiedName } from "../value-checks.ts";

export const TAINT_EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

export function validateTolerations(
  tolerations: readonly Toleration[] | undefined | null,
  path: string,
  errors: FieldError[],
): void {
  for (const [index, { key, operator, value = "", effect, tolerationSeconds }] of (tolerations ?? []).entries()) {
    const field = at(path, index);
    if (key) validateQualifiedName(key, child(field, "key"), errors);
    if (!key && operator !== "Exists") {
      const detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
      errors.push(invalid(child(field, "operator"), operator ?? "", detail));
    }
    if (tolerationSeconds != null && effect !== "NoExecute") {
      const detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
      errors.push(invalid(child(field, "effect"), effect ?? "", detail));
    }
    switch (operator ?? "") {
      case "":
      case "Equal": {
        const problems = checkLabelValue(value);
        if (problems.length > 0) errors.push(invalid(child(field, "operator"), value, problems.join(";")));
        break;
      }
      case "Exists":
        if (value !== "") {
          errors.push(invalid(child(field, "operator"), value, "value must be empty when `operator` is 'Exists'"));
        }
        break;
      default:
        errors.push(notSupported(child(field, "operator"), operator, ["Equal", "Exists"]));
    }
    if (effect) validateOptionalEnum(effect, TAINT_EFFECTS, child(field, "effect"), errors);
  }
}

export function validateAffinity(affinity: Affinity | undefined | null, path: string, errors: FieldError[]): void {
  if (!affinity) return;
  const node = affinity.nodeAffinity;
  const required = "requiredDuringSchedulingIgnoredDuringExecution";
  const preferred = "preferredDuringSchedulingIgnoredDuringExecution";
  if (node?.[required]) validateNodeSelector(node[required], child(path, "nodeAffinity", required), errors);
  for (const [index, { weight, preference }] of (node?.[preferred] ?? []).entries()) {
    const field = at(child(path, "nodeAffinity", preferred), index);
    validateWeight(weight, field, errors);
    validateNodeSelectorTerm(preference ?? {}, child(field, "preference"), errors, false);
  }
  for (const name of ["podAffinity", "podAntiAffinity"] as const) {
    const group = affinity[name];
    for (const [index, term] of (group?.[required] ?? []).entries()) {
      validatePodAffinityTerm(term, at(child(path, name, required), index), errors);
    }
    for (const [index, { weight, podAffinityTerm }] of (group?.[preferred] ?? []).entries()) {
      const field = at(child(path, name, preferred), index);
      validateWeight(weight, field, errors);
      validatePodAffinityTerm(podAffinityTerm ?? { topologyKey: "" }, child(field, "podAffinityTerm"), errors);
    }
  }
}

function validateWeight(weight: number | undefined, path: string, errors: FieldError[]): void {
  if (!weight || weight < 0 || weight > 100) {
    errors.push(invalid(child(path, "weight"), weight ?? 0, "must be in the range 1-100"));
  }
}

function validatePodAffinityTerm(term: PodAffinityTerm, path: string, errors: FieldError[]): void {
  validateLabelSelector(term.labelSelector, child(path, "labelSelector"), errors);
  validateLabelSelector(term.namespaceSelector, child(path, "namespaceSelector"), errors);
  for (const name of term.namespaces ?? []) addProblems(checkDnsLabel(name), child(path, "namespace"), name, errors);
  validateLabelKeys(term, path, errors);
  if (!term.topologyKey) errors.push(required(child(path, "topologyKey"), "can not be empty"));
  addProblems(checkQualifiedName(term.topologyKey ?? ""), child(path, "topologyKey"), term.topologyKey ?? "", errors);
}

/** Keys whose values come from the pod itself: they need a selector to go into, and go there once. */
function validateLabelKeys(term: PodAffinityTerm, path: string, errors: FieldError[]): void {
  const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = term;
  for (const [name, keys] of Object.entries({ matchLabelKeys, mismatchLabelKeys })) {
    if (keys.length === 0) continue;
    if (!labelSelector) {
      errors.push(forbidden(child(path, name), "must not be specified when labelSelector is not set"));
      continue;
    }
    for (const [index, key] of keys.entries()) validateQualifiedName(key, at(child(path, name), index), errors);
  }
  if (labelSelector) {
    // Each match label key has been merged into the selector: a second requirement of it is the user's.
    const seen = new Set(Object.keys(labelSelector.matchLabels ?? {}));
    for (const { key } of labelSelector.matchExpressions ?? []) {
      const index = matchLabelKeys.lastIndexOf(key);
      if (index >= 0 && seen.has(key)) {
        errors.push(invalid(at(path, index), key, "exists in both matchLabelKeys and labelSelector"));
      }
      seen.add(key);
    }
  }
  for (const [index, key] of matchLabelKeys.entries()) {
    if (!mismatchLabelKeys.includes(key)) continue;
    const detail = "exists in both matchLabelKeys and mismatchLabelKeys";
    errors.push(invalid(at(child(path, "matchLabelKeys"), index), key, detail));
  }
}

export function validateNodeSelector(selector: NodeSelector, path: string, errors: FieldError[]): void {
  const terms = selector.nodeSelectorTerms ?? [];
  const field = child(path, "nodeSelectorTerms");
  if (terms.length === 0) errors.push(required(field, "must have at least one node selector term"));
  for (const [index, term] of terms.entries()) validateNodeSelectorTerm(term, at(field, index), errors, true);
}

/** `strict` checks the values too; preferences have always been let through. */
function validateNodeSelectorTerm(term: NodeSelectorTerm, path: string, errors: FieldError[], strict: boolean): void {
  for (const [index, { key, operator, values = [] }] of (term.matchExpressions ?? []).entries()) {
    const field = at(child(path, "matchExpressions"), index);
    const valuesField = child(field, "values");
    switch (operator) {
      case "In":
      case "NotIn":
        if (values.length === 0) {
          errors.push(required(valuesField, "must be specified when `operator` is 'In' or 'NotIn'"));
        }
        break;
      case "Exists":
      case "DoesNotExist":
        if (values.length > 0) {
          errors.push(forbidden(valuesField, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
        }
        break;
      case "Gt":
      case "Lt":
        if (values.length !== 1) {
          errors.push(required(valuesField, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
        }
        break;
      default:
        errors.push(invalid(child(field, "operator"), operator ?? "", "not a valid selector operator"));
    }
    addProblems(checkQualifiedName(key ?? ""), child(field, "key"), key ?? "", errors);
    if (!strict) continue;
    for (const [position, value] of values.entries()) {
      addProblems(checkLabelValue(value), at(valuesField, position), value, errors);
    }
  }
  for (const [index, { key, operator, values = [] }] of (term.matchFields ?? []).entries()) {
    const field = at(child(path, "matchFields"), index);
    if (operator !== "In" && operator !== "NotIn") {
      errors.push(invalid(child(field, "operator"), operator ?? "", "not a valid selector operator"));
    } else if (values.length !== 1) {
      const detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
      errors.push(required(child(field, "values"), detail));
    }
    if (key !== "metadata.name") {
      errors.push(invalid(child(field, "key"), key ?? "", "not a valid field selector key"));
      continue;
    }
    for (const [position, value] of values.entries()) {
      addProblems(checkDnsSubdomain(value), at(child(field, "values"), position), value, errors);
    }
  }
}

export function validateTopologySpread(
  constraints: readonly TopologySpreadConstraint[] | undefined | null,
  path: string,
  errors: FieldError[],
): void {
  for (const [index, constraint] of (constraints ?? []).entries()) {
    const field = at(path, index);
    const { maxSkew = 0, topologyKey, whenUnsatisfiable = "", minDomains, labelSelector } = constraint;
    if (maxSkew <= 0) errors.push(invalid(child(field, "maxSkew"), maxSkew, NOT_POSITIVE));
    if (!topologyKey) errors.push(required(child(field, "topologyKey"), "can not be empty"));
    if (whenUnsatisfiable !== "DoNotSchedule" && whenUnsatisfiable !== "ScheduleAnyway") {
      const supported = ["DoNotSchedule", "ScheduleAnyway"];
      errors.push(notSupported(child(field, "whenUnsatisfiable"), whenUnsatisfiable, supported));
    }
    const repeated = constraints!
      .slice(index + 1)
      .some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable);
    if (repeated) {
      const pair = `{${topologyKey}, ${whenUnsatisfiable}}`;
      errors.push(duplicate(child(field, "{topologyKey, whenUnsatisfiable}"), pair));
    }
    if (minDomains != null) {
      if (minDomains <= 0) errors.push(invalid(child(field, "minDomains"), minDomains, NOT_POSITIVE));
      if (whenUnsatisfiable !== "DoNotSchedule") {
        const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
        errors.push(invalid(child(field, "minDomains"), minDomains, detail));
      }
    }
    const policies = ["Honor", "Ignore"];
    validateOptionalEnum(constraint.nodeAffinityPolicy, policies, child(field, "nodeAffinityPolicy"), errors);
    validateOptionalEnum(constraint.nodeTaintsPolicy, policies, child(field, "nodeTaintsPolicy"), errors);
    validateSpreadKeys(constraint.matchLabelKeys ?? [], labelSelector, child(field, "matchLabelKeys"), errors);
    validateLabelSelector(labelSelector, child(field, "labelSelector"), errors);
  }
}

function validateSpreadKeys(
  keys: readonly string[],
  selector: LabelSelector | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (keys.length === 0) return;
  if (!selector) errors.push(forbidden(path, "must not be specified when labelSelector is not set"));
  for (const [index, key] of keys.entries()) {
    validateQualifiedName(key, at(path, index), errors);
    const own = (selector?.matchExpressions ?? []).filter((expression) => expression.key === key).length > 1;
    if (own || Object.hasOwn(selector?.matchLabels ?? {}, key)) {
      errors.push(invalid(at(path, index), key, "exists in both matchLabelKeys and labelSelector"));
    }
  }
}

export function validateSchedulingGates(
  gates: readonly PodSchedulingGate[] | undefined | null,
  path: string,
  errors: FieldError[],
): void {
  const seen = new Set<string>();
  for (const [index, { name }] of (gates ?? []).entries()) {
    validateQualifiedName(name ?? "", at(path, index), errors);
    if (seen.has(name)) errors.push(duplicate(at(path, index), name));
    seen.add(name);
  }
}

/** Where volumes may be made: keys once, values once each. */
export function validateTopologyTerm(term: TopologySelectorTerm, path: string, errors: FieldError[]): void {
  const keys = new Set<string>();
  for (const [index, { key, values = [] }] of (term.matchLabelExpressions ?? []).entries()) {
    const field = at(child(path, "matchLabelExpressions"), index);
    if (values.length === 0) errors.push(required(child(field, "values")));
    for (const [position, value] of values.entries()) {
      if (values.indexOf(value) < position) errors.push(duplicate(at(child(field, "values"), position), value));
    }
    validateQualifiedName(key ?? "", child(field, "key"), errors);
    if (keys.has(key)) errors.push(duplicate(child(field, "key"), key));
    keys.add(key);
  }
}
