import { jsonEqual } from "../../json-equal.ts";
import { checkDnsSubdomain, checkServiceName } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type {
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
} from "../../types/apiextensions.v1.ts";
import { at, child, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { IMMUTABLE } from "../value-checks.ts";
import { validateClientConfig, validateReviewVersions } from "../webhook-client-validation.ts";
import { APPROVAL, approvalOf, validateApproval } from "./approval.ts";
import { validateSchema } from "./schema-validation.ts";
import { validateColumns, validateSelectableFields, validateSubresources } from "./version-validation.ts";

export function validateDefinition(definition: CustomResourceDefinition): FieldError[] {
  const { metadata, spec, status } = definition;
  const errors = validateDefinitionStatus(definition);
  if (metadata?.name !== `${spec.names?.plural ?? ""}.${spec.group ?? ""}`) {
    errors.push(invalid("metadata.name", metadata?.name ?? "", 'must be spec.names.plural+"."+spec.group'));
  }
  validateSpec(spec, errors);
  validateStoredVersions(status?.storedVersions ?? [], spec.versions ?? [], errors);
  return errors;
}

export function validateDefinitionCreate({ metadata, spec }: CustomResourceDefinition): FieldError[] {
  const errors: FieldError[] = [];
  validateApproval(spec.group, metadata?.annotations?.[APPROVAL], errors);
  if (spec.preserveUnknownFields) errors.push(invalid("spec.preserveUnknownFields", true, PRESERVE));
  return errors;
}

export function validateDefinitionUpdate(
  { metadata, spec }: CustomResourceDefinition,
  old: CustomResourceDefinition,
): FieldError[] {
  const errors: FieldError[] = [];
  const established = old.status?.conditions?.some(({ type, status }) => type === "Established" && status === "True");
  const fixed = (path: string, value: unknown, before: unknown) => {
    if (value !== before) errors.push(invalid(path, value ?? "", IMMUTABLE));
  };
  if (established) {
    // Both are part of how objects are stored.
    fixed("spec.scope", spec.scope, old.spec.scope);
    fixed("spec.names.kind", spec.names?.kind, old.spec.names.kind);
  }
  fixed("spec.group", spec.group, old.spec.group);
  fixed("spec.names.plural", spec.names?.plural, old.spec.names.plural);
  const approval = metadata?.annotations?.[APPROVAL];
  if (approvalOf(approval) !== approvalOf(old.metadata?.annotations?.[APPROVAL])) {
    validateApproval(spec.group, approval, errors);
  }
  if (spec.preserveUnknownFields && !old.spec.preserveUnknownFields) {
    errors.push(invalid("spec.preserveUnknownFields", true, PRESERVE));
  }
  return errors;
}

export function validateDefinitionStatus({ status }: CustomResourceDefinition): FieldError[] {
  const errors: FieldError[] = [];
  if (status?.acceptedNames) validateNames(status.acceptedNames, "status.acceptedNames", errors);
  return errors;
}

const PRESERVE =
  "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";

function validateSpec(spec: CustomResourceDefinitionSpec, errors: FieldError[]): void {
  const { group, scope, versions = [], names } = spec;
  if (!group) errors.push(required("spec.group"));
  else if (checkDnsSubdomain(group).length > 0) {
    errors.push(invalid("spec.group", group, checkDnsSubdomain(group).join(",")));
  } else if (!group.includes(".")) {
    errors.push(invalid("spec.group", group, "should be a domain with at least one dot"));
  }
  if (!scope) errors.push(required("spec.scope"));
  else if (scope !== "Cluster" && scope !== "Namespaced") {
    errors.push(notSupported("spec.scope", scope, ["Cluster", "Namespaced"]));
  }
  validateVersions(versions, errors);
  for (const name of ["plural", "singular", "kind", "listKind"] as const) {
    if (!names?.[name]) errors.push(required(child("spec.names", name)));
  }
  if (names) validateNames(names, "spec.names", errors);
  if (spec.conversion) validateConversion(spec.conversion, "spec.conversion", errors);
}

/**
 * What all versions have alike is reported at the top, where older versions of this API had it and upstream still moves
 * it: `spec.validation`, `spec.subresources`, ...
 */
function validateVersions(versions: readonly CustomResourceDefinitionVersion[], errors: FieldError[]): void {
  for (const [index, version] of versions.entries()) {
    const path = at("spec.versions", index);
    if (!version.schema?.openAPIV3Schema) errors.push(required(child(path, "schema", "openAPIV3Schema")));
  }
  const alike = (part: "schema" | "subresources" | "additionalPrinterColumns" | "selectableFields") =>
    versions.every((version) => jsonEqual(version[part], versions[0]?.[part]));
  const parts = {
    schema: alike("schema"),
    subresources: alike("subresources"),
    additionalPrinterColumns: alike("additionalPrinterColumns"),
    selectableFields: alike("selectableFields"),
  };
  const seen = new Set<string>();
  for (const [index, version] of versions.entries()) {
    const path = at("spec.versions", index);
    const problems = checkServiceName(version.name ?? "");
    if (problems.length > 0) errors.push(invalid(child(path, "name"), version.name ?? "", problems.join(",")));
    seen.add(version.name);
    validateDeprecation(version, path, errors);
    const { schema, subresources, additionalPrinterColumns: columns, selectableFields: fields } = version;
    const place = (part: keyof typeof parts, top: string = part) =>
      parts[part] ? (index === 0 ? child("spec", top) : undefined) : child(path, part);
    const schemaPath = place("schema", "validation");
    if (schemaPath && schema?.openAPIV3Schema) {
      const hasStatus = subresources?.status != null;
      validateSchema(schema.openAPIV3Schema, hasStatus, child(schemaPath, "openAPIV3Schema"), errors);
    }
    const subresourcePath = place("subresources");
    if (subresourcePath && subresources) validateSubresources(subresources, subresourcePath, errors);
    const columnPath = place("additionalPrinterColumns");
    if (columnPath && columns) validateColumns(columns, columnPath, errors);
    const fieldPath = place("selectableFields");
    if (fieldPath && fields?.length) {
      validateSelectableFields(fields, schema?.openAPIV3Schema, fieldPath, errors);
    }
  }
  if (seen.size < versions.length) {
    errors.push(invalid("spec.versions", versions, "must contain unique version names"));
  }
  if (versions.filter(({ storage }) => storage).length !== 1) {
    errors.push(invalid("spec.versions", versions, "must have exactly one version marked as storage version"));
  }
}

function validateDeprecation(version: CustomResourceDefinitionVersion, path: string, errors: FieldError[]): void {
  const { deprecated, deprecationWarning: warning } = version;
  if (warning == null) return;
  const add = (detail: string) => errors.push(invalid(child(path, "deprecationWarning"), warning, detail));
  if (!deprecated) {
    add("can only be set for deprecated versions");
    return;
  }
  if (Buffer.byteLength(warning) > 256) add("must be <= 256 characters long");
  if (warning === "") add("must not be an empty string");
  const unprintable = warning.search(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u);
  if (unprintable >= 0) {
    const index = Buffer.byteLength(warning.slice(0, unprintable));
    add(`must only contain printable UTF-8 characters; non-printable character found at index ${index}`);
  }
}

function validateNames(names: CustomResourceDefinitionNames, path: string, errors: FieldError[]): void {
  const { kind, listKind, shortNames, categories } = names;
  for (const name of ["plural", "singular"] as const) {
    const problems = names[name] ? checkServiceName(names[name]) : [];
    if (problems.length > 0) errors.push(invalid(child(path, name), names[name], problems.join(",")));
  }
  for (const name of ["kind", "listKind"] as const) {
    const problems = names[name] ? checkServiceName(names[name].toLowerCase()) : [];
    if (problems.length === 0) continue;
    const detail = `may have mixed case, but should otherwise match: ${problems.join(",")}`;
    errors.push(invalid(child(path, name), names[name], detail));
  }
  for (const [name, values] of [
    ["shortNames", shortNames],
    ["categories", categories],
  ] as const) {
    for (const [index, value] of (values ?? []).entries()) {
      const problems = checkServiceName(value);
      if (problems.length > 0) errors.push(invalid(at(child(path, name), index), value, problems.join(",")));
    }
  }
  if (kind && kind === listKind) {
    errors.push(invalid(child(path, "listKind"), listKind, "kind and listKind may not be the same"));
  }
}

function validateConversion({ strategy, webhook }: CustomResourceConversion, path: string, errors: FieldError[]): void {
  const config = child(path, "webhookClientConfig");
  const versions = child(path, "conversionReviewVersions");
  if (strategy !== "None" && strategy !== "Webhook") {
    errors.push(notSupported(child(path, "strategy"), strategy, ["None", "Webhook"]));
  }
  if (strategy === "Webhook") {
    if (!webhook?.clientConfig) errors.push(required(config, "required when strategy is set to Webhook"));
    else validateClientConfig(webhook.clientConfig, config, errors);
    validateReviewVersions(webhook?.conversionReviewVersions, "", versions, errors);
    return;
  }
  const detail = "should not be set when strategy is not set to Webhook";
  if (webhook?.clientConfig) errors.push(forbidden(config, detail));
  if (webhook?.conversionReviewVersions?.length) errors.push(forbidden(versions, detail));
}

function validateStoredVersions(
  stored: readonly string[],
  versions: readonly CustomResourceDefinitionVersion[],
  errors: FieldError[],
): void {
  const path = "status.storedVersions";
  if (stored.length === 0) {
    errors.push(invalid(path, stored, "must have at least one stored version"));
    return;
  }
  const storage = versions.find((version) => version.storage);
  if (storage && !stored.includes(storage.name)) {
    errors.push(invalid(path, stored, `must have the storage version ${storage.name}`));
  }
  for (const [index, name] of stored.entries()) {
    if (versions.some((version) => version.name === name)) continue;
    const detail = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    errors.push(invalid(at(path, index), name, detail));
  }
}
