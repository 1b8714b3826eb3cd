import { loadCel } from "../../cel/load.ts";
import type { FieldError } from "../../resource-definition.ts";
import { loadPatterns, patternsLoaded } from "../../structural/patterns.ts";
import { followRulePath, RulePathError } from "../../structural/rule-path.ts";
import type { JSONSchemaProps, ValidationRule } from "../../types/apiextensions.v1.ts";
import { at, child, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { hasDefaults, validateDefaults } from "./default-validation.ts";
import { hasRules, validateRules } from "./rule-validation.ts";
import { validateStructure } from "./structural-validation.ts";

const TYPES = ["array", "boolean", "integer", "number", "object", "string"];
const METADATA = new Set(["metadata", "kind", "apiVersion"]);
const REASONS = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

/** What may stand at the root where status is written apart, so that no rule is about both. */
const AT_ROOT = [
  "Description",
  "Type",
  "Format",
  "Title",
  "Maximum",
  "ExclusiveMaximum",
  "Minimum",
  "ExclusiveMinimum",
  "MaxLength",
  "MinLength",
  "Pattern",
  "MaxItems",
  "MinItems",
  "UniqueItems",
  "MultipleOf",
  "Required",
  "Items",
  "Properties",
  "ExternalDocs",
  "Example",
  "XPreserveUnknownFields",
  "XValidations",
];
const FIELDS_AT_ROOT = new Set(
  AT_ROOT.map((name) => {
    if (name === "XPreserveUnknownFields") return "x-kubernetes-preserve-unknown-fields";
    return name === "XValidations" ? "x-kubernetes-validations" : name[0]!.toLowerCase() + name.slice(1);
  }),
);

/**
 * The schema of a custom resource: OpenAPI v3 in the subset that Kubernetes takes, and structural; its defaults and rules
 * are what they must be. Needs the libraries that `loadSchemaLibraries` loads.
 */
export function validateSchema(schema: JSONSchemaProps, hasStatus: boolean, path: string, errors: FieldError[]): void {
  const before = errors.length;
  if (hasStatus) {
    if (schema.type !== undefined && schema.type !== "" && schema.type !== "object") {
      const detail =
        'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
      errors.push(invalid(child(path, "type"), schema.type, detail));
    }
    if (Object.keys(schema).some((name) => !FIELDS_AT_ROOT.has(name))) {
      const detail = `only [${AT_ROOT.join(" ")}] fields are allowed at the root of the schema if the status subresource is enabled`;
      errors.push(invalid(path, schema, detail));
    }
  }
  if (schema.nullable) errors.push(forbidden(child(path, "nullable"), "nullable cannot be true at the root"));
  const structure = errors.length;
  validateStructure(schema, path, errors);
  if (errors.length === structure && hasDefaults(schema)) validateDefaults(schema, path, errors);
  validateProps(schema, path, { root: true }, errors);
  if (errors.length === before && hasRules(schema)) validateRules(schema, path, errors);
}

/** Loads what validating a schema takes; undefined where all is there. */
export function loadSchemaLibraries(schemas: readonly (JSONSchemaProps | undefined)[]): Promise<void> | undefined {
  const cel = schemas.some(hasRules) ? loadCel() : undefined;
  const patterns = patternsLoaded() || !schemas.some(hasPatterns) ? undefined : loadPatterns();
  if (!cel && !patterns) return undefined;
  return Promise.all([cel, patterns]).then(() => {});
}

function hasPatterns(schema: unknown): boolean {
  if (typeof schema !== "object" || schema === null) return false;
  return Object.entries(schema).some(([key, value]) => key === "pattern" || hasPatterns(value));
}

interface Place {
  readonly root?: boolean;
  /** Inside apiVersion, kind or metadata of the resource or of one within it. */
  readonly metadata?: boolean;
  /** Why defaults may not be given here. */
  readonly noDefaults?: string;
}

function validateProps(schema: JSONSchemaProps, path: string, place: Place, errors: FieldError[]): void {
  validateKeywords(schema, path, place, errors);
  const inner: Place = { ...place, root: false };
  const nested = (child_: unknown, at_: string, inside: Place = inner) => {
    if (typeof child_ === "object" && child_ !== null) validateProps(child_ as JSONSchemaProps, at_, inside, errors);
  };
  const { additionalProperties, properties, items } = schema;
  if (additionalProperties !== undefined) {
    if (properties && Object.keys(properties).length > 0 && additionalProperties !== true) {
      const detail = "additionalProperties and properties are mutual exclusive";
      errors.push(forbidden(child(path, "additionalProperties"), detail));
    }
    const noDefaults = "inside additionalProperties applying to object metadata";
    nested(
      additionalProperties,
      child(path, "additionalProperties"),
      place.metadata ? { ...inner, noDefaults } : inner,
    );
  }
  for (const [name, property] of Object.entries(properties ?? {})) {
    const ofResource = (place.root || schema["x-kubernetes-embedded-resource"]) && METADATA.has(name);
    const inside = ofResource
      ? { ...inner, metadata: true, ...(place.root ? { noDefaults: `in top-level ${name}` } : {}) }
      : inner;
    nested(property, at(child(path, "properties"), name), inside);
  }
  nested(schema.not, child(path, "not"));
  for (const name of ["allOf", "oneOf", "anyOf"] as const) {
    for (const [index, one] of (schema[name] ?? []).entries()) nested(one, at(child(path, name), index));
  }
  if (!Array.isArray(items)) nested(items, child(path, "items"));
  validateExtensions(schema, path, errors);
  for (const [index, rule] of (schema["x-kubernetes-validations"] ?? []).entries()) {
    validateRule(rule, schema, at(child(path, "x-kubernetes-validations"), index), errors);
  }
}

/** Keywords of JSON Schema that are not taken, and where a default may not be. */
function validateKeywords(schema: JSONSchemaProps, path: string, place: Place, errors: FieldError[]): void {
  const { type } = schema;
  if (type && !TYPES.includes(type)) errors.push(notSupported(child(path, "type"), type, TYPES));
  if (schema.default !== undefined && place.noDefaults !== undefined) {
    errors.push(forbidden(child(path, "default"), `must not be set ${place.noDefaults}`));
  }
  for (const name of ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"] as const) {
    if (schema[name] !== undefined) errors.push(forbidden(child(path, name), `${name} is not supported`));
  }
  if (type === "null") {
    const detail = "type cannot be set to null, use nullable as an alternative";
    errors.push(forbidden(child(path, "type"), detail));
  }
  if (Array.isArray(schema.items)) {
    errors.push(forbidden(child(path, "items"), "items must be a schema object and not an array"));
  }
  if (place.metadata && schema["x-kubernetes-embedded-resource"]) {
    const detail = "must not be used inside of resource meta";
    errors.push(forbidden(child(path, "x-kubernetes-embedded-resource"), detail));
  }
  if (schema.uniqueItems) {
    const detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
    errors.push(forbidden(child(path, "uniqueItems"), detail));
  }
}

/** Keywords of Kubernetes: unknown fields, and how lists and maps are merged. */
function validateExtensions(schema: JSONSchemaProps, path: string, errors: FieldError[]): void {
  const preserve = schema["x-kubernetes-preserve-unknown-fields"];
  if (preserve === false) {
    errors.push(invalid(child(path, "x-kubernetes-preserve-unknown-fields"), preserve, "must be true or undefined"));
  }
  const mapType = schema["x-kubernetes-map-type"];
  if (mapType !== undefined) {
    mustHaveType(schema, "object", "x-kubernetes-map-type", path, errors);
    const known = ["atomic", "granular"];
    if (!known.includes(mapType)) errors.push(notSupported(child(path, "x-kubernetes-map-type"), mapType, known));
  }
  const listType = schema["x-kubernetes-list-type"];
  const items = Array.isArray(schema.items) ? undefined : (schema.items as JSONSchemaProps | undefined);
  if (listType !== undefined) {
    const isArray = mustHaveType(schema, "array", "x-kubernetes-list-type", path, errors);
    if (isArray && listType === "set" && items) validateSetItems(items, child(path, "items"), errors);
    const known = ["atomic", "set", "map"];
    if (!known.includes(listType)) errors.push(notSupported(child(path, "x-kubernetes-list-type"), listType, known));
  }
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  if (keys.length > 0 && listType !== "map") {
    const field = child(path, "x-kubernetes-list-type");
    const detail = "must be map if x-kubernetes-list-map-keys is non-empty";
    errors.push(listType === undefined ? required(field, detail) : invalid(field, listType, detail));
  }
  if (listType === "map") validateListMap(keys, schema, items, path, errors);
  if ((listType === "map" || listType === "set") && items?.nullable) {
    const detail = `cannot be nullable when x-kubernetes-list-type is ${listType}`;
    errors.push(forbidden(child(path, "items", "nullable"), detail));
  }
  if (listType === "map" && items) validateMapKeyProperties(keys, items, child(path, "items"), errors);
}

function mustHaveType(
  { type }: JSONSchemaProps,
  wanted: string,
  keyword: string,
  path: string,
  errors: FieldError[],
): boolean {
  if (type === wanted) return true;
  const detail = `must be ${wanted} if ${keyword} is specified`;
  errors.push(type ? invalid(child(path, "type"), type, detail) : required(child(path, "type"), detail));
  return false;
}

/** Items of a set are compared whole, so nothing may own a part of one. */
function validateSetItems(items: JSONSchemaProps, path: string, errors: FieldError[]): void {
  const detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
  const listType = items["x-kubernetes-list-type"];
  if (items.type === "array" && listType !== undefined && listType !== "atomic") {
    errors.push(invalid(child(path, "x-kubernetes-list-type"), listType, detail));
  }
  if (items.type === "object" && items["x-kubernetes-map-type"] !== "atomic") {
    errors.push(invalid(child(path, "x-kubernetes-map-type"), listType ?? null, detail));
  }
}

function validateListMap(
  keys: readonly string[],
  schema: JSONSchemaProps,
  items: JSONSchemaProps | undefined,
  path: string,
  errors: FieldError[],
): void {
  const field = child(path, "x-kubernetes-list-map-keys");
  if (keys.length === 0) errors.push(required(field, "must not be empty if x-kubernetes-list-type is map"));
  if (schema.items === undefined) {
    errors.push(required(child(path, "items"), "must have a schema if x-kubernetes-list-type is map"));
  }
  if (!items) return;
  if (items.type !== "object") {
    const detail = "must be object if parent array's x-kubernetes-list-type is map";
    errors.push(invalid(child(path, "items", "type"), items.type ?? "", detail));
    return;
  }
  for (const [index, key] of keys.entries()) {
    const property = items.properties?.[key];
    if (!property) errors.push(invalid(field, keys, "entries must all be names of item properties"));
    else if (property.type === "array" || property.type === "object") {
      const detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
      errors.push(invalid(child(at(child(path, "items", "properties"), key), "type"), items.type, detail));
    }
    if (keys.indexOf(key) < index) errors.push(invalid(field, keys, "must not contain duplicate entries"));
  }
}

function validateMapKeyProperties(
  keys: readonly string[],
  items: JSONSchemaProps,
  path: string,
  errors: FieldError[],
): void {
  for (const key of keys) {
    const property = items.properties?.[key];
    if (!property) continue;
    const field = at(child(path, "properties"), key);
    const why = "this property is in x-kubernetes-list-map-keys, so it";
    if (!items.required?.includes(key) && property.default === undefined) {
      errors.push(required(child(field, "default"), `${why} must have a default or be a required property`));
    }
    if (property.nullable) errors.push(forbidden(child(field, "nullable"), `${why} cannot be nullable`));
  }
}

const hasLineBreak = (text: string) => /[\n\r]/.test(text);

function validateRule(rule: ValidationRule, schema: JSONSchemaProps, path: string, errors: FieldError[]): void {
  const { rule: expression = "", message = "", messageExpression = "", reason, fieldPath = "" } = rule;
  const trimmed = message.trim();
  if (expression.trim() === "") errors.push(required(child(path, "rule"), "rule is not specified"));
  else if (message !== "" && trimmed === "") {
    errors.push(invalid(child(path, "message"), message, "must be non-empty if specified"));
  } else if (hasLineBreak(trimmed)) {
    errors.push(invalid(child(path, "message"), message, "must not contain line breaks"));
  } else if (hasLineBreak(expression.trim()) && trimmed === "") {
    errors.push(required(child(path, "message"), "message must be specified if rule contains line breaks"));
  }
  if (messageExpression !== "" && messageExpression.trim() === "") {
    const detail = "messageExpression must be non-empty if specified";
    errors.push(required(child(path, "messageExpression"), detail));
  }
  if (reason != null && !REASONS.includes(reason)) errors.push(notSupported(child(path, "reason"), reason, REASONS));
  if (fieldPath !== "" && fieldPath.trim() === "") {
    errors.push(invalid(child(path, "fieldPath"), fieldPath, "must be non-empty if specified"));
  }
  if (hasLineBreak(fieldPath)) {
    errors.push(invalid(child(path, "fieldPath"), fieldPath, "must not contain line breaks"));
  }
  if (fieldPath !== "" && !isRulePath(fieldPath, schema)) {
    errors.push(invalid(child(path, "fieldPath"), fieldPath, "must be a valid path"));
  }
}

function isRulePath(fieldPath: string, schema: JSONSchemaProps): boolean {
  try {
    followRulePath(fieldPath, schema);
    return true;
  } catch (error) {
    if (error instanceof RulePathError) return false;
    throw error;
  }
}
