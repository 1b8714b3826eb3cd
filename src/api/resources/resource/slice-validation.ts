import { checkDnsSubdomain } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type {
  Counter,
  Device,
  DeviceAttribute,
  DeviceCapacity,
  ResourceSlice,
  ResourceSliceSpec,
} from "../../types/resource.v1.ts";
import { validateNodeSelector } from "../core/scheduling-validation.ts";
import { at, child, forbidden, invalid, required, tooLong, tooMany } from "../field-errors.ts";
import { parseQuantity } from "../quantities.ts";
import { addProblems, IMMUTABLE, NOT_POSITIVE, QUANTITY_FORM, validateLabelName } from "../value-checks.ts";
import {
  validateBindingConditions,
  validateDeviceName,
  validateDriverName,
  validateItems,
  validatePoolName,
  validateSet,
  validateTaint,
} from "./device-checks.ts";

const MAX_DEVICES = 128;
const MAX_ADVANCED_DEVICES = 64;
const MAX_COUNTER_SETS = 8;
const MAX_COUNTERS = 32;
const MAX_CONSUMPTIONS = 2;
const MAX_ATTRIBUTES = 32;
const MAX_TAINTS = 16;
const MAX_VALUE = 64;

export function validateSlice({ spec }: ResourceSlice): FieldError[] {
  const errors: FieldError[] = [];
  const { driver = "", pool, devices, sharedCounters } = spec;
  validateDriverName(driver, "spec.driver", errors);
  validatePoolName(pool?.name, "spec.pool.name", errors);
  const { resourceSliceCount = 0, generation = 0 } = pool ?? {};
  if (resourceSliceCount <= 0) {
    errors.push(invalid("spec.pool.resourceSliceCount", resourceSliceCount, NOT_POSITIVE));
  }
  if (generation < 0) {
    errors.push(invalid("spec.pool.generation", generation, "must be greater than or equal to zero"));
  }
  validateNodes(spec, ["nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection"], "spec", errors);
  if (sharedCounters && devices) {
    errors.push(invalid("spec", "", "only one of `sharedCounters` or `devices` is allowed"));
  }
  const advanced = devices?.some(({ taints, consumesCounters }) => taints?.length || consumesCounters?.length);
  const limit = advanced ? MAX_ADVANCED_DEVICES : MAX_DEVICES;
  validateSet(
    devices,
    limit,
    ({ name }) => name,
    "spec.devices",
    errors,
    (device, path) => validateDevice(device, spec.perDeviceNodeSelection === true, path, errors),
  );
  validateSet(
    sharedCounters,
    MAX_COUNTER_SETS,
    ({ name }) => name,
    "spec.sharedCounters",
    errors,
    (set, path) => validateCounters(set.name, set.counters, "name", path, errors),
  );
  return errors;
}

/** Which slice this is does not change. */
export function validateSliceUpdate({ spec }: ResourceSlice, old: ResourceSlice): FieldError[] {
  const errors: FieldError[] = [];
  const fixed = (path: string, value: string | undefined, before: string | undefined) => {
    if (value !== before) errors.push(invalid(path, value ?? null, IMMUTABLE));
  };
  fixed("spec.pool.name", spec.pool?.name, old.spec.pool.name);
  fixed("spec.driver", spec.driver, old.spec.driver);
  fixed("spec.nodeName", spec.nodeName, old.spec.nodeName);
  return errors;
}

type NodeChoice = "nodeName" | "nodeSelector" | "allNodes" | "perDeviceNodeSelection";

/** Where devices are: one of several ways to say it. */
function validateNodes(
  holder: Pick<ResourceSliceSpec, NodeChoice>,
  choices: readonly NodeChoice[],
  path: string,
  errors: FieldError[],
): void {
  const set: string[] = [];
  for (const name of choices) {
    const value = holder[name];
    if (value == null) continue;
    const field = child(path, name);
    if (name === "nodeSelector") {
      validateNodeSelector(holder.nodeSelector!, field, errors);
      const terms = holder.nodeSelector!.nodeSelectorTerms ?? [];
      if (path === "spec" && terms.length !== 1) {
        errors.push(invalid(child(field, "nodeSelectorTerms"), terms, "must have exactly one node selector term"));
      }
    } else if (name === "nodeName") {
      if (value === "") {
        errors.push(invalid(field, "", "must be either unset or set to a non-empty string"));
        continue;
      }
      addProblems(checkDnsSubdomain(value as string), field, value, errors);
    } else if (value !== true) {
      errors.push(invalid(field, value, "must be either unset or set to true"));
      continue;
    }
    set.push(`\`${name}\``);
  }
  const detail =
    path === "spec"
      ? `exactly one of ${choices.map((name) => `\`${name}\``).join(", ")} is required`
      : "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
  if (set.length === 0) errors.push(required(path, detail));
  else if (set.length > 1) {
    const more = path === "spec" ? `${detail}, but multiple fields are set` : detail;
    errors.push(invalid(path, `{${set.join(", ")}}`, more));
  }
}

function validateDevice(device: Device, choosesNodes: boolean, path: string, errors: FieldError[]): void {
  const { name, attributes = {}, capacity = {}, taints, consumesCounters } = device;
  validateLabelName(name ?? "", child(path, "name"), errors);
  const count = Object.keys(attributes).length + Object.keys(capacity).length;
  if (count > MAX_ATTRIBUTES) {
    const detail = `the total number of attributes and capacities must not exceed ${MAX_ATTRIBUTES}`;
    errors.push(invalid(path, count, detail));
  }
  for (const [key, attribute] of Object.entries(attributes)) {
    validateDeviceName(key, child(path, "attributes"), errors);
    validateAttribute(attribute, at(child(path, "attributes"), key), errors);
  }
  for (const [key, one] of Object.entries(capacity)) {
    validateDeviceName(key, child(path, "capacity"), errors);
    validateCapacity(one, device.allowMultipleAllocations === true, at(child(path, "capacity"), key), errors);
  }
  validateItems(taints, MAX_TAINTS, child(path, "taints"), errors, (taint, field) =>
    validateTaint(taint, field, errors),
  );
  const consumes = child(path, "consumesCounters");
  validateSet(
    consumesCounters,
    MAX_CONSUMPTIONS,
    ({ counterSet }) => counterSet,
    consumes,
    errors,
    (one, field) => validateCounters(one.counterSet, one.counters, "counterSet", field, errors),
  );
  if (choosesNodes) validateNodes(device, ["nodeName", "nodeSelector", "allNodes"], path, errors);
  else if (device.nodeName != null || device.nodeSelector != null || device.allNodes != null) {
    const detail =
      "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
    errors.push(invalid(path, null, detail));
  }
  validateBindingConditions(device, path, errors);
}

const SEMANTIC_VERSION =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;

function validateAttribute(attribute: DeviceAttribute, path: string, errors: FieldError[]): void {
  const lists = ["bools", "ints", "strings", "versions"] as const;
  for (const name of lists) {
    if (attribute[name]?.length === 0) {
      errors.push(invalid(child(path, name), [], "must not be empty if specified"));
    }
  }
  const texts = [
    ...(attribute.string == null ? [] : [["string", attribute.string] as const]),
    ...(attribute.strings ?? []).map((text, index) => [at("strings", index), text] as const),
  ];
  const versions = [
    ...(attribute.version == null ? [] : [["version", attribute.version] as const]),
    ...(attribute.versions ?? []).map((text, index) => [at("versions", index), text] as const),
  ];
  for (const [name, text] of versions) {
    if (SEMANTIC_VERSION.test(text)) continue;
    errors.push(invalid(child(path, name), text, "must be a string compatible with semver.org spec 2.0.0"));
  }
  for (const [name, text] of [...texts, ...versions]) {
    if (Buffer.byteLength(text) > MAX_VALUE) errors.push(tooLong(child(path, name), MAX_VALUE));
  }
  const given = (["bool", "int", "string", "version", ...lists] as const).filter((name) => attribute[name] != null);
  if (given.length !== 1) {
    errors.push(invalid(path, given.length === 0 ? "" : attribute, "exactly one value must be specified"));
  }
}

function validateCapacity(
  { value, requestPolicy: policy }: DeviceCapacity,
  shared: boolean,
  path: string,
  errors: FieldError[],
): void {
  if (!parseQuantity(value)) errors.push(invalid(child(path, "value"), value ?? "", QUANTITY_FORM));
  if (!policy) return;
  const field = child(path, "requestPolicy");
  if (!shared) {
    errors.push(forbidden(field, "allowMultipleAllocations must be true"));
    return;
  }
  const { validValues = [], validRange } = policy;
  if (validValues.length > 0 && validRange) {
    const detail =
      'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time';
    errors.push(forbidden(field, detail));
  } else if ((validValues.length > 0 || validRange) && policy.default == null) {
    const name = validRange ? "validRange" : "validValues";
    errors.push(required(child(field, "default"), `required when ${name} is defined`));
  } else if (validRange) validateRange(policy.default!, validRange, value, child(field, "validRange"), errors);
  else if (validValues.length > 0) {
    validateValues(policy.default!, validValues, value, child(field, "validValues"), errors);
  }
}

function exceeds(a: string | undefined, b: string | undefined): boolean {
  const [left, right] = [parseQuantity(a), parseQuantity(b)];
  return left !== undefined && right !== undefined && left.compare(right) > 0;
}

function validateValues(
  wanted: string,
  values: readonly string[],
  total: string,
  path: string,
  errors: FieldError[],
): void {
  for (const [index, value] of values.entries()) {
    if (index > 0 && exceeds(values[index - 1], value)) {
      errors.push(invalid(at(path, index), value, "values must be sorted in ascending order"));
    }
    if (exceeds(value, total)) {
      errors.push(invalid(at(path, index), value, `option is larger than capacity value: ${total}`));
    }
  }
  if (values.some((value) => !exceeds(value, wanted) && !exceeds(wanted, value))) return;
  errors.push(invalid(path, wanted, "default value is not valid according to the requestPolicy"));
}

function validateRange(
  wanted: string,
  { min, max, step }: { min?: string; max?: string; step?: string },
  total: string,
  path: string,
  errors: FieldError[],
): void {
  if (min == null) {
    errors.push(required(child(path, "min"), "required when validRange is defined"));
    return;
  }
  const larger = (name: string, value: string) => {
    if (!exceeds(value, total)) return;
    errors.push(invalid(child(path, name), value, `${name} is larger than capacity value: ${total}`));
  };
  larger("min", min);
  if (exceeds(min, wanted)) errors.push(invalid(child(path, "default"), wanted, `default is less than min: ${min}`));
  if (max != null) {
    if (exceeds(min, max)) errors.push(invalid(child(path, "max"), min, `min is larger than max: ${max}`));
    larger("max", max);
    if (exceeds(wanted, max)) errors.push(invalid(child(path, "default"), wanted, `default is more than max: ${max}`));
  }
  if (step == null) return;
  const size = parseQuantity(step)?.milliValue() ?? 0;
  if (size <= 0) {
    errors.push(invalid(child(path, "step"), step, NOT_POSITIVE));
    return;
  }
  const start = parseQuantity(min)?.milliValue() ?? 0;
  for (const value of max == null ? [wanted] : [wanted, max]) {
    if (((parseQuantity(value)?.milliValue() ?? 0) - start) % size === 0) continue;
    const detail = `value is not a multiple of a given step (${step}) from (${min})`;
    errors.push(invalid(child(path, "step"), value, detail));
  }
}

function validateCounters(
  name: string | undefined,
  counters: Readonly<Record<string, Counter>> | undefined,
  field: string,
  path: string,
  errors: FieldError[],
): void {
  if (!name) errors.push(required(child(path, field)));
  else validateLabelName(name, child(path, field), errors);
  const keys = Object.keys(counters ?? {});
  if (keys.length === 0) errors.push(required(child(path, "counters")));
  else if (keys.length > MAX_COUNTERS) errors.push(tooMany(child(path, "counters"), keys.length, MAX_COUNTERS));
  else for (const key of keys) validateLabelName(key, child(path, "counters"), errors);
}
