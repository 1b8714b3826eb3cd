/** The types that validation rules see: as upstream declares structural schemas to CEL. */
import type { Field, StructType, Type } from "../schema/schema.ts";
import { formatOf } from "./formats.ts";
import { field } from "./schema-type.ts";
import { isEmbedded, isIntOrString, itemsOf, type Schema, valuesOf } from "./structural.ts";

const known = new WeakMap<Schema, { plain?: Type | null; resource?: Type | null }>();

/**
 * The type of a schema's values; undefined where rules don't see them. A resource also has apiVersion, kind,
 * metadata.name and metadata.generateName, specified or not. Fields that are kept unknown are not seen.
 */
export function ruleType(schema: Schema, isResource: boolean): Type | undefined {
  let types = known.get(schema);
  if (!types) {
    types = {};
    known.set(schema, types);
  }
  const key = isResource ? "resource" : "plain";
  types[key] ??= declare(schema, isResource) ?? null;
  return types[key] ?? undefined;
}

function declare(schema: Schema, isResource: boolean): Type | undefined {
  const { type, maxLength, maxItems, maxProperties } = schema;
  if (isIntOrString(schema))
    return { kind: "scalar", scalar: "intOrString", ...(maxLength === undefined ? {} : { maxLength }) };
  switch (type) {
    case "array": {
      const items = itemsOf(schema);
      const itemType = items && ruleType(items, isEmbedded(items));
      if (!itemType) return undefined;
      const listType = schema["x-kubernetes-list-type"] as "atomic" | "set" | "map" | undefined;
      const keys = schema["x-kubernetes-list-map-keys"] ?? [];
      return { kind: "list", items: itemType, listType, keys, ...(maxItems === undefined ? {} : { maxItems }) };
    }
    case "object": {
      const values = isResource ? undefined : valuesOf(schema);
      if (!values) return new RuleStruct(schema, isResource);
      const valueType = ruleType(values, isEmbedded(values));
      if (!valueType) return undefined;
      return {
        kind: "map",
        values: valueType,
        atomic: false,
        ...(maxProperties === undefined ? {} : { maxProperties }),
      };
    }
    case "string": {
      const format = formatOf(schema);
      const longest = maxLength ?? longestOf(schema.enum);
      return {
        kind: "scalar",
        scalar: "string",
        ...(format === "" ? {} : { format }),
        ...(longest === undefined ? {} : { maxLength: longest }),
      };
    }
    case "boolean":
      return { kind: "scalar", scalar: "boolean" };
    case "integer":
      return { kind: "scalar", scalar: "int64" };
    case "number":
      return { kind: "scalar", scalar: "double" };
    default:
      return undefined;
  }
}

/** The length of the longest text that is allowed; undefined where nothing says so. */
function longestOf(values: readonly unknown[] | undefined): number | undefined {
  if (!values?.length) return undefined;
  return Math.max(0, ...values.map((value) => (typeof value === "string" ? Buffer.byteLength(value) : 0)));
}

const TEXT: Type = { kind: "scalar", scalar: "string" };

class RuleStruct implements StructType {
  readonly kind = "struct";
  readonly name = "";
  readonly atomic = false;
  readonly #schema: Schema;
  readonly #isResource: boolean;
  #fields: ReadonlyMap<string, Field> | undefined;

  constructor(schema: Schema, isResource: boolean) {
    this.#schema = schema;
    this.#isResource = isResource;
  }

  get fields(): ReadonlyMap<string, Field> {
    if (this.#fields) return this.#fields;
    const fields = new Map<string, Field>();
    const required = new Set(this.#schema.required);
    for (const [name, property] of Object.entries(this.#schema.properties ?? {})) {
      const type = ruleType(property, isEmbedded(property));
      if (type) fields.set(name, field(name, type, required.has(name), property.default));
    }
    if (this.#isResource) {
      for (const name of ["apiVersion", "kind"]) fields.set(name, field(name, TEXT, required.has(name)));
      fields.set("metadata", field("metadata", RESOURCE_METADATA, required.has("metadata")));
    }
    this.#fields = fields;
    return fields;
  }
}

const RESOURCE_METADATA: StructType = {
  kind: "struct",
  name: "",
  atomic: false,
  fields: new Map(["name", "generateName"].map((name) => [name, field(name, TEXT, false)])),
};

/** How many bytes a value of this type takes at least, as JSON: what bounds how many there can be in one object. */
export function leastSize(type: Type): number {
  switch (type.kind) {
    case "struct": {
      let size = 2;
      for (const { name, type: inner, required, default: fallback } of type.fields.values()) {
        if (required && fallback === undefined) size += name.length + leastSize(inner) + 4;
      }
      return size;
    }
    case "list":
    case "map":
      return 2;
    case "opaque":
      return 1;
    case "scalar":
      switch (type.scalar) {
        case "boolean":
          return 4;
        case "string":
          return LEAST_TEXT[type.format ?? ""] ?? 2;
        default:
          return 1;
      }
  }
}

const LEAST_TEXT: Readonly<Record<string, number>> = { duration: 3, date: 12, "date-time": 21 };
