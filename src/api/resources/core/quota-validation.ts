import { jsonEqual } from "../../json-equal.ts";
import { checkQualifiedName } from "../../names.ts";
import { Quantity } from "../../quantity.ts";
import type { FieldError } from "../../resource-definition.ts";
import type { LimitRange, LimitRangeItem, ResourceQuota, ResourceQuotaSpec } from "../../types/core.v1.ts";
import { at, child, duplicate, forbidden, invalid, required } from "../field-errors.ts";
import { parseQuantity } from "../quantities.ts";
import { addProblems, IMMUTABLE } from "../value-checks.ts";
import { isOvercommitAllowed } from "./pod-resources.ts";
import {
  isStandardQuotaResource,
  validateContainerResourceName,
  validateResourceName,
  validateResourceQuantity,
} from "./resource-requirements.ts";

const SCOPES = [
  "Terminating",
  "NotTerminating",
  "BestEffort",
  "NotBestEffort",
  "PriorityClass",
  "CrossNamespacePodAffinity",
  "VolumeAttributesClass",
];
const EXISTENCE_SCOPES = new Set([
  "Terminating",
  "NotTerminating",
  "BestEffort",
  "NotBestEffort",
  "CrossNamespacePodAffinity",
]);
const OPPOSITES = [
  ["BestEffort", "NotBestEffort"],
  ["Terminating", "NotTerminating"],
] as const;
const POD_RESOURCES = new Set([
  "cpu",
  "memory",
  "limits.cpu",
  "limits.memory",
  "requests.cpu",
  "requests.memory",
  "pods",
]);
const CLAIM_RESOURCES = new Set(["persistentvolumeclaims", "requests.storage"]);

function scopeFits(scope: string, resource: string): boolean {
  switch (scope) {
    case "BestEffort":
      return resource === "pods";
    case "VolumeAttributesClass":
      return CLAIM_RESOURCES.has(resource);
    case "Terminating":
    case "NotTerminating":
    case "NotBestEffort":
    case "PriorityClass":
    case "CrossNamespacePodAffinity":
      return POD_RESOURCES.has(resource);
    default:
      return true;
  }
}

export function validateResourceQuota({ spec, status }: ResourceQuota): FieldError[] {
  const errors: FieldError[] = [];
  validateAmounts(spec?.hard, "spec.hard", errors);
  validateScopes(spec ?? {}, errors);
  validateAmounts(status?.hard, "status.hard", errors);
  validateAmounts(status?.used, "status.used", errors);
  return errors;
}

export function validateResourceQuotaUpdate({ spec }: ResourceQuota, old: ResourceQuota): FieldError[] {
  const sorted = (scopes: readonly string[] | undefined) => [...new Set(scopes)].sort();
  if (jsonEqual(sorted(spec?.scopes), sorted(old.spec?.scopes))) return [];
  return [invalid("spec.scopes", spec?.scopes ?? null, IMMUTABLE)];
}

export function validateResourceQuotaStatus({ status }: ResourceQuota): FieldError[] {
  const errors: FieldError[] = [];
  validateAmounts(status?.hard, "status.hard", errors);
  validateAmounts(status?.used, "status.used", errors);
  return errors;
}

function validateAmounts(list: Record<string, string> | undefined, path: string, errors: FieldError[]): void {
  for (const name in list) {
    const field = at(path, name);
    validateResourceName(name, field, errors);
    if (!name.includes("/") && !isStandardQuotaResource(name)) {
      errors.push(invalid(field, name, "must be a standard resource for quota"));
    }
    validateResourceQuantity(name, list[name]!, field, errors);
  }
}

function validateScopes(spec: ResourceQuotaSpec, errors: FieldError[]): void {
  const { scopes = [], scopeSelector } = spec;
  const resources = Object.keys(spec.hard ?? {})
    .filter(isStandardQuotaResource)
    .sort();
  for (const scope of scopes) {
    if (!SCOPES.includes(scope)) errors.push(invalid("spec.scopes", scopes, "unsupported scope"));
    for (const resource of resources) {
      if (scopeFits(scope, resource)) continue;
      errors.push(invalid("spec.scopes", scopes, "unsupported scope applied to resource"));
    }
  }
  validateOpposites(scopes, scopes, errors);
  if (!scopeSelector) return;
  const path = "spec.scopeSelector.matchExpressions";
  const expressions = scopeSelector.matchExpressions ?? [];
  for (const { scopeName, operator, values = [] } of expressions) {
    if (!SCOPES.includes(scopeName)) errors.push(invalid(child(path, "scopeName"), scopeName, "unsupported scope"));
    for (const resource of resources) {
      if (scopeFits(scopeName, resource)) continue;
      errors.push(invalid(path, scopeSelector, "unsupported scope applied to resource"));
    }
    if (EXISTENCE_SCOPES.has(scopeName) && operator !== "Exists") {
      const detail =
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
      errors.push(invalid(child(path, "operator"), operator, detail));
    }
    if (operator === "In" || operator === "NotIn") {
      const detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
      if (values.length === 0) errors.push(required(child(path, "values"), detail));
    } else if (operator === "Exists" || operator === "DoesNotExist") {
      const detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
      if (values.length > 0) errors.push(invalid(child(path, "values"), values, detail));
    } else errors.push(invalid(child(path, "operator"), operator ?? "", "not a valid selector operator"));
  }
  validateOpposites(
    expressions.map(({ scopeName }) => scopeName),
    scopes,
    errors,
  );
}

function validateOpposites(given: readonly string[], shown: readonly string[], errors: FieldError[]): void {
  for (const pair of OPPOSITES) {
    if (pair.every((scope) => given.includes(scope))) errors.push(invalid("spec.scopes", shown, "conflicting scopes"));
  }
}

export function validateLimitRange({ spec }: LimitRange): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, item] of (spec?.limits ?? []).entries()) {
    const path = at("spec.limits", index);
    const type = item.type ?? "";
    const problems = checkQualifiedName(type);
    addProblems(problems, child(path, "type"), type, errors);
    if (problems.length === 0 && !type.includes("/") && !TYPES.has(type)) {
      errors.push(invalid(child(path, "type"), type, "must be a standard limit type or fully qualified"));
    }
    if (seen.has(type)) errors.push(duplicate(child(path, "type"), type));
    seen.add(type);
    validateItem(item, path, errors);
  }
  return errors;
}

const TYPES = new Set(["Pod", "Container", "PersistentVolumeClaim"]);
const SIDES = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] as const;
type Side = (typeof SIDES)[number];

function validateItem(item: LimitRangeItem, path: string, errors: FieldError[]): void {
  const names = new Set<string>();
  for (const side of SIDES) {
    const list = item[side];
    if (item.type === "Pod" && (side === "default" || side === "defaultRequest")) {
      if (Object.keys(list ?? {}).length > 0) {
        errors.push(forbidden(child(path, side), "may not be specified when `type` is 'Pod'"));
      }
      continue;
    }
    for (const name in list) {
      names.add(name);
      const field = at(child(path, side), name);
      if (item.type === "Pod" || item.type === "Container") validateContainerResourceName(name, field, errors);
      else validateResourceName(name, field, errors);
    }
  }
  if (item.type === "PersistentVolumeClaim" && item.min?.storage === undefined && item.max?.storage === undefined) {
    const detail = "either minimum or maximum storage value is required, but neither was provided";
    errors.push(required(child(path, "limits"), detail));
  }
  for (const name of names) validateOrder(item, name, path, errors);
}

/** Minimum, default request, default limit and maximum come in this order. */
function validateOrder(item: LimitRangeItem, name: string, path: string, errors: FieldError[]): void {
  const amount = (side: Side) => parseQuantity(item[side]?.[name]);
  const [max, min, limit, request, ratio] = SIDES.map(amount);
  const field = (side: Side) => at(child(path, side), name);
  const check = (
    low: Quantity | undefined,
    high: Quantity | undefined,
    side: Side,
    shown: Quantity | undefined,
    text: string,
  ) => {
    if (low && high && low.compare(high) > 0) errors.push(invalid(field(side), String(shown), text));
  };
  check(min, max, "min", min, `min value ${min} is greater than max value ${max}`);
  check(min, request, "defaultRequest", request, `min value ${min} is greater than default request value ${request}`);
  check(request, max, "defaultRequest", request, `default request value ${request} is greater than max value ${max}`);
  check(
    request,
    limit,
    "defaultRequest",
    request,
    `default request value ${request} is greater than default limit value ${limit}`,
  );
  check(min, limit, "default", min, `min value ${min} is greater than default value ${limit}`);
  check(limit, max, "default", max, `default value ${limit} is greater than max value ${max}`);
  if (ratio && ratio.compare(Quantity.of(1)) < 0) {
    errors.push(invalid(field("maxLimitRequestRatio"), String(ratio), `ratio ${ratio} is less than 1`));
  }
  if (ratio && min && max) {
    const widest = max.toNumber() / min.toNumber();
    if (ratio.toNumber() > widest) {
      const detail = `ratio ${ratio} is greater than max/min = ${widest.toFixed(6)}`;
      errors.push(invalid(field("maxLimitRequestRatio"), String(ratio), detail));
    }
  }
  if (!isOvercommitAllowed(name) && limit && request && limit.compare(request) !== 0) {
    const detail = `default value ${limit} must equal to defaultRequest value ${request} in ${name}`;
    errors.push(invalid(field("defaultRequest"), String(request), detail));
  }
}
