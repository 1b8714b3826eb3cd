/** The types of custom resources, made from their schemas, in the shape that the built-in ones have. */
import { type Field, type StructType, struct, type Type } from "../schema/schema.ts";
import { isIntOrString, itemsOf, preservesUnknown, RESOURCE_FIELDS, type Schema, valuesOf } from "./structural.ts";

const types = new WeakMap<Schema, StructType>();

/** The type of a whole custom object, as server-side apply and the bookkeeping of field owners see it. */
export function objectType(schema: Schema): StructType {
  let made = types.get(schema);
  if (!made) {
    made = new SchemaStruct(schema, true);
    types.set(schema, made);
  }
  return made;
}

const TEXT: Type = { kind: "scalar", scalar: "string" };
const ANYTHING: Type = { kind: "opaque", form: "json" };

class SchemaStruct implements StructType {
  readonly kind = "struct";
  readonly name = "";
  readonly atomic: boolean;
  readonly preservesUnknown?: boolean;
  readonly #schema: Schema;
  readonly #isResource: boolean;
  #fields: ReadonlyMap<string, Field> | undefined;

  constructor(schema: Schema, isResource: boolean) {
    this.#schema = schema;
    this.#isResource = isResource;
    this.atomic = schema["x-kubernetes-map-type"] === "atomic";
    if (preservesUnknown(schema)) this.preservesUnknown = true;
  }

  /** Read from the schema when somebody asks: most schemas are larger than what is used of them. */
  get fields(): ReadonlyMap<string, Field> {
    if (this.#fields) return this.#fields;
    const fields = new Map<string, Field>();
    const required = new Set(this.#schema.required);
    if (this.#isResource) {
      for (const name of ["apiVersion", "kind"]) fields.set(name, field(name, TEXT, false));
      fields.set("metadata", field("metadata", struct("meta.v1.ObjectMeta"), false));
    }
    for (const [name, property] of Object.entries(this.#schema.properties ?? {})) {
      if (this.#isResource && RESOURCE_FIELDS.has(name)) continue;
      fields.set(name, field(name, typeOf(property), required.has(name), property.default));
    }
    this.#fields = fields;
    return fields;
  }
}

function typeOf(schema: Schema): Type {
  if (isIntOrString(schema)) return { kind: "scalar", scalar: "intOrString" };
  switch (schema.type) {
    case "object": {
      const values = valuesOf(schema);
      const atomic = schema["x-kubernetes-map-type"] === "atomic";
      if (values) return { kind: "map", values: typeOf(values), atomic };
      return new SchemaStruct(schema, schema["x-kubernetes-embedded-resource"] === true);
    }
    case "array": {
      const items = itemsOf(schema);
      const listType = schema["x-kubernetes-list-type"] as "atomic" | "set" | "map" | undefined;
      const keys = schema["x-kubernetes-list-map-keys"] ?? [];
      return { kind: "list", items: items ? typeOf(items) : ANYTHING, listType, keys };
    }
    case "string":
      return TEXT;
    case "boolean":
      return { kind: "scalar", scalar: "boolean" };
    case "integer":
      return { kind: "scalar", scalar: "int64" };
    case "number":
      return { kind: "scalar", scalar: "double" };
    default:
      return ANYTHING;
  }
}

/** Custom objects have only the fields that were written: nothing is filled in or left out by type. */
export function field(name: string, type: Type, required: boolean, fallback?: unknown): Field {
  return {
    name,
    type,
    required,
    pointer: true,
    omit: "empty",
    patchStrategy: "",
    patchMergeKey: "",
    enum: undefined,
    enumOfItems: false,
    default: fallback,
    goType: "",
    goName: name,
  };
}
