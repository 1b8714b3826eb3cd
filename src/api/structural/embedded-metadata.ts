import { DecodeError, normalize } from "../codec/normalize.ts";
import { checkServiceName } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import { at, child, invalid, required } from "../resources/field-errors.ts";
import { validateObjectMeta } from "../resources/object-meta.ts";
import { struct } from "../schema/schema.ts";
import type { ObjectMeta } from "../types/meta.v1.ts";
import {
  hasAdditional,
  isEmbedded,
  isJsonObject,
  itemsOf,
  type Json,
  propertyOf,
  type Schema,
  valuesOf,
} from "./structural.ts";

/** A resource's metadata, or something else of fixed form, is not what it must be; worded as upstream does. */
export class CoercionError extends DecodeError {}

export interface CoerceOptions {
  /** Drops fields of the wrong type, as when old objects are read, instead of refusing them. */
  readonly lenient: boolean;
  /** Gets the paths of unknown fields. */
  readonly unknown?: string[];
}

/** The metadata of an object in the form in which upstream writes it. Throws DecodeError. */
export function coerceMetadata(metadata: unknown, path: string, { lenient, unknown }: CoerceOptions): ObjectMeta {
  const type = struct("meta.v1.ObjectMeta");
  const read = (value: unknown): Json => {
    if (!isJsonObject(value)) {
      const found = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
      throw new DecodeError(
        `json: cannot unmarshal ${found === "boolean" ? "bool" : found} into Go value of type v1.ObjectMeta`,
      );
    }
    const { value: normal, strictErrors } = normalize(value, type, { strict: unknown !== undefined });
    for (const text of strictErrors) {
      const quoted = text.slice(text.indexOf('"'));
      unknown?.push(`${child(path, "metadata")}.${JSON.parse(quoted)}`);
    }
    return normal;
  };
  if (metadata === null) return {};
  try {
    return read(metadata) as ObjectMeta;
  } catch (error) {
    if (!(error instanceof DecodeError) || !lenient || !isJsonObject(metadata)) throw error;
  }
  const kept: Json = {};
  for (const [key, value] of Object.entries(metadata)) {
    try {
      Object.assign(kept, read({ [key]: value }));
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }
  return kept as ObjectMeta;
}

/** Brings, in place, apiVersion, kind and metadata of embedded resources into form. Throws CoercionError. */
export function coerceEmbedded(value: unknown, schema: Schema | undefined, options: CoerceOptions, path = ""): void {
  if (!schema || typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    value.forEach((item, index) => {
      coerceEmbedded(item, items, options, at(path, index));
    });
    return;
  }
  const object = value as Json;
  const embedded = isEmbedded(schema);
  for (const key of Object.keys(object)) {
    if (embedded && (key === "apiVersion" || key === "kind")) {
      if (typeof object[key] !== "string") {
        if (!options.lenient) throw refused(invalid(child(path, key), object[key], "must be a string"));
        delete object[key];
        continue;
      }
    } else if (embedded && key === "metadata") {
      try {
        const { creationTimestamp, ...metadata } = coerceMetadata(object[key], path, options);
        object[key] = creationTimestamp ? { ...metadata, creationTimestamp } : metadata;
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        if (!options.lenient) throw refused(invalid(child(path, key), object[key], error.message));
      }
    }
    const property = propertyOf(schema, key);
    if (property) coerceEmbedded(object[key], property, options, child(path, key));
    else if (hasAdditional(schema)) coerceEmbedded(object[key], valuesOf(schema), options, at(path, key));
  }
}

const refused = ({ field, message }: FieldError) => new CoercionError(`${field}: ${message}`);

/** What is wrong with embedded resources: they have an apiVersion and a kind, and valid metadata if any. */
export function validateEmbedded(value: unknown, schema: Schema | undefined, errors: FieldError[], path = ""): void {
  if (!schema || typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    value.forEach((item, index) => {
      validateEmbedded(item, items, errors, at(path, index));
    });
    return;
  }
  const object = value as Json;
  if (isEmbedded(schema)) validateResource(object, path, errors);
  for (const key of Object.keys(object)) {
    const property = propertyOf(schema, key);
    if (property) validateEmbedded(object[key], property, errors, child(path, key));
    else if (hasAdditional(schema)) validateEmbedded(object[key], valuesOf(schema), errors, at(path, key));
  }
}

function validateResource(object: Json, path: string, errors: FieldError[]): void {
  for (const key of ["apiVersion", "kind"] as const) {
    const field = child(path, key);
    const value = object[key];
    if (!Object.hasOwn(object, key)) errors.push(required(field));
    else if (typeof value !== "string") errors.push(invalid(field, value, "must be a string"));
    else if (value === "") errors.push(invalid(field, value, "must not be empty"));
    else if (key === "apiVersion") {
      if (value.split("/").length > 2) errors.push(invalid(field, value, `unexpected GroupVersion string: ${value}`));
    } else {
      const problems = checkServiceName(value.toLowerCase());
      if (problems.length > 0) {
        const detail = `may have mixed case, but should otherwise match: ${problems.join(",")}`;
        errors.push(invalid(field, value, detail));
      }
    }
  }
  if (!Object.hasOwn(object, "metadata")) return;
  const field = child(path, "metadata");
  try {
    const metadata = { ...coerceMetadata(object["metadata"], path, { lenient: false }) };
    metadata.name ||= "fakename";
    const rules = { namespaced: Boolean(metadata.namespace), nameFormat: "path-segment" } as const;
    errors.push(...validateObjectMeta(metadata, rules, field));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    errors.push(invalid(field, object["metadata"], error.message));
  }
}
