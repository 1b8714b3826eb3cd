/**
 * Structural schemas (KEP-1002): what a CustomResourceDefinition says of its objects. They are worked with as they are
 * written, as JSON; these are the few questions that everybody asks of them.
 */
import type { JSONSchemaProps } from "../types/apiextensions.v1.ts";

export type Schema = JSONSchemaProps;

export type Json = Record<string, unknown>;

/** A JSON object; not null, and no list. */
export const isJsonObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The schema of a list's items. */
export function itemsOf(schema: Schema | undefined): Schema | undefined {
  return isJsonObject(schema?.items) ? (schema.items as Schema) : undefined;
}

/** The schema of the values of a map: `additionalProperties`, where that is more than true or false. */
export function valuesOf(schema: Schema | undefined): Schema | undefined {
  const values = schema?.additionalProperties;
  return isJsonObject(values) ? (values as Schema) : undefined;
}

/** Whether fields beside the specified ones are taken at all: `additionalProperties`, unless it is false. */
export const hasAdditional = ({ additionalProperties }: Schema): boolean =>
  additionalProperties !== undefined && additionalProperties !== false;

/** The schema of a named field. */
export function propertyOf(schema: Schema | undefined, name: string): Schema | undefined {
  const { properties } = schema ?? {};
  return properties && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

export const preservesUnknown = (schema: Schema): boolean => schema["x-kubernetes-preserve-unknown-fields"] === true;
export const isEmbedded = (schema: Schema): boolean => schema["x-kubernetes-embedded-resource"] === true;
export const isIntOrString = (schema: Schema): boolean => schema["x-kubernetes-int-or-string"] === true;

/** What each resource has, specified or not. */
export const RESOURCE_FIELDS: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata"]);

/** The schema of a whole object: it is a resource, whether it says so or not. */
export function asResource(schema: Schema | undefined): Schema {
  return { ...schema, "x-kubernetes-embedded-resource": true };
}
