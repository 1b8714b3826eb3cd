/** The definitions of custom resources in the OpenAPI documents, from the schemas that they were defined by. */
import type { CustomSchemas } from "../../api/schema/served-resources.ts";
import type { Dialect, JsonSchema } from "./schemas.ts";

/** What the definitions have in common with the built-in ones: references, and the members that each object has. */
export interface CommonMembers {
  readonly dialect: Dialect;
  metadata(): JsonSchema;
  listMetadata(): JsonSchema;
  apiVersion(): JsonSchema;
  kind(): JsonSchema;
}

/** `com.example.v1.Widget`: as upstream, the group comes with its last part first. */
export function customName({ group, version }: { group: string; version: string }, kind: string): string {
  return `${group.split(".").reverse().join(".")}.${version}.${kind}`;
}

/** The definition of the objects. */
export function objectDefinition(custom: CustomSchemas, common: CommonMembers): JsonSchema {
  const { group, version, kind } = custom;
  const given = custom.schema();
  const isV2 = common.dialect.version === 2;
  const extensions: JsonSchema = { "x-kubernetes-group-version-kind": [{ group, version, kind }] };
  if (custom.selectableFields.length > 0) {
    extensions["x-kubernetes-selectable-fields"] = custom.selectableFields.map((fieldPath) => ({ fieldPath }));
  }
  // Clients would take a closed set of fields for all there is.
  const isOpen =
    !given || (isV2 && (given["x-kubernetes-preserve-unknown-fields"] === true || custom.preservesUnknown));
  if (isOpen) return { type: "object", ...extensions };
  const schema = withEmbedded(isV2 ? forV2(given) : given, common);
  const properties = { ...(schema["properties"] as JsonSchema) };
  properties["apiVersion"] = common.apiVersion();
  properties["kind"] = common.kind();
  properties["metadata"] = common.metadata();
  return { ...schema, properties: sorted(properties), ...extensions };
}

/** The definition of lists of them. */
export function listDefinition(custom: CustomSchemas, itemRef: JsonSchema, common: CommonMembers): JsonSchema {
  const { group, version, kind, listKind, plural } = custom;
  const description = `List of ${plural}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md`;
  return {
    description: `${listKind} is a list of ${kind}`,
    type: "object",
    required: ["items"],
    properties: {
      apiVersion: common.apiVersion(),
      items: { description, type: "array", items: itemRef },
      kind: common.kind(),
      metadata: common.listMetadata(),
    },
    "x-kubernetes-group-version-kind": [{ group, version, kind: listKind }],
  };
}

const sorted = (members: JsonSchema): JsonSchema =>
  Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)));

const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Applies `change` to a schema and to all that are specified within it; those in connectives stay as they are. */
function mapped(schema: JsonSchema, change: (schema: JsonSchema) => JsonSchema): JsonSchema {
  const result = { ...change(schema) };
  if (isSchema(result["properties"])) {
    result["properties"] = Object.fromEntries(
      Object.entries(result["properties"]).map(([name, one]) => [name, mapped(one as JsonSchema, change)]),
    );
  }
  for (const key of ["items", "additionalProperties"]) {
    if (isSchema(result[key])) result[key] = mapped(result[key], change);
  }
  return result;
}

/** What OpenAPI v2, and what kubectl makes of it, has no words for is left out. */
function forV2(schema: JsonSchema): JsonSchema {
  return mapped(schema, (given) => {
    const { allOf: _a, oneOf: _b, anyOf: _c, not: _d, nullable, ...one } = given;
    const preserves = one["x-kubernetes-preserve-unknown-fields"] === true;
    if (nullable) delete one["type"];
    if (nullable || preserves) {
      delete one["items"];
      delete one["properties"];
    }
    if ((one["type"] === "array" && !one["items"]) || (preserves && one["type"] === "object")) delete one["type"];
    const properties = isSchema(one["properties"]) ? one["properties"] : {};
    const mayBeNull = (name: string) => (properties[name] as JsonSchema | undefined)?.["nullable"] === true;
    const required = (one["required"] as string[] | undefined)?.filter((name) => !mayBeNull(name));
    const valuesMayBeNull = isSchema(one["additionalProperties"]) && one["additionalProperties"]["nullable"] === true;
    if (required?.length && !valuesMayBeNull) one["required"] = required;
    else delete one["required"];
    return one;
  });
}

/** Embedded resources have the members that each resource has. */
function withEmbedded(schema: JsonSchema, common: CommonMembers): JsonSchema {
  return mapped(schema, (one) => {
    if (one["x-kubernetes-embedded-resource"] !== true) return one;
    if (one["x-kubernetes-preserve-unknown-fields"] === true && common.dialect.version === 2) return one;
    const required = [...((one["required"] as string[] | undefined) ?? [])];
    for (const name of ["kind", "apiVersion"]) if (!required.includes(name)) required.push(name);
    const properties = {
      ...(one["properties"] as JsonSchema | undefined),
      apiVersion: common.apiVersion(),
      kind: common.kind(),
      metadata: common.metadata(),
    };
    return { ...one, properties, required };
  });
}
