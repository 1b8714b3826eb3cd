import { semanticEqual } from "../../json-equal.ts";
import { checkDnsLabel, checkDnsSubdomain } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type {
  DeviceClaim,
  DeviceClass,
  DeviceConstraint,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  ResourceClaim,
  ResourceClaimTemplate,
} from "../../types/resource.v1.ts";
import { isExtendedResource } from "../core/resource-requirements.ts";
import { validateTemplateMeta } from "../core/volume-validation.ts";
import { child, invalid, notSupported, required, tooLong } from "../field-errors.ts";
import { addProblems, IMMUTABLE, NOT_POSITIVE, validateLabelName } from "../value-checks.ts";
import {
  validateConfiguration,
  validateFullName,
  validateItems,
  validateSet,
  validateTolerations,
} from "./device-checks.ts";

const MAX_REQUESTS = 32;
const MAX_ALTERNATIVES = 8;
const MAX_CONSTRAINTS = 32;
const MAX_CONFIGURATIONS = 32;
const MAX_SELECTORS = 32;
const MAX_EXPRESSION = 10 * 1024;

export function validateDeviceClass({ spec }: DeviceClass): FieldError[] {
  const errors: FieldError[] = [];
  const { selectors, config, extendedResourceName: name } = spec ?? {};
  validateSelectors(selectors, "spec.selectors", errors);
  validateItems(config, MAX_CONFIGURATIONS, "spec.config", errors, (item, path) =>
    validateConfiguration(item, path, errors),
  );
  if (name != null && !isExtendedResource(name)) {
    errors.push(invalid("spec.extendedResourceName", name, "must be a valid extended resource name"));
  }
  return errors;
}

export function validateClaimCreate({ spec }: ResourceClaim): FieldError[] {
  const errors: FieldError[] = [];
  validateDevices(spec?.devices ?? {}, "spec.devices", errors);
  return errors;
}

export function validateClaimUpdate({ spec }: ResourceClaim, old: ResourceClaim): FieldError[] {
  return semanticEqual(spec, old.spec) ? [] : [invalid("spec", spec, IMMUTABLE)];
}

export function validateTemplateCreate({ spec }: ResourceClaimTemplate): FieldError[] {
  const errors: FieldError[] = [];
  validateTemplateMeta(spec?.metadata ?? {}, "spec.metadata", errors);
  validateDevices(spec?.spec?.devices ?? {}, "spec.spec.devices", errors);
  return errors;
}

export function validateTemplateUpdate({ spec }: ResourceClaimTemplate, old: ResourceClaimTemplate): FieldError[] {
  return semanticEqual(spec, old.spec) ? [] : [invalid("spec", spec, IMMUTABLE)];
}

function validateDevices(devices: DeviceClaim, path: string, errors: FieldError[]): void {
  const { requests, constraints, config } = devices;
  const names = requestNames(devices);
  const nameOf = (item: { name: string }) => item.name;
  validateSet(requests, MAX_REQUESTS, nameOf, child(path, "requests"), errors, (request, field) =>
    validateRequest(request, field, errors),
  );
  validateItems(constraints, MAX_CONSTRAINTS, child(path, "constraints"), errors, (constraint, field) =>
    validateConstraint(constraint, names, field, errors),
  );
  validateItems(config, MAX_CONFIGURATIONS, child(path, "config"), errors, (item, field) => {
    validateRequestNames(item.requests, names, child(field, "requests"), errors);
    validateConfiguration(item, field, errors);
  });
}

/** The requests of a claim, and those within one as `request/alternative`. */
export function requestNames({ requests }: DeviceClaim): Set<string> {
  const names = new Set<string>();
  for (const { name, firstAvailable } of requests ?? []) {
    names.add(name);
    for (const alternative of firstAvailable ?? []) names.add(`${name}/${alternative.name}`);
  }
  return names;
}

export function validateRequestName(
  name: string,
  known: ReadonlySet<string>,
  path: string,
  errors: FieldError[],
): void {
  const detail =
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  const segments = name.split("/");
  if (segments.length > 2) {
    errors.push(invalid(path, name, detail));
    return;
  }
  for (const segment of segments) addProblems(checkDnsLabel(segment), path, segment, errors);
  if (!known.has(name)) errors.push(invalid(path, name, detail));
}

export function validateRequestNames(
  names: readonly string[] | undefined,
  known: ReadonlySet<string>,
  path: string,
  errors: FieldError[],
): void {
  validateSet(
    names,
    MAX_REQUESTS,
    (name) => name,
    path,
    errors,
    (name, field) => validateRequestName(name, known, field, errors),
  );
}

function validateRequest(
  { name, exactly, firstAvailable = [] }: DeviceRequest,
  path: string,
  errors: FieldError[],
): void {
  validateLabelName(name ?? "", child(path, "name"), errors);
  const detail = "exactly one of `exactly` or `firstAvailable` is required";
  if (exactly && firstAvailable.length > 0) {
    errors.push(invalid(path, null, `${detail}, but multiple fields are set`));
  } else if (exactly) validateWanted(exactly, child(path, "exactly"), errors);
  else if (firstAvailable.length === 0) errors.push(required(path, detail));
  else {
    const nameOf = (item: DeviceSubRequest) => item.name;
    validateSet(firstAvailable, MAX_ALTERNATIVES, nameOf, child(path, "firstAvailable"), errors, (item, field) => {
      validateLabelName(item.name ?? "", child(field, "name"), errors);
      validateWanted(item, field, errors);
    });
  }
}

function validateWanted(wanted: Omit<DeviceSubRequest, "name">, path: string, errors: FieldError[]): void {
  const { deviceClassName, selectors, allocationMode, count = 0, tolerations } = wanted;
  const className = child(path, "deviceClassName");
  if (!deviceClassName) errors.push(required(className));
  else addProblems(checkDnsSubdomain(deviceClassName), className, deviceClassName, errors);
  validateSelectors(selectors, child(path, "selectors"), errors);
  if (allocationMode === "All") {
    const detail = "must not be specified when allocationMode is 'All'";
    if (count !== 0) errors.push(invalid(child(path, "count"), count, detail));
  } else if (allocationMode !== "ExactCount") {
    errors.push(notSupported(child(path, "allocationMode"), allocationMode ?? "", ["All", "ExactCount"]));
  } else if (count <= 0) errors.push(invalid(child(path, "count"), count, NOT_POSITIVE));
  validateTolerations(tolerations, child(path, "tolerations"), errors);
}

/** Expressions are compiled where devices are allocated; here only that they are there and not too long. */
function validateSelectors(selectors: readonly DeviceSelector[] | undefined, path: string, errors: FieldError[]): void {
  validateItems(selectors, MAX_SELECTORS, path, errors, ({ cel }, field) => {
    if (!cel) errors.push(required(child(field, "cel")));
    else if (Buffer.byteLength(cel.expression ?? "") > MAX_EXPRESSION) {
      errors.push(tooLong(child(field, "cel", "expression"), MAX_EXPRESSION));
    }
  });
}

function validateConstraint(
  { requests, matchAttribute, distinctAttribute }: DeviceConstraint,
  names: ReadonlySet<string>,
  path: string,
  errors: FieldError[],
): void {
  validateRequestNames(requests, names, child(path, "requests"), errors);
  if (matchAttribute != null) validateFullName(matchAttribute, child(path, "matchAttribute"), errors);
  else if (distinctAttribute != null) validateFullName(distinctAttribute, child(path, "distinctAttribute"), errors);
  else {
    const detail = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';
    errors.push(required(path, detail));
  }
}
