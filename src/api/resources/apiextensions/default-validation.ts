/** Defaults have to be what the schema itself lets pass. */
import { cloneJson } from "../../../base/clone.ts";
import { DecodeError } from "../../codec/normalize.ts";
import { jsonEqual } from "../../json-equal.ts";
import type { FieldError } from "../../resource-definition.ts";
import { surround } from "../../structural/defaults.ts";
import { coerceEmbedded, validateEmbedded } from "../../structural/embedded-metadata.ts";
import { prune } from "../../structural/prune.ts";
import { RuleValidator } from "../../structural/rules.ts";
import {
  asResource,
  isEmbedded,
  itemsOf,
  type Json,
  RESOURCE_FIELDS,
  type Schema,
} from "../../structural/structural.ts";
import { validateValue } from "../../structural/value-validation.ts";
import { at, child, invalid } from "../field-errors.ts";

interface Place {
  /** The schema of the resource (the object, or one embedded in it) that this is in. */
  readonly resource: Schema;
  /** The way from there. */
  readonly steps: readonly string[];
  /** Within apiVersion, kind or metadata of that resource. */
  readonly inMetadata: boolean;
}

/** Whether a schema has any default. */
export function hasDefaults(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.some(hasDefaults);
  if (typeof schema !== "object" || schema === null) return false;
  return Object.entries(schema).some(([key, value]) => {
    if (key === "default") return value !== null;
    return key !== "enum" && key !== "x-kubernetes-validations" && hasDefaults(value);
  });
}

/** Checks all defaults. Needs the libraries of patterns and rules, where the schema has such. */
export function validateDefaults(schema: Schema, path: string, errors: FieldError[]): void {
  visit(schema, path, { resource: asResource(schema), steps: [], inMetadata: false }, true, errors);
}

function visit(schema: Schema, path: string, place: Place, isRoot: boolean, errors: FieldError[]): void {
  const own: Place = !isRoot && isEmbedded(schema) ? { resource: schema, steps: [], inMetadata: false } : place;
  if (schema.default !== undefined && schema.default !== null) validateDefault(schema, path, own, errors);
  const items = itemsOf(schema);
  if (items) visit(items, child(path, "items"), { ...own, steps: [...own.steps, "#"] }, false, errors);
  const isResource = isRoot || isEmbedded(schema);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const inMetadata = own.inMetadata || (isResource && RESOURCE_FIELDS.has(name));
    const inside = { ...own, steps: [...own.steps, name], inMetadata };
    visit(property, at(child(path, "properties"), name), inside, false, errors);
  }
}

function validateDefault(schema: Schema, path: string, place: Place, errors: FieldError[]): void {
  const field = child(path, "default");
  const value: unknown = cloneJson(schema.default);
  if (place.inMetadata) {
    const problem = metadataProblem(value, place);
    if (problem !== undefined) {
      errors.push(invalid(field, schema.default, `must result in valid metadata: ${problem}`));
      return;
    }
  } else {
    const own = isEmbedded(schema) ? asResource(schema) : schema;
    const pruned: unknown = cloneJson(schema.default);
    prune(pruned, own);
    if (!jsonEqual(pruned, value)) errors.push(invalid(field, schema.default, "must not have unknown fields"));
    const found: FieldError[] = [];
    try {
      coerceEmbedded(value, own, { lenient: false }, field);
      validateEmbedded(value, own, found, field);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      errors.push(invalid(field, schema.default, error.message));
      return;
    }
    if (found.length > 0) {
      errors.push(...found);
      return;
    }
  }
  const found = validateValue(schema.default, schema, { path: field });
  if (found.length > 0) {
    errors.push(...found);
    return;
  }
  const rules = new RuleValidator(schema, false);
  if (!rules.hasRules) return;
  const changed = rules.validate(schema.default, schema.default, { path: field }).errors;
  errors.push(...(changed.length > 0 ? changed : rules.validate(schema.default, undefined, { path: field }).errors));
}

/** Why a resource with this default in its metadata is none. */
function metadataProblem(value: unknown, { resource, steps }: Place): string | undefined {
  const [object] = surround(value, steps);
  const whole: Json = { apiVersion: "validation/v1", kind: "Validation", ...object };
  const schema = asResource(resource);
  const errors: FieldError[] = [];
  try {
    coerceEmbedded(whole, schema, { lenient: false });
    validateEmbedded(whole, schema, errors);
  } catch (error) {
    if (error instanceof DecodeError) return error.message;
    throw error;
  }
  const texts = errors.map((one) => `${one.field}: ${one.message}`);
  return texts.length < 2 ? texts[0] : `[${texts.join(", ")}]`;
}
