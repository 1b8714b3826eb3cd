import { jsonEqual } from "../../json-equal.ts";
import type { FieldError } from "../../resource-definition.ts";
import { compilePattern, PatternError } from "../../structural/patterns.ts";
import type { JSONSchemaProps } from "../../types/apiextensions.v1.ts";
import { at, child, forbidden, invalid, required } from "../field-errors.ts";

type Level = "root" | "items" | "field";

const EMPTY_TYPE: Readonly<Record<Level, string>> = {
  root: "must not be empty at the root",
  items: "must not be empty for specified array items",
  field: "must not be empty for specified object fields",
};

/** The one combination of types that is allowed: in anyOf, or in anyOf of the first allOf. */
const INT_OR_STRING = [{ type: "integer" }, { type: "string" }];

/**
 * Whether a schema is structural (KEP-1002): every field has its type outside of logical connectives, and what stands
 * within them only restricts values of fields that are specified outside. What is found is sorted by its text.
 */
export function validateStructure(schema: JSONSchemaProps, path: string, errors: FieldError[]): void {
  const found: FieldError[] = [];
  validateSpecified(schema, "root", path, found);
  validateCompleteness(schema, schema, false, path, path, found);
  const text = ({ field, message }: FieldError) => `${field}: ${message}`;
  errors.push(...found.sort((a, b) => (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0)));
}

function validateSpecified(schema: JSONSchemaProps, level: Level, path: string, errors: FieldError[]): void {
  const { type, properties = {}, additionalProperties } = schema;
  const items = asSchema(schema.items);
  const embedded = schema["x-kubernetes-embedded-resource"] === true;
  const preserve = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const intOrString = schema["x-kubernetes-int-or-string"] === true;
  if (type === "array" && !items) errors.push(required(child(path, "items"), "must be specified"));
  if (items) validateSpecified(items, "items", child(path, "items"), errors);
  for (const [name, property] of Object.entries(properties)) {
    validateSpecified(property, "field", at(child(path, "properties"), name), errors);
  }
  if (additionalProperties !== undefined) {
    const field = child(path, "additionalProperties");
    if (level === "root") errors.push(forbidden(field, "must not be used at the root"));
    const values = asSchema(additionalProperties);
    if (values) validateSpecified(values, "field", field, errors);
    if (embedded) errors.push(forbidden(field, "must not be used if x-kubernetes-embedded-resource is set"));
  }
  const notWithIntOrString = "must be false if x-kubernetes-int-or-string is true";
  if (intOrString && preserve) {
    errors.push(invalid(child(path, "x-kubernetes-preserve-unknown-fields"), true, notWithIntOrString));
  }
  if (intOrString && embedded) {
    errors.push(invalid(child(path, "x-kubernetes-embedded-resource"), true, notWithIntOrString));
  }
  const skipAnyOf = jsonEqual(schema.anyOf, INT_OR_STRING);
  validateConnectives(schema, skipAnyOf, jsonEqual(schema.allOf?.[0]?.anyOf, INT_OR_STRING), path, errors);

  const field = child(path, "type");
  if (embedded && type !== "object") {
    const detail = "must be object if x-kubernetes-embedded-resource is true";
    errors.push(type ? invalid(field, type, detail) : required(field, detail));
  } else if (!type && !intOrString && !preserve) errors.push(required(field, EMPTY_TYPE[level]));
  if (level === "root" && type && type !== "object") errors.push(invalid(field, type, "must be object at the root"));
  if (level === "root" || embedded) validateResourceFields(properties, path, errors);
  if (level === "root" && properties["metadata"] && restrictsMetadata(properties["metadata"])) {
    const detail = "must not specify anything other than name and generateName, but metadata is implicitly specified";
    errors.push(forbidden(at(child(path, "properties"), "metadata"), detail));
  }
  if (embedded && !preserve && Object.keys(properties).length === 0) {
    const detail =
      "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
    errors.push(required(child(path, "properties"), detail));
  }
}

/** The fields that every resource has, where a schema names them. */
function validateResourceFields(
  properties: Readonly<Record<string, JSONSchemaProps>>,
  path: string,
  errors: FieldError[],
): void {
  for (const [name, wanted] of [
    ["kind", "string"],
    ["apiVersion", "string"],
    ["metadata", "object"],
  ] as const) {
    const property = properties[name];
    if (!property || property.type === wanted) continue;
    const field = child(at(child(path, "properties"), name), "type");
    errors.push(invalid(field, property.type ?? "", `must be ${wanted}`));
  }
}

function restrictsMetadata({ type: _type, default: _default, properties = {}, ...rest }: JSONSchemaProps): boolean {
  const others = Object.keys(properties).filter((name) => name !== "name" && name !== "generateName");
  return others.length > 0 || Object.keys(rest).length > 0;
}

function validateConnectives(
  schema: JSONSchemaProps,
  skipAnyOf: boolean,
  skipFirstAllOf: boolean,
  path: string,
  errors: FieldError[],
): void {
  if (!skipAnyOf) {
    for (const [index, one] of (schema.anyOf ?? []).entries()) {
      validateNested(one, false, at(child(path, "anyOf"), index), errors);
    }
  }
  for (const [index, one] of (schema.allOf ?? []).entries()) {
    validateNested(one, skipFirstAllOf && index === 0, at(child(path, "allOf"), index), errors);
  }
  for (const [index, one] of (schema.oneOf ?? []).entries()) {
    validateNested(one, false, at(child(path, "oneOf"), index), errors);
  }
  if (schema.not) validateNested(schema.not, false, child(path, "not"), errors);
  const problem = schema.pattern ? patternProblem(schema.pattern) : undefined;
  if (problem === undefined) return;
  const detail = `must be a valid regular expression, but isn't: ${problem}`;
  errors.push(invalid(child(path, "pattern"), schema.pattern, detail));
}

function patternProblem(pattern: string): string | undefined {
  try {
    compilePattern(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}

/** What must not stand within a connective, and what upstream says of it. */
const OUTSIDE_ONLY: readonly (readonly [name: keyof JSONSchemaProps, detail: string])[] = [
  ["type", "must be empty to be structural"],
  ["additionalProperties", "must be undefined to be structural"],
  ["default", "must be undefined to be structural"],
  ["title", "must be empty to be structural"],
  ["description", "must be empty to be structural"],
  ["nullable", "must be false to be structural"],
  ["x-kubernetes-preserve-unknown-fields", "must be false to be structural"],
  ["x-kubernetes-embedded-resource", "must be false to be structural"],
  ["x-kubernetes-int-or-string", "must be false to be structural"],
  ["x-kubernetes-list-map-keys", "must be empty to be structural"],
  ["x-kubernetes-list-type", "must be undefined to be structural"],
  ["x-kubernetes-map-type", "must be undefined to be structural"],
  ["x-kubernetes-validations", "must be empty to be structural"],
];

function validateNested(schema: JSONSchemaProps, skipAnyOf: boolean, path: string, errors: FieldError[]): void {
  validateConnectives(schema, skipAnyOf, false, path, errors);
  const items = asSchema(schema.items);
  if (items) validateNested(items, false, child(path, "items"), errors);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    validateNested(property, false, at(child(path, "properties"), name), errors);
  }
  for (const [name, detail] of OUTSIDE_ONLY) {
    const value = schema[name];
    const absent =
      value === undefined || value === "" || value === false || (Array.isArray(value) && value.length === 0);
    if (!absent || (name === "additionalProperties" && value !== undefined)) {
      errors.push(forbidden(child(path, name), detail));
    }
  }
  if (schema.properties?.["metadata"]) {
    const field = at(child(path, "properties"), "metadata");
    errors.push(forbidden(field, "must not be specified in a nested context"));
  }
}

/** Everything that a connective speaks of is specified outside as well. `nested`: `value` itself is in a connective. */
function validateCompleteness(
  value: JSONSchemaProps,
  specified: JSONSchemaProps | undefined,
  nested: boolean,
  path: string,
  valuePath: string,
  errors: FieldError[],
): void {
  if (!specified) {
    errors.push(required(path, `because it is defined in ${valuePath}`));
    return;
  }
  if (value.not) validateCompleteness(value.not, specified, true, path, child(valuePath, "not"), errors);
  for (const name of ["allOf", "anyOf", "oneOf"] as const) {
    for (const [index, one] of (value[name] ?? []).entries()) {
      validateCompleteness(one, specified, true, path, at(child(valuePath, name), index), errors);
    }
  }
  if (!nested) return;
  const items = asSchema(value.items);
  if (items) {
    const outside = asSchema(specified.items);
    validateCompleteness(items, outside, true, child(path, "items"), child(valuePath, "items"), errors);
  }
  for (const [name, property] of Object.entries(value.properties ?? {})) {
    const outside = specified.properties?.[name];
    const [field, from] = [path, valuePath].map((parent) => at(child(parent, "properties"), name)) as [string, string];
    validateCompleteness(property, outside, true, field, from, errors);
  }
}

/** A keyword's value where it is a schema, and not a boolean or a list of them. */
function asSchema(value: unknown): JSONSchemaProps | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JSONSchemaProps) : undefined;
}
