import { jsonEqual, semanticEqual } from "../../json-equal.ts";
import { checkDnsSubdomain } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type { PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec } from "../../types/core.v1.ts";
import { at, child, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { parseQuantity } from "../quantities.ts";
import {
  addProblems,
  IMMUTABLE,
  validateNonNegativeQuantity,
  validateOptionalEnum,
  validatePositiveQuantity,
} from "../value-checks.ts";
import { VOLUME_MODES, validateAccessModes, validateClaimSpec } from "./claim-validation.ts";
import { describeDifference } from "./describe-difference.ts";
import { validateNodeSelector } from "./scheduling-validation.ts";
import { validateOneSource, validateSharedSource } from "./volume-sources.ts";

const RECLAIM_POLICIES = ["Delete", "Recycle", "Retain"];
const ORDER = [
  "hostPath",
  "gcePersistentDisk",
  "awsElasticBlockStore",
  "glusterfs",
  "flocker",
  "nfs",
  "rbd",
  "quobyte",
  "cephfs",
  "iscsi",
  "cinder",
  "fc",
  "flexVolume",
  "azureFile",
  "vsphereVolume",
  "photonPersistentDisk",
  "portworxVolume",
  "azureDisk",
  "scaleIO",
  "local",
  "storageos",
  "csi",
];

export function validatePersistentVolume({ metadata, spec }: PersistentVolume): FieldError[] {
  const errors: FieldError[] = [];
  validateVolumeSpec(spec ?? {}, metadata?.name ?? "", false, "spec", errors);
  return errors;
}

/** `inline`: in a VolumeAttachment, where only CSI makes sense and nothing of the claim. */
export function validateVolumeSpec(
  spec: PersistentVolumeSpec,
  name: string,
  inline: boolean,
  path: string,
  errors: FieldError[],
): void {
  const notInline = "may not be specified in the context of inline volumes";
  if (inline) {
    if (spec.claimRef) errors.push(forbidden(child(path, "claimRef"), notInline));
    if (Object.keys(spec.capacity ?? {}).length > 0) errors.push(forbidden(child(path, "capacity"), notInline));
    if (!spec.csi) errors.push(required(child(path, "csi"), "has to be specified in the context of inline volumes"));
  }
  const modes = spec.accessModes ?? [];
  if (modes.length === 0) errors.push(required(child(path, "accessModes")));
  validateAccessModes(modes, child(path, "accessModes"), errors);
  if (!inline) validateCapacity(spec.capacity ?? {}, child(path, "capacity"), errors);
  validateReclaimPolicy(spec, inline, child(path, "persistentVolumeReclaimPolicy"), errors);
  if (spec.nodeAffinity) {
    const field = child(path, "nodeAffinity");
    if (inline) errors.push(forbidden(field, notInline));
    else if (!spec.nodeAffinity.required) {
      errors.push(required(child(field, "required"), "must specify required node constraints"));
    } else validateNodeSelector(spec.nodeAffinity.required, child(field, "required"), errors);
  }
  validateOneSource(spec, ORDER, path, errors, (source, field) => {
    validateSharedSource(source, spec, field, errors, { persistent: true, name });
    if (source === "local" && !spec.nodeAffinity) {
      errors.push(required(child(path, "nodeAffinity"), "Local volume requires node affinity"));
    }
  });
  if (spec.hostPath && /^\/+(\.?\/*)*$/.test(spec.hostPath.path) && spec.persistentVolumeReclaimPolicy === "Recycle") {
    const detail = "may not be 'recycle' for a hostPath mount of '/'";
    errors.push(forbidden(child(path, "persistentVolumeReclaimPolicy"), detail));
  }
  if (spec.storageClassName) {
    const field = child(path, "storageClassName");
    if (inline) errors.push(forbidden(field, notInline));
    else addProblems(checkDnsSubdomain(spec.storageClassName), field, spec.storageClassName, errors);
  }
  if (inline && spec.volumeMode != null && spec.volumeMode !== "Filesystem") {
    const detail = "may not specify volumeMode other than Filesystem in the context of inline volumes";
    errors.push(forbidden(child(path, "volumeMode"), detail));
  } else validateOptionalEnum(spec.volumeMode, VOLUME_MODES, child(path, "volumeMode"), errors);
  const attributes = spec.volumeAttributesClassName;
  if (attributes == null) return;
  const field = child(path, "volumeAttributesClassName");
  if (attributes === "") errors.push(required(field, "an empty string is disallowed"));
  else addProblems(checkDnsSubdomain(attributes), field, attributes, errors);
  if (!spec.csi) {
    errors.push(required(child(path, "csi"), "has to be specified when using volumeAttributesClassName"));
  }
}

function validateCapacity(capacity: Record<string, string>, path: string, errors: FieldError[]): void {
  const names = Object.keys(capacity);
  if (names.length === 0) errors.push(required(path));
  if (capacity.storage === undefined || names.length > 1) errors.push(notSupported(path, capacity, ["storage"]));
  for (const name of names) validatePositiveQuantity(capacity[name]!, at(path, name), errors);
}

function validateReclaimPolicy(spec: PersistentVolumeSpec, inline: boolean, path: string, errors: FieldError[]): void {
  const policy = spec.persistentVolumeReclaimPolicy;
  if (!policy) return;
  if (!inline) validateOptionalEnum(policy, RECLAIM_POLICIES, path, errors);
  else if (policy !== "Retain") {
    errors.push(forbidden(path, "may only be Retain in the context of inline volumes"));
  }
}

/** Where a volume's data is does not change. */
export function validatePersistentVolumeUpdate(volume: PersistentVolume, old: PersistentVolume): FieldError[] {
  const errors: FieldError[] = [];
  const spec = volume.spec!;
  const before = old.spec!;
  const sources = (of: PersistentVolumeSpec) =>
    Object.fromEntries(ORDER.map((name) => [name, of[name as keyof PersistentVolumeSpec]]));
  const after = sources(spec);
  if (before.csi && !before.csi.controllerExpandSecretRef && spec.csi?.controllerExpandSecretRef) {
    const { controllerExpandSecretRef: _added, ...rest } = spec.csi;
    after["csi"] = rest;
  }
  if (!semanticEqual(after, sources(before))) {
    const difference = describeDifference(sources(before), after);
    const detail = `spec.persistentvolumesource is immutable after creation\n${difference}`;
    errors.push(forbidden("spec.persistentvolumesource", detail));
  }
  if ((spec.volumeMode ?? null) !== (before.volumeMode ?? null)) {
    errors.push(invalid("volumeMode", spec.volumeMode ?? null, IMMUTABLE));
  }
  if (before.nodeAffinity && !jsonEqual(spec.nodeAffinity, before.nodeAffinity)) {
    const detail = `${IMMUTABLE}, except for updating from beta label to GA`;
    errors.push(invalid("nodeAffinity", spec.nodeAffinity ?? null, detail));
  }
  if (before.volumeAttributesClassName != null && spec.volumeAttributesClassName == null) {
    errors.push(forbidden("spec.volumeAttributesClassName", "update from non-nil value to nil is forbidden"));
  }
  return errors;
}

const CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class";

export function validateClaim({ spec }: PersistentVolumeClaim): FieldError[] {
  const errors: FieldError[] = [];
  validateClaimSpec(spec ?? {}, "spec", errors);
  return errors;
}

/** A claim is fixed but for its binding, its size, and its attributes class. */
export function validateClaimUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const errors: FieldError[] = [];
  const spec = claim.spec!;
  const before = old.spec!;
  const kept = { ...spec, volumeAttributesClassName: before.volumeAttributesClassName };
  if (!before.volumeName) kept.volumeName = before.volumeName;
  if (before.storageClassName == null && spec.storageClassName != null) {
    // A class that was not decided when the claim was made, or only by annotation, may be written down now.
    const annotation = old.metadata?.annotations?.[CLASS_ANNOTATION];
    const given = claim.metadata?.annotations?.[CLASS_ANNOTATION];
    const agrees = annotation === undefined || spec.storageClassName === annotation;
    if (agrees && (given === undefined || given === (annotation ?? given))) kept.storageClassName = undefined;
  }
  const size = spec.resources?.requests?.storage;
  const oldSize = before.resources?.requests?.storage;
  if (claim.status?.phase === "Bound" && spec.resources?.requests && oldSize !== undefined) {
    kept.resources = { ...spec.resources, requests: { ...spec.resources.requests, storage: oldSize } };
  }
  if (!semanticEqual(kept, before)) {
    const detail =
      "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
    errors.push(forbidden("spec", `${detail}\n${describeDifference(before, kept)}`));
  }
  const wanted = parseQuantity(size);
  const had = parseQuantity(oldSize);
  if (wanted && had && wanted.compare(had) < 0) {
    const present = parseQuantity(old.status?.capacity?.storage);
    // A larger size that could not be had may be taken back, down to what there is.
    if (!present || wanted.compare(present) <= 0) {
      errors.push(forbidden("spec.resources.requests.storage", "field can not be less than status.capacity"));
    }
  }
  if ((spec.volumeMode ?? null) !== (before.volumeMode ?? null)) {
    errors.push(invalid("volumeMode", spec.volumeMode ?? null, IMMUTABLE));
  }
  if (before.volumeAttributesClassName != null && !spec.volumeAttributesClassName) {
    const to = spec.volumeAttributesClassName == null ? "nil" : "an empty string";
    const detail = `update from non-nil value to ${to} is forbidden`;
    errors.push(forbidden("spec.volumeAttributesClassName", detail));
  }
  return errors;
}

const RESIZE_STATES = [
  "ControllerResizeInProgress",
  "ControllerResizeInfeasible",
  "NodeResizeInProgress",
  "NodeResizeInfeasible",
  "NodeResizePending",
];

export function validateClaimStatusUpdate({ status }: PersistentVolumeClaim): FieldError[] {
  const errors: FieldError[] = [];
  for (const side of ["capacity", "allocatedResources"] as const) {
    for (const [name, text] of Object.entries(status?.[side] ?? {})) {
      validateNonNegativeQuantity(text, at(child("status", side), name), errors);
    }
  }
  for (const [name, state] of Object.entries(status?.allocatedResourceStatuses ?? {})) {
    if (RESIZE_STATES.includes(state)) continue;
    errors.push(notSupported("status.allocatedResourceStatus", name, [...RESIZE_STATES].sort()));
  }
  return errors;
}
