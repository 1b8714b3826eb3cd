import { jsonEqual, semanticEqual } from "../json-equal.ts";
import { checkDnsSubdomain } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import type {
  CSIDriver,
  CSINode,
  CSINodeDriver,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
  VolumeError,
} from "../types/storage.v1.ts";
import { validateTopologyTerm } from "./core/scheduling-validation.ts";
import { validateVolumeSpec } from "./core/volume-object-validation.ts";
import { validateCsiDriverName } from "./core/volume-sources.ts";
import { at, child, duplicate, forbidden, invalid, notSupported, required, tooLong } from "./field-errors.ts";
import { validateLabelSelector } from "./label-checks.ts";
import {
  addProblems,
  IMMUTABLE,
  rangeMessage,
  validateEnum,
  validateNonNegative,
  validateNonNegativeQuantity,
  validateOptionalEnum,
  validateQualifiedName,
} from "./value-checks.ts";

const MAX_PARAMETERS = 512;
const MAX_PARAMETERS_SIZE = 256 * 1024;

export function validateStorageClass(storageClass: StorageClass): FieldError[] {
  const errors: FieldError[] = [];
  const { provisioner, parameters, reclaimPolicy, volumeBindingMode, allowedTopologies = [] } = storageClass;
  validateDriver(provisioner, "provisioner", errors);
  validateParameters(parameters, errors);
  validateOptionalEnum(reclaimPolicy || undefined, ["Delete", "Retain"], "reclaimPolicy", errors);
  validateEnum(volumeBindingMode, ["Immediate", "WaitForFirstConsumer"], "volumeBindingMode", errors);
  for (const [index, term] of allowedTopologies.entries()) {
    const path = at("allowedTopologies", index);
    validateTopologyTerm(term, path, errors);
    const repeated = allowedTopologies.slice(0, index).some((other) => semanticEqual(other, term));
    if (repeated) errors.push(duplicate(child(path, "matchLabelExpressions"), ""));
  }
  return errors;
}

export function validateStorageClassUpdate(storageClass: StorageClass, old: StorageClass): FieldError[] {
  const errors: FieldError[] = [];
  for (const name of ["parameters", "provisioner", "reclaimPolicy"] as const) {
    if (!semanticEqual(storageClass[name], old[name])) {
      errors.push(forbidden(name, `updates to ${name} are forbidden.`));
    }
  }
  if (storageClass.volumeBindingMode !== old.volumeBindingMode) {
    errors.push(invalid("volumeBindingMode", storageClass.volumeBindingMode, IMMUTABLE));
  }
  return errors;
}

export function validateAttributesClass({ driverName, parameters }: VolumeAttributesClass): FieldError[] {
  const errors: FieldError[] = [];
  validateDriver(driverName, "driverName", errors);
  validateParameters(parameters, errors);
  if (Object.keys(parameters ?? {}).length === 0) {
    errors.push(required("parameters", "must contain at least one key/value pair"));
  }
  return errors;
}

export function validateAttributesClassUpdate(
  attributesClass: VolumeAttributesClass,
  old: VolumeAttributesClass,
): FieldError[] {
  return (["driverName", "parameters"] as const)
    .filter((name) => !semanticEqual(attributesClass[name], old[name]))
    .map((name) => forbidden(name, `updates to ${name} are forbidden.`));
}

function validateDriver(name: string | undefined, path: string, errors: FieldError[]): void {
  if (!name) errors.push(required(path));
  else validateQualifiedName(name.toLowerCase(), path, errors);
}

function validateParameters(parameters: Record<string, string> | undefined, errors: FieldError[]): void {
  const entries = Object.entries(parameters ?? {});
  if (entries.length > MAX_PARAMETERS) {
    errors.push(tooLong("parameters", MAX_PARAMETERS));
    return;
  }
  if (parameters?.[""] !== undefined) errors.push(invalid("parameters", "", "field can not be empty."));
  if (sizeOf(entries) > MAX_PARAMETERS_SIZE) errors.push(tooLong("parameters", MAX_PARAMETERS_SIZE));
}

function sizeOf(entries: readonly [string, string][]): number {
  return entries.reduce((size, [key, value]) => size + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
}

const MAX_ATTACHMENT_METADATA = 256 * 1024;
const MAX_ERROR_MESSAGE = 1024;

export function validateAttachment({ spec, status }: VolumeAttachment): FieldError[] {
  const errors: FieldError[] = [];
  const { attacher, nodeName, source } = spec;
  if (!attacher) errors.push(required("spec.attacher"));
  validateSource(source ?? {}, "spec.source", errors);
  addProblems(checkDnsSubdomain(nodeName ?? ""), "spec.nodeName", nodeName ?? "", errors);
  return [...errors, ...validateAttachmentStatus(status)];
}

/** What v1 asks for beyond its beta: names that can be right at all. */
export function validateAttachmentCreate({ spec }: VolumeAttachment): FieldError[] {
  const errors: FieldError[] = [];
  validateCsiDriverName(spec.attacher ?? "", "spec.attacher", errors);
  const volume = spec.source?.persistentVolumeName;
  if (volume != null) addProblems(checkDnsSubdomain(volume), "spec.source.persistentVolumeName", volume, errors);
  return errors;
}

function validateSource(source: VolumeAttachment["spec"]["source"], path: string, errors: FieldError[]): void {
  const { inlineVolumeSpec, persistentVolumeName } = source;
  const detail = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
  if (!inlineVolumeSpec && persistentVolumeName == null) errors.push(required(path, detail));
  else if (inlineVolumeSpec && persistentVolumeName != null) errors.push(forbidden(path, detail));
  else if (persistentVolumeName === "") {
    errors.push(required(child(path, "persistentVolumeName"), "must specify non empty persistentVolumeName"));
  } else if (inlineVolumeSpec) {
    validateVolumeSpec(inlineVolumeSpec, "", true, child(path, "inlineVolumeSpec"), errors);
  }
}

export function validateAttachmentUpdate({ spec }: VolumeAttachment, old: VolumeAttachment): FieldError[] {
  return semanticEqual(spec, old.spec) ? [] : [invalid("spec", spec, IMMUTABLE)];
}

function validateAttachmentStatus(status: VolumeAttachment["status"]): FieldError[] {
  const errors: FieldError[] = [];
  if (sizeOf(Object.entries(status?.attachmentMetadata ?? {})) > MAX_ATTACHMENT_METADATA) {
    errors.push(tooLong("status.attachmentMetadata", MAX_ATTACHMENT_METADATA));
  }
  validateVolumeError(status?.attachError, "status.attachError", errors);
  validateVolumeError(status?.detachError, "status.detachError", errors);
  return errors;
}

function validateVolumeError(error: VolumeError | undefined, path: string, errors: FieldError[]): void {
  if (Buffer.byteLength(error?.message ?? "") > MAX_ERROR_MESSAGE) {
    errors.push(tooLong(child(path, "message"), MAX_ATTACHMENT_METADATA));
  }
  const code = error?.errorCode;
  if (code != null && code < 0) errors.push(invalid(child(path, "errorCode"), code, rangeMessage(0, 2 ** 31 - 1)));
}

const FS_GROUP_POLICIES = ["File", "None", "ReadWriteOnceWithFSType"];
const LIFECYCLE_MODES = ["Persistent", "Ephemeral"];
const MIN_TOKEN_SECONDS = 600;
const MIN_UPDATE_SECONDS = 10;

export function validateCsiDriver({ spec }: CSIDriver): FieldError[] {
  const errors: FieldError[] = [];
  validateOptionalEnum(spec.fsGroupPolicy, FS_GROUP_POLICIES, "spec.fsGroupPolicy", errors);
  validateTokenRequests(spec, errors);
  for (const mode of spec.volumeLifecycleModes ?? []) {
    if (!LIFECYCLE_MODES.includes(mode)) errors.push(notSupported("spec.volumeLifecycleModes", mode, LIFECYCLE_MODES));
  }
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period != null && period < MIN_UPDATE_SECONDS) {
    const detail = `must be greater than or equal to ${MIN_UPDATE_SECONDS} seconds`;
    errors.push(invalid("spec.nodeAllocatableUpdatePeriodSeconds", period, detail));
  }
  return errors;
}

function validateTokenRequests({ tokenRequests }: CSIDriver["spec"], errors: FieldError[]): void {
  const audiences = new Set<string>();
  for (const [index, { audience, expirationSeconds: seconds }] of (tokenRequests ?? []).entries()) {
    const path = at("spec.tokenRequests", index);
    if (audiences.has(audience)) {
      errors.push(duplicate(child(path, "audience"), audience));
      continue;
    }
    audiences.add(audience);
    const field = child(path, "expirationSeconds");
    if (seconds == null) continue;
    if (seconds < MIN_TOKEN_SECONDS) {
      errors.push(invalid(field, seconds, "may not specify a duration less than 10 minutes"));
    }
    if (seconds > 2 ** 32) errors.push(invalid(field, seconds, "may not specify a duration larger than 2^32 seconds"));
  }
}

export function validateCsiDriverUpdate({ spec }: CSIDriver, old: CSIDriver): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.attachRequired !== old.spec.attachRequired) {
    errors.push(invalid("spec.attachedRequired", spec.attachRequired, IMMUTABLE));
  }
  if (!jsonEqual(spec.volumeLifecycleModes, old.spec.volumeLifecycleModes)) {
    errors.push(invalid("spec.volumeLifecycleModes", spec.volumeLifecycleModes, IMMUTABLE));
  }
  return errors;
}

const MAX_NODE_ID = 256;

export function validateCsiNode({ spec }: CSINode): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, driver] of (spec?.drivers ?? []).entries()) {
    validateNodeDriver(driver, names, at("spec.drivers", index), errors);
  }
  return errors;
}

function validateNodeDriver(driver: CSINodeDriver, names: Set<string>, path: string, errors: FieldError[]): void {
  const { name = "", nodeID, allocatable, topologyKeys = [] } = driver;
  validateCsiDriverName(name, child(path, "name"), errors);
  if (!nodeID) errors.push(required(child(path, "nodeID")));
  else if (Buffer.byteLength(nodeID) > MAX_NODE_ID) {
    errors.push(invalid(child(path, "nodeID"), nodeID, `must be ${MAX_NODE_ID} characters or less`));
  }
  validateNonNegative(allocatable?.count, child(path, "allocatable", "count"), errors);
  if (names.has(name)) errors.push(duplicate(child(path, "name"), name));
  names.add(name);
  for (const [index, key] of topologyKeys.entries()) {
    if (key === "") errors.push(required(path));
    if (topologyKeys.indexOf(key) < index) errors.push(duplicate(path, key));
    validateQualifiedName(key, path, errors);
  }
}

/** Of a driver that stays, only how much it can take may change. */
export function validateCsiNodeUpdate({ spec }: CSINode, old: CSINode): FieldError[] {
  const errors: FieldError[] = [];
  for (const before of old.spec?.drivers ?? []) {
    const driver = spec?.drivers?.find(({ name }) => name === before.name);
    if (!driver) continue;
    const { allocatable: _was, ...fixed } = before;
    const { allocatable: _is, ...now } = driver;
    if (!semanticEqual(now, fixed)) errors.push(invalid("spec.drivers", now, IMMUTABLE));
  }
  return errors;
}

export function validateStorageCapacity({
  nodeTopology,
  storageClassName,
  capacity,
}: CSIStorageCapacity): FieldError[] {
  const errors: FieldError[] = [];
  validateLabelSelector(nodeTopology, "nodeTopology", errors);
  addProblems(checkDnsSubdomain(storageClassName ?? ""), "storageClassName", storageClassName ?? "", errors);
  if (capacity != null) validateNonNegativeQuantity(capacity, "capacity", errors);
  return errors;
}

export function validateStorageCapacityUpdate(capacity: CSIStorageCapacity, old: CSIStorageCapacity): FieldError[] {
  return (["nodeTopology", "storageClassName"] as const)
    .filter((name) => !semanticEqual(capacity[name], old[name]))
    .map((name) => invalid(name, capacity[name] ?? null, IMMUTABLE));
}
