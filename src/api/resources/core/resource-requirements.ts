import { checkQualifiedName } from "../../names.ts";
import { Quantity } from "../../quantity.ts";
import type { FieldError } from "../../resource-definition.ts";
import type { ResourceRequirements } from "../../types/core.v1.ts";
import { at, child, duplicate, forbidden, goQuote, invalid, notSupported, required } from "../field-errors.ts";
import { parseQuantity } from "../quantities.ts";
import { addProblems, NOT_NEGATIVE, QUANTITY_FORM, validateLabelName } from "../value-checks.ts";
import { isHugePages, isNativeResource, isOvercommitAllowed, isPodLevelResource } from "./pod-resources.ts";

/** Counts of objects, as quotas limit them: whole numbers. */
const COUNTED = [
  "pods",
  "resourcequotas",
  "services",
  "replicationcontrollers",
  "secrets",
  "configmaps",
  "persistentvolumeclaims",
  "services.nodeports",
  "services.loadbalancers",
];
const COMPUTE = ["cpu", "memory", "ephemeral-storage"];
const QUOTA = new Set([
  ...COMPUTE,
  ...COMPUTE.flatMap((name) => [`requests.${name}`, `limits.${name}`]),
  "requests.storage",
  ...COUNTED,
]);
const STANDARD = new Set([...QUOTA, "storage"]);
const INTEGERS = new Set(COUNTED);
const OF_CONTAINERS = new Set(COMPUTE);

/** Whether a quota may name this resource without a domain. */
export function isStandardQuotaResource(name: string): boolean {
  return QUOTA.has(name) || isHugePages(name) || name.startsWith("requests.hugepages-");
}

/** Names with a domain that is not ours, which nodes count in whole numbers. */
export function isExtendedResource(name: string): boolean {
  if (isNativeResource(name) || name.startsWith("requests.")) return false;
  return checkQualifiedName(`requests.${name}`).length === 0;
}

/** A resource that is known, or has a domain. */
export function validateResourceName(name: string, path: string, errors: FieldError[]): boolean {
  const problems = checkQualifiedName(name);
  addProblems(problems, path, name, errors);
  if (problems.length > 0) return false;
  if (!name.includes("/") && !STANDARD.has(name) && !isHugePages(name)) {
    errors.push(invalid(path, name, "must be a standard resource type or fully qualified"));
    return false;
  }
  return true;
}

/** A resource that containers can have. */
export function validateContainerResourceName(name: string, path: string, errors: FieldError[]): void {
  if (OF_CONTAINERS.has(name)) return;
  validateResourceName(name, path, errors);
  if (!name.includes("/")) {
    if (!isHugePages(name)) errors.push(invalid(path, name, "must be a standard resource for containers"));
  } else if (!isNativeResource(name) && !isExtendedResource(name)) {
    errors.push(invalid(path, name, "doesn't follow extended resource name standard"));
  }
}

/** A resource that a pod can have as a whole. */
function validatePodResourceName(name: string, path: string, errors: FieldError[]): void {
  if (!validateResourceName(name, path, errors)) return;
  if (!isPodLevelResource(name)) errors.push(notSupported(path, name, ["cpu", "hugepages-", "memory"]));
}

/** Not below zero, and whole where the resource is counted. Returns the amount where it can be read. */
export function validateResourceQuantity(
  name: string,
  text: string,
  path: string,
  errors: FieldError[],
): Quantity | undefined {
  const quantity = parseQuantity(text);
  if (!quantity) {
    errors.push(invalid(path, text, QUANTITY_FORM));
    return undefined;
  }
  if (quantity.sign < 0) errors.push(invalid(path, text, NOT_NEGATIVE));
  if (!OF_CONTAINERS.has(name) && (INTEGERS.has(name) || isExtendedResource(name))) {
    if (quantity.milliValue() % 1000 !== 0) errors.push(invalid(path, text, "must be an integer"));
  }
  return quantity;
}

/** Requests and limits of a container (or, with `podLevel`, of a pod): names, amounts, and requests within limits. */
export function validateResourceRequirements(
  requirements: ResourceRequirements | undefined | null,
  path: string,
  claimNames: ReadonlySet<string>,
  errors: FieldError[],
  podLevel = false,
): void {
  if (!requirements) return;
  const validateName = podLevel ? validatePodResourceName : validateContainerResourceName;
  const limits = new Map<string, Quantity>();
  let hugePages = false;
  let cpuOrMemory = false;
  const check = (side: "limits" | "requests", name: string): Quantity | undefined => {
    const field = at(child(path, side), name);
    const text = requirements[side]![name]!;
    validateName(name, field, errors);
    const quantity = validateResourceQuantity(name, text, field, errors);
    if (isHugePages(name)) {
      hugePages = true;
      if (quantity && !isMultipleOfPage(name, quantity)) {
        errors.push(invalid(field, text, `${text} is not positive integer multiple of ${name}`));
      }
    }
    if (name === "cpu" || name === "memory") cpuOrMemory = true;
    return quantity;
  };
  for (const name in requirements.limits) {
    const quantity = check("limits", name);
    if (quantity) limits.set(name, quantity);
  }
  for (const name in requirements.requests) {
    const quantity = check("requests", name);
    const limit = limits.get(name);
    if (limit && quantity) {
      const difference = quantity.compare(limit);
      const text = requirements.requests[name]!;
      if (difference !== 0 && !isOvercommitAllowed(name)) {
        errors.push(invalid(child(path, "requests"), text, `must be equal to ${name} limit of ${limit}`));
      } else if (difference > 0) {
        errors.push(invalid(child(path, "requests"), text, `must be less than or equal to ${name} limit of ${limit}`));
      }
    } else if (!limit && !isOvercommitAllowed(name)) {
      errors.push(required(child(path, "limits"), "Limit must be set for non overcommitable resources"));
    }
  }
  if (hugePages && !cpuOrMemory) errors.push(forbidden(path, "HugePages require cpu or memory"));
  validateClaims(requirements, child(path, "claims"), claimNames, errors);
}

function isMultipleOfPage(name: string, quantity: Quantity): boolean {
  const page = parseQuantity(name.slice("hugepages-".length));
  if (!page || page.sign <= 0 || page.compare(Quantity.of(page.valueBigInt())) !== 0) return false;
  return quantity.valueBigInt() % page.valueBigInt() === 0n;
}

function validateClaims(
  { claims }: ResourceRequirements,
  path: string,
  claimNames: ReadonlySet<string>,
  errors: FieldError[],
): void {
  if (!claims) return;
  const seen = new Set<string>();
  for (const [index, { name, request }] of claims.entries()) {
    const field = at(path, index);
    if (!name) {
      errors.push(required(field));
      continue;
    }
    if (seen.has(name)) errors.push(duplicate(field, name));
    else {
      if (request) validateLabelName(request, child(field, "request"), errors);
      const key = request ? `${name}/${request}` : name;
      if (seen.has(key)) errors.push(duplicate(field, key));
      else if (!request) {
        for (const other of seen) if (other.startsWith(`${name}/`)) errors.push(duplicate(field, name));
      }
      seen.add(key);
    }
    if (!claimNames.has(name)) {
      const known = claimNames.size === 0 ? " which is empty" : `: ${[...claimNames].sort().join(", ")}`;
      const detail = `must be one of the names in pod.spec.resourceClaims${known}`;
      errors.push({ type: "FieldValueNotFound", field, message: `Not found: ${goQuote(name)}: ${detail}` });
    }
  }
}
