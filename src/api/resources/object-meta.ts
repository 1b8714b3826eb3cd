import {
  checkDnsLabel,
  checkDnsSubdomain,
  checkPathSegment,
  checkPathSegmentPrefix,
  checkQualifiedName,
  checkServiceName,
} from "../names.ts";
import type { FieldError, NameFormat } from "../resource-definition.ts";
import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from "../types/meta.v1.ts";
import { at, child, forbidden, goQuote, invalid, required, tooLong } from "./field-errors.ts";
import { validateAnnotations, validateLabels } from "./label-checks.ts";
import { addProblems, IMMUTABLE, validateNonNegative } from "./value-checks.ts";

const NAME_CHECKS: Readonly<Record<NameFormat, (name: string) => string[]>> = {
  subdomain: checkDnsSubdomain,
  label: checkDnsLabel,
  service: checkServiceName,
  "path-segment": checkPathSegment,
  rbac: checkPathSegment,
};

/** What is wrong with a name of this format; empty: nothing. */
export function nameProblems(name: string, format: NameFormat = "subdomain"): string[] {
  return NAME_CHECKS[format](name);
}

/** The same for a prefix that a suffix will be appended to: it may end in a dash. */
export function namePrefixProblems(prefix: string, format: NameFormat = "subdomain"): string[] {
  if (format === "path-segment" || format === "rbac") return checkPathSegmentPrefix(prefix);
  const masked = prefix.length > 1 && prefix.endsWith("-") ? `${prefix.slice(0, -2)}a` : prefix;
  return NAME_CHECKS[format](masked);
}

/** Validates the metadata of a new object, whose name has been generated if it was to be. */
export function validateObjectMeta(
  metadata: ObjectMeta,
  rules: { namespaced: boolean; nameFormat?: NameFormat },
  path = "metadata",
): FieldError[] {
  const errors: FieldError[] = [];
  const { generateName, name, namespace } = metadata;
  if (generateName) {
    addProblems(namePrefixProblems(generateName, rules.nameFormat), child(path, "generateName"), generateName, errors);
  }
  if (!name) errors.push(required(child(path, "name"), "name or generateName is required"));
  else addProblems(nameProblems(name, rules.nameFormat), child(path, "name"), name, errors);
  if (!rules.namespaced) {
    if (namespace) errors.push(forbidden(child(path, "namespace"), "not allowed on this type"));
  } else if (!namespace) errors.push(required(child(path, "namespace")));
  else addProblems(checkDnsLabel(namespace), child(path, "namespace"), namespace, errors);
  validateNonNegative(metadata.generation, child(path, "generation"), errors);
  validateAlways(metadata, path, errors);
  validateFinalizers(metadata.finalizers ?? [], child(path, "finalizers"), errors);
  return errors;
}

const UNCHANGEABLE = [
  "name",
  "namespace",
  "uid",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
] as const satisfies readonly (keyof ObjectMeta)[];

/** Validates the metadata of an update, into which the caller has carried over what an update may leave out. */
export function validateObjectMetaUpdate(metadata: ObjectMeta, old: ObjectMeta, path = "metadata"): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp) {
    const added = (metadata.finalizers ?? []).filter((finalizer) => !old.finalizers?.includes(finalizer)).sort();
    if (added.length > 0) {
      const list = `[]string{${added.map(goQuote).join(", ")}}`;
      errors.push(
        forbidden(
          child(path, "finalizers"),
          `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`,
        ),
      );
    }
  }
  validateNonNegative(metadata.generation, child(path, "generation"), errors);
  if ((metadata.generation ?? 0) < (old.generation ?? 0)) {
    errors.push(invalid(child(path, "generation"), metadata.generation ?? 0, "must not be decremented"));
  }
  for (const field of UNCHANGEABLE) {
    const value = metadata[field];
    if (value === old[field] || (value ?? null) === (old[field] ?? null)) continue;
    const shown = value ?? (STRINGS.has(field) ? "" : null);
    errors.push(invalid(child(path, field), shown, IMMUTABLE));
  }
  validateAlways(metadata, path, errors);
  return errors;
}

const STRINGS: ReadonlySet<string> = new Set(["name", "namespace", "uid"]);

/** What holds at creation and at each update. */
function validateAlways(metadata: ObjectMeta, path: string, errors: FieldError[]): void {
  validateLabels(metadata.labels, child(path, "labels"), errors);
  validateAnnotations(metadata.annotations, child(path, "annotations"), errors);
  if (metadata.ownerReferences) validateOwners(metadata.ownerReferences, child(path, "ownerReferences"), errors);
  if (metadata.managedFields) validateManagedFields(metadata.managedFields, child(path, "managedFields"), errors);
}

function validateOwners(owners: readonly OwnerReference[], path: string, errors: FieldError[]): void {
  let controller = "";
  for (const owner of owners) {
    const { apiVersion, kind, name, uid } = owner;
    const version = (apiVersion ?? "").split("/");
    // A malformed apiVersion counts as an empty one.
    if (version.length > 2 || !version.at(-1)) {
      errors.push(invalid(child(path, "apiVersion"), apiVersion ?? "", "version must not be empty"));
    }
    if (!kind) errors.push(invalid(child(path, "kind"), kind ?? "", "must not be empty"));
    if (!name) errors.push(invalid(child(path, "name"), name ?? "", "must not be empty"));
    if (!uid) errors.push(invalid(child(path, "uid"), uid ?? "", "must not be empty"));
    if (apiVersion === "v1" && kind === "Event") {
      errors.push(invalid(path, owner, "/v1, Kind=Event is disallowed from being an owner"));
    }
    if (!owner.controller) continue;
    const current = `${kind}/${name}`;
    if (controller === "") controller = current;
    else {
      errors.push(
        invalid(
          path,
          owners,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${current}`,
        ),
      );
    }
  }
}

function validateFinalizers(finalizers: readonly string[], path: string, errors: FieldError[]): void {
  for (const finalizer of finalizers) addProblems(checkQualifiedName(finalizer), path, finalizer, errors);
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion")) {
    errors.push(invalid(path, finalizers, "finalizer orphan and foregroundDeletion cannot be both set"));
  }
}

const MANAGER_LIMIT = 128;
const SUBRESOURCE_LIMIT = 256;

function validateManagedFields(entries: readonly ManagedFieldsEntry[], path: string, errors: FieldError[]): void {
  for (const [index, { operation, fieldsType, manager, subresource }] of entries.entries()) {
    if (operation !== "Apply" && operation !== "Update") {
      errors.push(invalid(child(at(path, index), "operation"), operation ?? "", "must be `Apply` or `Update`"));
    }
    if (fieldsType && fieldsType !== "FieldsV1") {
      errors.push(invalid(child(at(path, index), "fieldsType"), fieldsType, "must be `FieldsV1`"));
    }
    if (manager) validateFieldManager(manager, child(at(path, index), "manager"), errors);
    if (subresource && Buffer.byteLength(subresource) > SUBRESOURCE_LIMIT) {
      errors.push(tooLong(child(at(path, index), "subresource"), SUBRESOURCE_LIMIT));
    }
  }
}

/** A field manager's name: printable, and not too long. */
export function validateFieldManager(manager: string, path: string, errors: FieldError[]): void {
  if (Buffer.byteLength(manager) > MANAGER_LIMIT) errors.push(tooLong(path, MANAGER_LIMIT));
  let position = 0;
  for (const character of manager) {
    if (!/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(character)) {
      const code = `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
      errors.push(invalid(path, manager, `invalid character ${code} (at position ${position})`));
    }
    position += Buffer.byteLength(character);
  }
}
