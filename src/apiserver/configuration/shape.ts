import { decodeValue } from "../../api/codec/decode.ts";
import { DecodeError } from "../../api/codec/normalize.ts";
import { apiVersionOf, type UnknownObject } from "../../api/object.ts";
import type { FieldError } from "../../api/resource-definition.ts";
import {
  type Field,
  goTypeOf,
  type ListType,
  type MapType,
  type StructType,
  type Type,
} from "../../api/schema/schema.ts";
import { StatusError } from "../../api/status-error.ts";

/**
 * Configuration files as upstream has them: YAML or JSON with an apiVersion and a kind, read strictly (a field that is
 * not known, or written twice, is refused). Their kinds are described here by shapes, in the types of the API's schema.
 */

export const text: Type = { kind: "scalar", scalar: "string" };
export const flag: Type = { kind: "scalar", scalar: "boolean" };
export const integer: Type = { kind: "scalar", scalar: "int32" };
export const anyObject: Type = { kind: "opaque", form: "object" };
export const listOf = (items: Type): ListType => ({ kind: "list", items, listType: undefined, keys: [] });
export const mapOf = (values: Type): MapType => ({ kind: "map", values, atomic: false });

/** A struct; `name` is what Go's messages call it. Zero and absent values differ. */
export function record(name: string, fields: Readonly<Record<string, Type>>): StructType {
  const described = Object.entries(fields).map(([field, type]): [string, Field] => [
    field,
    {
      name: field,
      type,
      required: false,
      pointer: true,
      omit: "empty",
      patchStrategy: "",
      patchMergeKey: "",
      enum: undefined,
      enumOfItems: false,
      default: undefined,
      goType: goTypeOf(type),
      goName: field,
    },
  ]);
  return { kind: "struct", name: `config.${name}`, fields: new Map(described), atomic: false };
}

/** A kind of configuration file, with the versions in which it may be written. */
export interface ConfigurationKind {
  readonly group: string;
  readonly versions: readonly string[];
  readonly kind: string;
  readonly fields: Readonly<Record<string, Type>>;
}

/**
 * The object in `content`, with its version. Throws an Error in upstream's words where the text is not YAML, is of
 * another kind, or has fields that are wrong, unknown or repeated.
 */
export async function readConfiguration<T>(
  content: string,
  { group, versions, kind, fields }: ConfigurationKind,
): Promise<{ version: string; configuration: T }> {
  const { parseYaml } = await import("../../api/codec/yaml.ts");
  const { value, repeated } = parseYaml(content);
  const given = (typeof value === "object" && value !== null ? value : {}) as UnknownObject;
  if (!given.kind) throw new Error(`Object 'Kind' is missing in '${content.trim()}'`);
  if (!given.apiVersion) throw new Error(`Object 'apiVersion' is missing in '${content.trim()}'`);
  const version = versions.find((candidate) => given.apiVersion === apiVersionOf({ group, version: candidate }));
  if (version === undefined || given.kind !== kind) {
    throw new Error(
      `no kind ${JSON.stringify(given.kind)} is registered for version ${JSON.stringify(given.apiVersion)}: expected ${kind} of ${versions.map((one) => apiVersionOf({ group, version: one })).join(" or ")}`,
    );
  }
  const schema = record(kind, { apiVersion: text, kind: text, ...fields });
  try {
    const { object, strictErrors } = decodeValue(value, { group, version, kind, schema }, { strict: true });
    const problems = [...repeated, ...strictErrors];
    if (problems.length > 0) throw new Error(`strict decoding error: ${problems.join(", ")}`);
    return { version, configuration: object as T };
  } catch (error) {
    if (error instanceof DecodeError || error instanceof StatusError) throw new Error(error.message);
    throw error;
  }
}

/** The problems of a configuration as one Error, as upstream joins them; undefined where there are none. */
export function problemsError(problems: readonly FieldError[]): Error | undefined {
  if (problems.length === 0) return undefined;
  const lines = problems.map(({ field, message }) => (field ? `${field}: ${message}` : message));
  return new Error(lines.length === 1 ? lines[0] : `[${lines.join(", ")}]`);
}
