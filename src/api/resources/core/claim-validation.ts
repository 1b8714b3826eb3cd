import { jsonEqual } from "../../json-equal.ts";
import { checkDnsLabel, checkDnsSubdomain } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type { PersistentVolumeClaimSpec, TypedObjectReference } from "../../types/core.v1.ts";
import { at, child, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { validateLabelSelector } from "../label-checks.ts";
import { addProblems, validateOptionalEnum, validatePositiveQuantity } from "../value-checks.ts";

const ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
export const VOLUME_MODES = ["Block", "Filesystem"];

/** Access modes that exist; ReadWriteOncePod stands alone. */
export function validateAccessModes(modes: readonly string[], path: string, errors: FieldError[]): void {
  for (const mode of modes) if (!ACCESS_MODES.includes(mode)) errors.push(notSupported(path, mode, ACCESS_MODES));
  const others = modes.some((mode) => mode !== "ReadWriteOncePod" && ACCESS_MODES.includes(mode));
  if (others && modes.includes("ReadWriteOncePod")) {
    errors.push(forbidden(path, "may not use ReadWriteOncePod with other access modes"));
  }
}

/** The spec of a claim, also inside templates. */
export function validateClaimSpec(spec: PersistentVolumeClaimSpec, path: string, errors: FieldError[]): void {
  const modes = spec.accessModes ?? [];
  if (modes.length === 0) errors.push(required(child(path, "accessModes"), "at least 1 access mode is required"));
  validateLabelSelector(spec.selector, child(path, "selector"), errors);
  validateAccessModes(modes, child(path, "accessModes"), errors);
  const storage = spec.resources?.requests?.storage;
  const storagePath = at(child(path, "resources"), "storage");
  if (storage === undefined) errors.push(required(storagePath));
  else validatePositiveQuantity(storage, storagePath, errors);
  for (const name of ["storageClassName", "volumeAttributesClassName"] as const) {
    const value = spec[name];
    if (value) addProblems(checkDnsSubdomain(value), child(path, name), value, errors);
  }
  validateOptionalEnum(spec.volumeMode, VOLUME_MODES, child(path, "volumeMode"), errors);
  if (spec.dataSource) validateDataSource(spec.dataSource, child(path, "dataSource"), errors);
  if (spec.dataSourceRef) validateDataSource(spec.dataSourceRef, child(path, "dataSourceRef"), errors);
  if (spec.dataSourceRef?.namespace) {
    if (spec.dataSource) {
      const detail = "may not be specified when dataSourceRef.namespace is specified";
      errors.push(invalid(child(path, "dataSource"), spec.dataSource, detail));
    }
  } else if (spec.dataSource && spec.dataSourceRef && !jsonEqual(spec.dataSource, spec.dataSourceRef)) {
    errors.push(invalid(path, child(path, "dataSource"), "must match dataSourceRef"));
  }
}

function validateDataSource(source: TypedObjectReference, path: string, errors: FieldError[]): void {
  if (!source.name) errors.push(required(child(path, "name")));
  if (!source.kind) errors.push(required(child(path, "kind")));
  if (!source.apiGroup && source.kind !== "PersistentVolumeClaim") {
    const detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
    errors.push(invalid(path, source.kind ?? "", detail));
  }
  if (source.apiGroup)
    addProblems(checkDnsSubdomain(source.apiGroup), child(path, "apiGroup"), source.apiGroup, errors);
  if (source.namespace) {
    addProblems(checkDnsLabel(source.namespace), child(path, "namespace"), source.namespace, errors);
  }
}
