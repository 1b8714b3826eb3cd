/**
 * The types of the Kubernetes API as data: for each kind its fields, and for each field what decoding, patching,
 * server-side apply and the OpenAPI documents must know. The table (definitions.json, made by
 * scripts/generate-schema.ts) holds one short text per struct; a struct's fields are read from it when first asked for.
 * Custom resources bring types of their own, in the same shape.
 */
import table from "./definitions.json" with { type: "json" };

export type Type = StructType | ListType | MapType | ScalarType | OpaqueType;

/** An object with known fields. */
export interface StructType {
  readonly kind: "struct";
  /** `core.v1.PodSpec`; empty for the anonymous types of custom resources. */
  readonly name: string;
  readonly fields: ReadonlyMap<string, Field>;
  /** Applied and owned as one value (`x-kubernetes-map-type: atomic`). */
  readonly atomic: boolean;
  /** Keeps unknown fields (custom resources only). */
  readonly preservesUnknown?: boolean;
}
/** A list. Without a list type, and in server-side apply, "atomic" is the rule. */
export interface ListType {
  readonly kind: "list";
  readonly items: Type;
  readonly listType: "atomic" | "set" | "map" | undefined;
  /** The fields that tell the items of a "map" list apart. */
  readonly keys: readonly string[];
  /** Stated by the schema of a custom resource; bounds the cost of its expressions. */
  readonly maxItems?: number;
}
/** An object whose keys are data. */
export interface MapType {
  readonly kind: "map";
  readonly values: Type;
  readonly atomic: boolean;
  /** Stated to be none of one value, which is the rule anyway. */
  readonly granular?: true;
  /** As maxItems of a list. */
  readonly maxProperties?: number;
}
export type Scalar =
  | "string"
  | "boolean"
  | "int32"
  | "int64"
  | "double"
  /** Base64. */
  | "bytes"
  /** RFC 3339, whole seconds. */
  | "time"
  /** RFC 3339, six decimals. */
  | "microTime"
  | "quantity"
  | "intOrString";
export interface ScalarType {
  readonly kind: "scalar";
  readonly scalar: Scalar;
  /** The format of a custom resource's string; expressions see date, date-time, duration and byte as such. */
  readonly format?: string;
  /** In characters, of a custom resource's string or its longest enum value; bounds the cost of its expressions. */
  readonly maxLength?: number;
}
/** Any JSON; what may stand there in detail says `form`. */
export interface OpaqueType {
  readonly kind: "opaque";
  readonly form:
    | "json"
    /** An object, usually one with a kind of its own (RawExtension). */
    | "object"
    /** The field set of a managed fields entry. */
    | "fields"
    /** The three unions in the schemas of CustomResourceDefinitions. */
    | "schemaOrArray"
    | "schemaOrBool"
    | "schemaOrStrings";
}

export interface Field {
  readonly name: string;
  readonly type: Type;
  /** Formally required in the OpenAPI document. */
  readonly required: boolean;
  /** A pointer in Go: zero and absent differ. */
  readonly pointer: boolean;
  /** Which values upstream leaves out when it writes: none, empty ones (a struct never is), or zero structs too. */
  readonly omit: "never" | "empty" | "zero";
  /** `merge`, `retainKeys` or both, separated by a comma; empty: replace. */
  readonly patchStrategy: string;
  readonly patchMergeKey: string;
  readonly enum: readonly string[] | undefined;
  /** The list type of bytes, which Go has as a list. */
  readonly bytesListType?: ListType["listType"];
  /** Whether the values of `enum` are those of the items. */
  readonly enumOfItems: boolean;
  /** The default stated in the schema; most defaults are set by code. */
  readonly default: unknown;
  /** The type as Go prints it in messages: `v1.RestartPolicy`, `[]v1.Container`. */
  readonly goType: string;
  /** The name in Go's messages: that of the embedded struct before it, where there is one (`VolumeSource.secret`). */
  readonly goName: string;
}

const structTexts: Readonly<Record<string, string>> = table.structs;
const kinds: Readonly<Record<string, string>> = table.kinds;
const packages: Readonly<Record<string, string>> = table.packages;
const unions: Readonly<Record<string, unknown>> = table.unions;
const EVERYWHERE = new Map(table.everyGroupVersion.map((id) => [id.slice(id.lastIndexOf(".") + 1), id]));

const structs = new Map<string, StructType>();

/** The type of a kind; undefined where it is not built in. DeleteOptions and WatchEvent are known in every version. */
export function schemaOf(gvk: { group: string; version: string; kind: string }): StructType | undefined {
  const key = `${gvk.group}/${gvk.version}/${gvk.kind}`;
  const id = Object.hasOwn(kinds, key) ? kinds[key] : EVERYWHERE.get(gvk.kind);
  return id === undefined ? undefined : struct(id);
}

/** A struct by its short name, such as `core.v1.PodSpec`. Throws a RangeError where there is none. */
export function struct(id: string): StructType {
  const known = structs.get(id);
  if (known) return known;
  const text = Object.hasOwn(structTexts, id) ? structTexts[id] : undefined;
  if (text === undefined) throw new RangeError(`no type ${id}`);
  const made = new TableStruct(id, text);
  structs.set(id, made);
  return made;
}

/** The short names of all structs, sorted. */
export const structNames = (): string[] => Object.keys(structTexts);

/** The whole table as a text: what is made from it has changed only where this has. */
export const schemaText = (): string => JSON.stringify(structTexts);

/** The full name of a struct in OpenAPI documents: `io.k8s.api.core.v1.PodSpec`. */
export function openApiName(id: string): string {
  const dot = id.lastIndexOf(".");
  const prefix = packages[id.slice(0, dot)];
  if (prefix === undefined) throw new RangeError(`no type ${id}`);
  return prefix + id.slice(dot);
}

/** The `x-kubernetes-unions` of a struct. */
export const unionsOf = (id: string): unknown => unions[id];

/** The kinds a struct stands for; undefined for those that are known in every group version. */
export function kindsOf(id: string): { group: string; version: string; kind: string }[] | undefined {
  if ([...EVERYWHERE.values()].includes(id)) return undefined;
  kindIndex ??= Map.groupBy(Object.entries(kinds), ([, target]) => target);
  return (kindIndex.get(id) ?? []).map(([key]) => {
    const [group, version, kind] = key.split("/") as [string, string, string];
    return { group, version, kind };
  });
}
let kindIndex: Map<string, [string, string][]> | undefined;

/** How Go prints a type in messages. */
export function goTypeOf(type: Type): string {
  switch (type.kind) {
    case "struct":
      return type.name.slice(type.name.indexOf(".") + 1);
    case "list":
      return `[]${goTypeOf(type.items)}`;
    case "map":
      return `map[string]${goTypeOf(type.values)}`;
    case "scalar":
      return GO_SCALARS[type.scalar];
    case "opaque":
      return GO_OPAQUE[type.form];
  }
}
const GO_SCALARS: Record<Scalar, string> = {
  string: "string",
  boolean: "bool",
  int32: "int32",
  int64: "int64",
  double: "float64",
  bytes: "[]uint8",
  time: "v1.Time",
  microTime: "v1.MicroTime",
  quantity: "resource.Quantity",
  intOrString: "intstr.IntOrString",
};
const GO_OPAQUE: Record<OpaqueType["form"], string> = {
  json: "v1.JSON",
  object: "runtime.RawExtension",
  fields: "v1.FieldsV1",
  schemaOrArray: "v1.JSONSchemaPropsOrArray",
  schemaOrBool: "v1.JSONSchemaPropsOrBool",
  schemaOrStrings: "v1.JSONSchemaPropsOrStringArray",
};

const scalar = (name: Scalar): ScalarType => ({ kind: "scalar", scalar: name });
const opaque = (form: OpaqueType["form"]): OpaqueType => ({ kind: "opaque", form });
/** The letters of the table (scripts/generate-schema.ts). */
const LEAVES: Readonly<Record<string, Type>> = {
  s: scalar("string"),
  b: scalar("boolean"),
  i: scalar("int32"),
  l: scalar("int64"),
  d: scalar("double"),
  y: scalar("bytes"),
  t: scalar("time"),
  u: scalar("microTime"),
  q: scalar("quantity"),
  o: scalar("intOrString"),
  j: opaque("json"),
  r: opaque("object"),
  f: opaque("fields"),
  A: opaque("schemaOrArray"),
  B: opaque("schemaOrBool"),
  C: opaque("schemaOrStrings"),
};

class TableStruct implements StructType {
  readonly kind = "struct";
  readonly name: string;
  readonly atomic: boolean;
  #text: string | undefined;
  #fields: ReadonlyMap<string, Field> | undefined;

  constructor(name: string, text: string) {
    this.name = name;
    this.atomic = text.startsWith("a");
    this.#text = text;
  }

  get fields(): ReadonlyMap<string, Field> {
    if (this.#fields) return this.#fields;
    const fields = new Map<string, Field>();
    for (const part of this.#text!.split(" & ").slice(1)) {
      const equals = part.indexOf("=");
      const name = part.slice(0, equals);
      fields.set(name, parseField(name, part.slice(equals + 1)));
    }
    this.#fields = fields;
    this.#text = undefined;
    return fields;
  }
}

/** Flags, the type's code, then hints: `-![#core.v1.Container;m:name;p:merge:name`. */
function parseField(name: string, text: string): Field {
  const [code, ...hints] = text.split(";") as [string, ...string[]];
  const [, omit, pointer, required, typeCode] = /^([-0]?)(\*?)(!?)(.*)$/.exec(code) as unknown as string[];
  let listType: ListType["listType"];
  let keys: readonly string[] = [];
  let atomic: boolean | undefined;
  let patch: string[] = [];
  let values: string[] | undefined;
  let enumOfItems = false;
  let fallback: unknown;
  let goType: string | undefined;
  let goName = name;
  for (const hint of hints) {
    const rest = hint.slice(2);
    if (hint === "A") listType = "atomic";
    else if (hint === "S") listType = "set";
    else if (hint === "a") atomic = true;
    else if (hint === "g") atomic = false;
    else if (hint.startsWith("m:")) [listType, keys] = ["map", rest.split(",")];
    else if (hint.startsWith("p:")) patch = rest.split(":");
    else if (hint.startsWith("d:")) fallback = JSON.parse(rest);
    else if (hint.startsWith("G:")) goType = rest;
    else if (hint.startsWith("I:")) goName = `${rest}.${name}`;
    else [values, enumOfItems] = [rest.split("|"), hint.startsWith("E")];
  }
  let type = parseType(typeCode!);
  if (type.kind === "list") type = { ...type, listType, keys };
  else if (type.kind === "map" && atomic !== undefined)
    type = atomic ? { ...type, atomic } : { ...type, atomic, granular: true };
  else if (type.kind === "struct" && atomic !== undefined && atomic !== type.atomic) {
    type = withAtomicity(type, atomic);
  }
  return {
    name,
    type,
    required: required !== "",
    pointer: pointer !== "",
    omit: omit === "-" ? "never" : omit === "0" ? "zero" : "empty",
    patchStrategy: patch[0] ?? "",
    patchMergeKey: patch[1] ?? "",
    enum: values,
    ...(type.kind === "scalar" && listType ? { bytesListType: listType } : {}),
    enumOfItems,
    default: fallback,
    goType: goType ?? goTypeOf(type),
    goName,
  };
}

function parseType(code: string): Type {
  switch (code[0]) {
    case "#":
      return struct(code.slice(1));
    case "[":
      return { kind: "list", items: parseType(code.slice(1)), listType: undefined, keys: [] };
    case "{":
      return { kind: "map", values: parseType(code.slice(1)), atomic: false };
    default: {
      const leaf = LEAVES[code];
      if (!leaf) throw new RangeError(`no type code ${code}`);
      return leaf;
    }
  }
}

/** The same struct where a field says otherwise about its atomicity. */
function withAtomicity(type: StructType, atomic: boolean): StructType {
  return {
    kind: "struct",
    name: type.name,
    atomic,
    get fields() {
      return type.fields;
    },
  };
}
