import {
  checkDnsLabel,
  checkDnsSubdomain,
  checkLabelValue,
  checkPathSegment,
  checkPathSegmentPrefix,
  checkQualifiedName,
  checkServiceName,
} from "../../api/names.ts";
import type { FieldError, NameFormat } from "../../api/resource-definition.ts";
import { child, forbidden, formatValue, invalid, required, tooLong } from "../../api/resources/field-errors.ts";
import type { ObjectMeta, OwnerReference } from "../../api/types/meta.v1.ts";

/** All annotations of an object together, in bytes. */
const ANNOTATIONS_LIMIT = 256 * 1024;

const NAME_CHECKS: Readonly<Record<NameFormat, (name: string) => string[]>> = {
  subdomain: checkDnsSubdomain,
  label: checkDnsLabel,
  service: checkServiceName,
  "path-segment": checkPathSegment,
  rbac: checkPathSegment,
};

/** What is wrong with a name of this format; empty: nothing. */
function nameErrors(name: string, format: NameFormat = "subdomain"): string[] {
  return NAME_CHECKS[format](name);
}

/** Upstream's ValidateObjectMeta. */
export function validateMetadata(
  metadata: ObjectMeta,
  rules: { namespaced: boolean; nameFormat?: NameFormat },
): FieldError[] {
  const errors: FieldError[] = [];
  const path = "metadata";
  const { generateName, name, namespace } = metadata;
  if (generateName) {
    const format = rules.nameFormat ?? "subdomain";
    // A prefix may end in what a whole name may not: a dash, most of all.
    const problems =
      format === "path-segment" || format === "rbac"
        ? checkPathSegmentPrefix(generateName)
        : nameErrors(generateName.endsWith("-") ? `${generateName.slice(0, -1)}a` : generateName, format);
    for (const problem of problems) errors.push(invalid(child(path, "generateName"), generateName, problem));
  }
  if (!name) errors.push(required(child(path, "name"), "name or generateName is required"));
  else {
    for (const problem of nameErrors(name, rules.nameFormat)) errors.push(invalid(child(path, "name"), name, problem));
  }
  if (!rules.namespaced) {
    if (namespace) errors.push(forbidden(child(path, "namespace"), "not allowed on this type"));
  } else if (!namespace) {
    errors.push(required(child(path, "namespace")));
  } else {
    for (const problem of checkDnsLabel(namespace)) errors.push(invalid(child(path, "namespace"), namespace, problem));
  }
  return validateAccessories(metadata, errors);
}

/** What holds at creation and at each update: labels, annotations, finalizers, owners. */
function validateAccessories(metadata: ObjectMeta, errors: FieldError[]): FieldError[] {
  const path = "metadata";
  if (metadata.generation !== undefined && metadata.generation < 0) {
    errors.push(invalid(child(path, "generation"), metadata.generation, "must be greater than or equal to 0"));
  }
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    for (const problem of checkQualifiedName(key)) errors.push(invalid(child(path, "labels"), key, problem));
    for (const problem of checkLabelValue(value)) errors.push(invalid(child(path, "labels"), value, problem));
  }
  let annotationBytes = 0;
  for (const [key, value] of Object.entries(metadata.annotations ?? {})) {
    for (const problem of checkQualifiedName(key.toLowerCase())) {
      errors.push(invalid(child(path, "annotations"), key, problem));
    }
    annotationBytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (annotationBytes > ANNOTATIONS_LIMIT) errors.push(tooLong(child(path, "annotations"), ANNOTATIONS_LIMIT));
  errors.push(...validateOwners(metadata.ownerReferences ?? []));
  for (const finalizer of metadata.finalizers ?? []) {
    for (const problem of checkQualifiedName(finalizer)) {
      errors.push(invalid(child(path, "finalizers"), finalizer, problem));
    }
  }
  const finalizers = metadata.finalizers ?? [];
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion")) {
    errors.push(
      invalid(
        child(path, "finalizers"),
        finalizers,
        `finalizer ${formatValue("foregroundDeletion")} and ${formatValue("orphan")} cannot be both set`,
      ),
    );
  }
  return errors;
}

function validateOwners(owners: readonly OwnerReference[]): FieldError[] {
  const errors: FieldError[] = [];
  const path = "metadata.ownerReferences";
  let controller: string | undefined;
  for (const owner of owners) {
    if (!owner.apiVersion)
      errors.push(invalid(child(path, "apiVersion"), owner.apiVersion ?? "", "version must not be empty"));
    if (!owner.kind) errors.push(invalid(child(path, "kind"), owner.kind ?? "", "must not be empty"));
    if (!owner.name) errors.push(invalid(child(path, "name"), owner.name ?? "", "must not be empty"));
    if (!owner.uid) errors.push(invalid(child(path, "uid"), owner.uid ?? "", "must not be empty"));
    if (owner.kind === "Event" && owner.apiVersion === "v1") {
      errors.push(invalid(path, owner, "/v1, Kind=Event is disallowed from being an owner"));
    }
    if (!owner.controller) continue;
    if (controller !== undefined) {
      errors.push(
        invalid(
          path,
          owners,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${owner.name}`,
        ),
      );
    }
    controller = owner.name;
  }
  return errors;
}

/** Upstream's ValidateObjectMetaUpdate; the engine has carried over what an update leaves out. */
export function validateMetadataUpdate(metadata: ObjectMeta, old: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  const path = "metadata";
  if (old.deletionTimestamp) {
    const before = new Set(old.finalizers);
    const added = (metadata.finalizers ?? []).filter((finalizer) => !before.has(finalizer));
    if (added.length > 0) {
      const list = `[]string{${added.map((one) => JSON.stringify(one)).join(", ")}}`;
      errors.push(
        forbidden(
          child(path, "finalizers"),
          `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`,
        ),
      );
    }
  }
  for (const field of IMMUTABLE) {
    if (metadata[field] === old[field]) continue;
    errors.push(invalid(child(path, field), metadata[field] ?? "", "field is immutable"));
  }
  return validateAccessories(metadata, errors);
}

const IMMUTABLE = [
  "name",
  "namespace",
  "uid",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
] as const;
