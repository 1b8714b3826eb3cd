import { checkDnsSubdomain, checkLabelValue, patternMessage } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type { DeviceTaint, DeviceToleration, OpaqueDeviceConfiguration } from "../../types/resource.v1.ts";
import { validateCsiDriverName } from "../core/volume-sources.ts";
import { at, child, duplicate, invalid, notSupported, required, tooLong, tooMany } from "../field-errors.ts";
import { addProblems, validateQualifiedName } from "../value-checks.ts";

/** Checks that claims, classes and slices of devices share (KEP-4381). */

const POOL_LIMIT = 253;
const PARAMETERS_LIMIT = 10 * 1024;
const IDENTIFIER_LIMIT = 32;

/** Devices' drivers are named as CSI drivers are. */
export const validateDriverName = validateCsiDriverName;

export function validatePoolName(name: string | undefined, path: string, errors: FieldError[]): void {
  if (!name) {
    errors.push(required(path));
    return;
  }
  if (Buffer.byteLength(name) > POOL_LIMIT) errors.push(tooLong(path, POOL_LIMIT));
  for (const part of name.split("/")) addProblems(checkDnsSubdomain(part), path, part, errors);
}

/** Each item of a list that may not be too long; a list that is, is not looked at further. */
export function validateItems<T>(
  items: readonly T[] | undefined,
  limit: number,
  path: string,
  errors: FieldError[],
  check: (item: T, path: string) => void,
): void {
  const count = items?.length ?? 0;
  if (count > limit) errors.push(tooMany(path, count, limit));
  else for (const [index, item] of (items ?? []).entries()) check(item, at(path, index));
}

/** The same where no two items may have the same key. */
export function validateSet<T>(
  items: readonly T[] | undefined,
  limit: number,
  key: (item: T) => string,
  path: string,
  errors: FieldError[],
  check: (item: T, path: string) => void,
): void {
  validateItems(items, limit, path, errors, check);
  const count = items?.length ?? 0;
  if (count > limit) return;
  const seen = new Set<string>();
  for (const [index, item] of (items ?? []).entries()) {
    if (seen.has(key(item))) errors.push(duplicate(at(path, index), key(item)));
    seen.add(key(item));
  }
}

const C_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*";
const cIdentifier = new RegExp(`^${C_IDENTIFIER}$`);

function validateIdentifier(id: string, path: string, errors: FieldError[]): void {
  if (Buffer.byteLength(id) > IDENTIFIER_LIMIT) errors.push(tooLong(path, IDENTIFIER_LIMIT));
  if (cIdentifier.test(id)) return;
  const rule =
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";
  errors.push(invalid(path, id, patternMessage(rule, C_IDENTIFIER, "my_name", "MY_NAME", "MyName")));
}

/** The name of an attribute or a capacity: an identifier, after its domain where it is not the driver's own. */
export function validateDeviceName(name: string, path: string, errors: FieldError[]): void {
  const slash = name.indexOf("/");
  if (slash < 0) {
    validateIdentifier(name, path, errors);
    return;
  }
  const domain = name.slice(0, slash);
  const rest = name.slice(slash + 1);
  if (rest.includes("/")) {
    errors.push(invalid(path, name, "must not contain more than one slash"));
    return;
  }
  if (domain === "") errors.push(invalid(path, "", "the domain must not be empty"));
  else validateDriverName(domain, path, errors);
  if (rest === "") errors.push(invalid(path, "", "the name must not be empty"));
  else validateIdentifier(rest, path, errors);
}

/** The same, where the domain must be there. */
export function validateFullName(name: string, path: string, errors: FieldError[]): void {
  validateDeviceName(name, path, errors);
  if (name.includes("/")) return;
  const detail = "a fully qualified name must be a domain and a name separated by a slash";
  errors.push(invalid(path, name, detail));
}

export function validateConfiguration(
  { opaque }: { opaque?: OpaqueDeviceConfiguration },
  path: string,
  errors: FieldError[],
): void {
  const field = child(path, "opaque");
  if (!opaque) {
    errors.push(required(field));
    return;
  }
  validateDriverName(opaque.driver ?? "", child(field, "driver"), errors);
  validateObject(opaque.parameters, PARAMETERS_LIMIT, child(field, "parameters"), errors);
}

/** A JSON object of limited size, which only its driver understands. */
export function validateObject(value: unknown, limit: number, path: string, errors: FieldError[]): void {
  if (value === undefined || value === null) errors.push(required(path));
  else if (Buffer.byteLength(JSON.stringify(value)) > limit) errors.push(tooLong(path, limit));
  else if (typeof value !== "object" || Array.isArray(value)) {
    errors.push(invalid(path, "<value omitted>", "must be a valid JSON object"));
  }
}

const EFFECTS = ["NoExecute", "NoSchedule", "None"];

export function validateTaint({ key, value, effect }: DeviceTaint, path: string, errors: FieldError[]): void {
  validateQualifiedName(key ?? "", child(path, "key"), errors);
  if (value) addProblems(checkLabelValue(value), child(path, "value"), value, errors);
  if (!effect) errors.push(required(child(path, "effect")));
  else if (!EFFECTS.includes(effect)) errors.push(notSupported(child(path, "effect"), effect, EFFECTS));
}

export function validateTolerations(
  tolerations: readonly DeviceToleration[] | undefined,
  path: string,
  errors: FieldError[],
): void {
  for (const [index, { key, operator, value = "", effect }] of (tolerations ?? []).entries()) {
    const field = at(path, index);
    if (key) validateQualifiedName(key, child(field, "key"), errors);
    if (!operator) errors.push(required(child(field, "operator")));
    else if (operator === "Equal") addProblems(checkLabelValue(value), child(field, "value"), value, errors);
    else if (operator !== "Exists") {
      errors.push(notSupported(child(field, "operator"), operator, ["Equal", "Exists"]));
    } else if (value !== "") {
      errors.push(invalid(child(field, "value"), value, "must be empty for operator `Exists`"));
    }
    if (effect && !EFFECTS.includes(effect)) errors.push(notSupported(child(field, "effect"), effect, EFFECTS));
  }
}

const MAX_BINDING_CONDITIONS = 4;

/** What must become true before a pod is bound, and what makes that fail: both or neither (KEP-5007). */
export function validateBindingConditions(
  {
    bindingConditions = [],
    bindingFailureConditions = [],
  }: {
    bindingConditions?: string[];
    bindingFailureConditions?: string[];
  },
  path: string,
  errors: FieldError[],
): void {
  for (const [name, list] of Object.entries({ bindingConditions, bindingFailureConditions })) {
    validateSet(
      list,
      MAX_BINDING_CONDITIONS,
      (item) => item,
      child(path, name),
      errors,
      (item, field) => validateQualifiedName(item, field, errors),
    );
  }
  for (const [index, condition] of bindingFailureConditions.entries()) {
    if (!bindingConditions.includes(condition)) continue;
    const detail = "bindingFailureConditions must not overlap with bindingConditions";
    errors.push(invalid(at(child(path, "bindingFailureConditions"), index), condition, detail));
  }
  if (bindingConditions.length === 0 && bindingFailureConditions.length > 0) {
    const detail = "bindingConditions are required to use bindingFailureConditions";
    errors.push(invalid(child(path, "bindingConditions"), bindingConditions, detail));
  }
  if (bindingFailureConditions.length === 0 && bindingConditions.length > 0) {
    const detail = "bindingFailureConditions are required to use bindingConditions";
    errors.push(invalid(child(path, "bindingFailureConditions"), bindingFailureConditions, detail));
  }
}
