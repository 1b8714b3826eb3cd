/** The definitions of both OpenAPI versions, written from the schema tables. */
import { type Field, kindsOf, openApiName, schemaOf, struct, type Type, unionsOf } from "../../api/schema/schema.ts";
import type { CustomSchemas } from "../../api/schema/served-resources.ts";
import { type CommonMembers, customName, listDefinition, objectDefinition } from "./custom-schemas.ts";
import { Descriptions } from "./descriptions.ts";
import type { GroupVersionKind } from "./operations.ts";

export type JsonSchema = Record<string, unknown>;

/** What differs between the two versions of the format. */
export interface Dialect {
  readonly version: 2 | 3;
  /** `#/definitions/`, `#/components/schemas/`. */
  readonly root: string;
}
export const V2: Dialect = { version: 2, root: "#/definitions/" };
export const V3: Dialect = { version: 3, root: "#/components/schemas/" };

const META = "io.k8s.apimachinery.pkg.apis.meta.v1";
const EXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1";
export const PATCH_NAME = `${META}.Patch`;

/** The definitions that are no structs, by their name. */
const LEAVES: Readonly<Record<string, (dialect: Dialect) => JsonSchema>> = {
  [`${META}.Time`]: () => ({ type: "string", format: "date-time" }),
  [`${META}.MicroTime`]: () => ({ type: "string", format: "date-time" }),
  [`${META}.FieldsV1`]: () => ({ type: "object" }),
  [PATCH_NAME]: () => ({ type: "object" }),
  "io.k8s.apimachinery.pkg.runtime.RawExtension": () => ({ type: "object" }),
  "io.k8s.apimachinery.pkg.api.resource.Quantity": ({ version }) =>
    version === 2 ? { type: "string" } : { oneOf: [{ type: "string" }, { type: "number" }] },
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": ({ version }) =>
    version === 2
      ? { type: "string", format: "int-or-string" }
      : { format: "int-or-string", oneOf: [{ type: "integer" }, { type: "string" }] },
  [`${EXTENSIONS}.JSON`]: () => ({}),
  [`${EXTENSIONS}.JSONSchemaPropsOrArray`]: () => ({}),
  [`${EXTENSIONS}.JSONSchemaPropsOrBool`]: () => ({}),
  [`${EXTENSIONS}.JSONSchemaPropsOrStringArray`]: () => ({}),
};
const LEAF_NAMES: Readonly<Record<string, string>> = {
  time: `${META}.Time`,
  microTime: `${META}.MicroTime`,
  quantity: "io.k8s.apimachinery.pkg.api.resource.Quantity",
  intOrString: "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
  json: `${EXTENSIONS}.JSON`,
  object: "io.k8s.apimachinery.pkg.runtime.RawExtension",
  fields: `${META}.FieldsV1`,
  schemaOrArray: `${EXTENSIONS}.JSONSchemaPropsOrArray`,
  schemaOrBool: `${EXTENSIONS}.JSONSchemaPropsOrBool`,
  schemaOrStrings: `${EXTENSIONS}.JSONSchemaPropsOrStringArray`,
};

const gvkKey = ({ group, version, kind }: GroupVersionKind) => `${group}/${version}/${kind}`;

/** Collects definitions: each one that is referred to, and what that refers to. */
export class Definitions {
  readonly #dialect: Dialect;
  readonly #descriptions: Descriptions;
  /** The group versions in which the kinds are known that all of them know. */
  readonly #groupVersions: readonly { group: string; version: string }[];
  readonly #found = new Map<string, JsonSchema>();
  /** Of custom resources, by the kinds of their objects and lists. */
  readonly #custom = new Map<string, CustomSchemas>();

  constructor(
    dialect: Dialect,
    groupVersions: readonly { group: string; version: string }[],
    descriptions = new Descriptions(),
  ) {
    this.#dialect = dialect;
    this.#descriptions = descriptions;
    this.#groupVersions = groupVersions;
  }

  /** Takes in the kinds of a custom resource. */
  know(custom: CustomSchemas): void {
    this.#custom.set(gvkKey(custom), custom);
    this.#custom.set(gvkKey({ ...custom, kind: custom.listKind }), custom);
  }

  /** A reference to a kind's definition. Throws a RangeError for a kind without one. */
  refToKind(kind: GroupVersionKind): JsonSchema {
    const custom = this.#custom.get(gvkKey(kind));
    if (custom) return this.#refToCustom(custom, kind.kind);
    // What discovery and `/version` answer is not registered as a kind.
    const type = schemaOf(kind) ?? struct(`${kind.kind === "Info" ? "pkg.version" : "meta.v1"}.${kind.kind}`);
    return this.#refToStruct(type.name);
  }

  #refToCustom(custom: CustomSchemas, kind: string): JsonSchema {
    const name = customName(custom, kind);
    const ref = { $ref: this.#dialect.root + name };
    if (this.#found.has(name)) return ref;
    const status = struct("meta.v1.Status");
    const metadata = (type: string) => {
      const description = "Standard object's metadata.";
      const reference = this.#refToStruct(type);
      return this.#dialect.version === 3 ? wrapped({ ...reference, description }) : { ...reference, description };
    };
    const common: CommonMembers = {
      dialect: this.#dialect,
      metadata: () => metadata("meta.v1.ObjectMeta"),
      listMetadata: () => metadata("meta.v1.ListMeta"),
      apiVersion: () => this.#field(status.fields.get("apiVersion")!, "meta.v1.Status"),
      kind: () => this.#field(status.fields.get("kind")!, "meta.v1.Status"),
    };
    if (kind === custom.kind) this.#found.set(name, objectDefinition(custom, common));
    else this.#found.set(name, listDefinition(custom, this.#refToCustom(custom, custom.kind), common));
    return ref;
  }

  refToLeaf(name: string): JsonSchema {
    if (!this.#found.has(name)) {
      this.#found.set(name, { ...described(this.#descriptions.ofDefinition(name)), ...LEAVES[name]!(this.#dialect) });
    }
    return { $ref: this.#dialect.root + name };
  }

  /** All that was referred to, in the order of the names. */
  all(): Record<string, JsonSchema> {
    return Object.fromEntries([...this.#found].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #refToStruct(id: string): JsonSchema {
    const name = openApiName(id);
    if (!this.#found.has(name)) {
      const definition: JsonSchema = {};
      // Before its fields are looked at: they may lead back here.
      this.#found.set(name, definition);
      Object.assign(definition, this.#definition(id));
    }
    return { $ref: this.#dialect.root + name };
  }

  #definition(id: string): JsonSchema {
    const type = struct(id);
    const definition: JsonSchema = { ...described(this.#descriptions.ofDefinition(openApiName(id))), type: "object" };
    const fields = [...type.fields.values()];
    if (fields.length > 0) {
      const sorted = fields.toSorted((a, b) => (a.name < b.name ? -1 : 1));
      definition.properties = Object.fromEntries(sorted.map((field) => [field.name, this.#field(field, id)]));
    }
    const required = fields.filter((field) => field.required).map((field) => field.name);
    if (required.length > 0) definition.required = required;
    const kinds =
      kindsOf(id) ?? this.#groupVersions.map((each) => ({ ...each, kind: id.slice(id.lastIndexOf(".") + 1) }));
    if (kinds.length > 0) definition["x-kubernetes-group-version-kind"] = kinds;
    if (type.atomic) definition["x-kubernetes-map-type"] = "atomic";
    const unions = unionsOf(id);
    if (unions) definition["x-kubernetes-unions"] = unions;
    return definition;
  }

  #field(field: Field, owner: string): JsonSchema {
    const { type } = field;
    const schema: JsonSchema = { ...described(this.#descriptions.ofField(owner, field.name)), ...this.#type(type) };
    const isV3 = this.#dialect.version === 3;
    if (isV3) {
      const fallback = field.default ?? defaultOf(field);
      if (fallback !== undefined) schema.default = fallback;
    }
    if (field.enum) {
      const target = field.enumOfItems ? (schema.items as JsonSchema) : schema;
      target.enum = field.enum;
    }
    if (type.kind === "list" && type.listType) {
      if (type.keys.length > 0) schema["x-kubernetes-list-map-keys"] = type.keys;
      schema["x-kubernetes-list-type"] = type.listType;
    }
    if (field.bytesListType) schema["x-kubernetes-list-type"] = field.bytesListType;
    if (type.kind === "map" && type.atomic) schema["x-kubernetes-map-type"] = "atomic";
    else if (type.kind === "map" && type.granular) schema["x-kubernetes-map-type"] = "granular";
    if (type.kind === "struct" && type.atomic !== struct(type.name).atomic) {
      schema["x-kubernetes-map-type"] = type.atomic ? "atomic" : "granular";
    }
    if (field.patchMergeKey) schema["x-kubernetes-patch-merge-key"] = field.patchMergeKey;
    if (field.patchStrategy) schema["x-kubernetes-patch-strategy"] = field.patchStrategy;
    // A reference with something beside it has to be wrapped in OpenAPI 3.
    // Upstream describes all but a few fields: what stands alone for want of texts here does not there.
    const alone = Object.keys(schema).length === 1 && this.#descriptions.covers(openApiName(owner));
    if (isV3 && "$ref" in schema && !alone) return wrapped(schema);
    return schema;
  }

  #type(type: Type): JsonSchema {
    switch (type.kind) {
      case "struct":
        return this.#refToStruct(type.name);
      case "list":
        return { type: "array", items: this.#element(type.items) };
      case "map":
        return { type: "object", additionalProperties: this.#element(type.values) };
      case "opaque":
        return this.refToLeaf(LEAF_NAMES[type.form]!);
      case "scalar": {
        const leaf = LEAF_NAMES[type.scalar];
        return leaf ? this.refToLeaf(leaf) : { ...SCALARS[type.scalar] };
      }
    }
  }

  /** An item of a list or a value of a map: upstream states a default for each that is not a pointer. */
  #element(type: Type): JsonSchema {
    const schema = this.#type(type);
    if (this.#dialect.version === 2) return schema;
    if (type.kind === "struct") return wrapped({ ...schema, default: {} });
    const zero = type.kind === "scalar" ? ZEROS[type.scalar] : undefined;
    return zero === undefined ? schema : { ...schema, default: zero };
  }
}

const described = (description: string): JsonSchema => (description === "" ? {} : { description });

function wrapped({ $ref, ...rest }: JsonSchema): JsonSchema {
  return { allOf: [{ $ref }], ...rest };
}

function defaultOf({ type, pointer, omit }: Field): unknown {
  if (pointer) return undefined;
  if (type.kind === "struct") return {};
  return type.kind === "scalar" && omit === "never" ? ZEROS[type.scalar] : undefined;
}

const ZEROS: Readonly<Record<string, unknown>> = { string: "", boolean: false, int32: 0, int64: 0, double: 0 };
const SCALARS: Readonly<Record<string, JsonSchema>> = {
  string: { type: "string" },
  boolean: { type: "boolean" },
  int32: { type: "integer", format: "int32" },
  int64: { type: "integer", format: "int64" },
  double: { type: "number", format: "double" },
  bytes: { type: "string", format: "byte" },
};
