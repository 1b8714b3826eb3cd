import type { CustomResourceDefinition, JSONSchemaProps } from "../../types/apiextensions.v1.ts";
import { goQuote } from "../field-errors.ts";

/** Formats of strings that are looked at; others are taken, and mean nothing. Written without their dashes. */
const STRINGS = new Set(
  "bsonobjectid uri email hostname ipv4 ipv6 cidr mac uuid uuid3 uuid4 uuid5 isbn isbn10 isbn13 creditcard ssn hexcolor rgbcolor byte password date duration datetime k8sshortname k8slongname".split(
    " ",
  ),
);
const NUMBERS: Readonly<Record<string, readonly string[]>> = {
  integer: ["int32", "int64"],
  number: ["float", "double"],
};

/** What to tell of formats that mean nothing and were not there before. */
export function formatWarnings(definition: CustomResourceDefinition, old?: CustomResourceDefinition): string[] {
  const known = new Set(old ? unknownFormats(old) : []);
  return unknownFormats(definition)
    .filter((format) => !known.has(format))
    .map((format) => `unrecognized format ${goQuote(format)}`);
}

function unknownFormats({ spec }: CustomResourceDefinition): string[] {
  const found: string[] = [];
  for (const { schema } of spec.versions ?? []) visit(schema?.openAPIV3Schema, found);
  return found;
}

function visit(schema: unknown, found: string[]): void {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return;
  const {
    type = "",
    format,
    items,
    properties,
    additionalProperties,
    not,
    allOf,
    anyOf,
    oneOf,
  } = schema as JSONSchemaProps;
  if (format) {
    const isString = type === "" || type === "string";
    const known = isString ? STRINGS.has(format.replaceAll("-", "")) : (NUMBERS[type]?.includes(format) ?? false);
    if (!known) found.push(format);
  }
  for (const inner of [items, additionalProperties, not, ...(allOf ?? []), ...(anyOf ?? []), ...(oneOf ?? [])]) {
    visit(inner, found);
  }
  for (const property of Object.values(properties ?? {})) visit(property, found);
}
