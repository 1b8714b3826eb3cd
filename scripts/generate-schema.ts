/**
 * Makes src/api/schema/definitions.json and resources.json from a folder of Kubernetes API facts and from go-types.json
 * beside this file: `node scripts/generate-schema.ts FOLDER`. The output is committed; src/api/schema/schema.ts reads it.
 *
 * go-types.json holds what the API document does not say: the names of Go's named scalar types, which appear in error
 * messages, and the serialisation flags of kube-aggregator's types; go-field-order.json the order of the fields in Go's
 * structs where it is not that of the protobuf numbers (both found by reflection over the v0.36.3 modules);
 * zero-defaults.json the stated defaults that are zero values, which the facts leave out.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Schema {
  type?: string;
  format?: string;
  $ref?: string;
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  required?: string[];
  "x-kubernetes-group-version-kind"?: { group: string; version: string; kind: string }[];
  "x-kubernetes-list-type"?: string;
  "x-kubernetes-list-map-keys"?: string[];
  "x-kubernetes-map-type"?: string;
  "x-kubernetes-patch-strategy"?: string;
  "x-kubernetes-patch-merge-key"?: string;
  "x-kubernetes-unions"?: unknown;
}
interface Operation {
  "x-kubernetes-action"?: string;
  "x-kubernetes-group-version-kind": { group: string; version: string; kind: string };
  responses: { "200": { schema: { $ref: string } } };
}
interface GoField {
  type?: string;
  ptr?: 1;
  oe?: 1;
  oz?: 1;
}
interface Flags extends GoField {
  /** The embedded structs on the way to the field. */
  within?: string;
}
interface ProtoField extends GoField {
  /** The number. */
  n: number;
  t: string;
  inline?: 1;
}
interface Facts {
  enum?: string[];
  items?: boolean;
  default?: unknown;
}

const source = process.argv[2];
if (!source) {
  console.error("usage: node scripts/generate-schema.ts FOLDER");
  process.exit(2);
}
const read = (path: string) => JSON.parse(readFileSync(path, "utf8"));
const definitions: Record<string, Schema> = read(join(source, "openapi-v2.json")).definitions;
const messages: Record<string, Record<string, ProtoField>> = read(join(source, "protobuf.json"));
const facts: Record<string, Record<string, Facts>> = read(join(source, "enums-defaults.json"));
const goTypes: Record<string, Record<string, GoField>> = read(join(import.meta.dirname, "go-types.json"));
const zeroDefaults: Record<string, Record<string, unknown>> = read(join(import.meta.dirname, "zero-defaults.json"));
const goFieldOrder: Record<string, string> = read(join(import.meta.dirname, "go-field-order.json"));

/** One letter per leaf type; the meanings are in schema.ts. */
const LEAVES: Record<string, string> = {
  "io.k8s.apimachinery.pkg.api.resource.Quantity": "q",
  "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "f",
  "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "u",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "t",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Patch": "r",
  "io.k8s.apimachinery.pkg.runtime.RawExtension": "r",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "o",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "j",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray": "A",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": "B",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray": "C",
};

/** `io.k8s.api.core.v1.Pod` → package `core.v1`, name `Pod`. */
function split(definition: string): { id: string; package: string; prefix: string } {
  const parts = definition.split(".");
  const name = parts.pop()!;
  const short = parts.slice(-2).join(".");
  return { id: `${short}.${name}`, package: short, prefix: parts.join(".") };
}

function typeCode(schema: Schema): string {
  if (schema.$ref) {
    const target = schema.$ref.slice("#/definitions/".length);
    return LEAVES[target] ?? `#${split(target).id}`;
  }
  switch (schema.type) {
    case "array":
      return `[${typeCode(schema.items!)}`;
    case "object":
      return `{${typeCode(schema.additionalProperties!)}`;
    case "integer":
      return schema.format === "int64" ? "l" : "i";
    case "number":
      return "d";
    case "boolean":
      return "b";
    case "string":
      return schema.format === "byte" ? "y" : "s";
    default:
      throw new Error(`unexpected schema ${JSON.stringify(schema)}`);
  }
}

/** The Go type that the error messages of schema.ts would assume. */
function assumedGoType(schema: Schema): string {
  if (schema.$ref) return schema.$ref.split("/").pop()!.split(".").slice(-2).join(".");
  if (schema.type === "array") return `[]${assumedGoType(schema.items!)}`;
  if (schema.type === "object") return `map[string]${assumedGoType(schema.additionalProperties!)}`;
  if (schema.format === "byte") return "[]uint8";
  return { integer: schema.format!, boolean: "bool", number: "float64" }[schema.type!] ?? "string";
}

/** The serialisation flags of a definition's fields, those of inlined messages included. */
function flagsOf(definition: string): Record<string, Flags> {
  const merged: Record<string, Flags> = { ...goTypes[definition] };
  const visit = (message: string, within: string[]) => {
    for (const [name, field] of Object.entries(messages[message] ?? {})) {
      if (field.inline) visit(field.t, [...within, field.t.split(".").pop()!]);
      else merged[name] = { ...field, type: merged[name]?.type, within: within.join(".") };
    }
  };
  visit(messageOf(definition), []);
  return merged;
}

function messageOf(definition: string): string {
  return definition.replace(/^io\.k8s\./, "k8s.io.").replace("apiextensions-apiserver", "apiextensions_apiserver");
}

/** The properties of a definition in the order of Go's struct, in which JSON is written. */
function inGoOrder(definition: string, properties: Record<string, Schema>): [string, Schema][] {
  const byNumber = (message: string): string[] =>
    Object.entries(messages[message] ?? {})
      .sort(([, a], [, b]) => a.n - b.n)
      .flatMap(([name, field]) => (field.inline ? byNumber(field.t) : [name]));
  const known = goFieldOrder[definition]?.split(" ") ?? byNumber(messageOf(definition));
  // The type of an object comes first, and has no number.
  const rank = (name: string) => known.indexOf(name) - (known.includes(name) || name !== "kind" ? 0 : 1);
  return Object.entries(properties).sort(([a], [b]) => rank(a) - rank(b));
}

function fieldCode(definition: string, name: string, schema: Schema, required: boolean, flags: Flags): string {
  let code = typeCode(schema);
  if (required) code = `!${code}`;
  if (flags.ptr) code = `*${code}`;
  if (flags.oz) code = `0${code}`;
  else if (!flags.oe) code = `-${code}`;
  const hints: string[] = [];
  const listType = schema["x-kubernetes-list-type"];
  if (listType === "map") hints.push(`m:${schema["x-kubernetes-list-map-keys"]!.join(",")}`);
  else if (listType) hints.push(listType === "set" ? "S" : "A");
  const mapType = schema["x-kubernetes-map-type"];
  if (mapType) hints.push(mapType === "atomic" ? "a" : "g");
  const { "x-kubernetes-patch-strategy": strategy, "x-kubernetes-patch-merge-key": key } = schema;
  if (strategy || key) hints.push(`p:${strategy ?? ""}:${key ?? ""}`);
  const fact = facts[definition]?.[name];
  if (fact?.enum) hints.push(`${fact.items ? "E" : "e"}:${fact.enum.join("|")}`);
  const fallback = fact?.default ?? zeroDefaults[definition]?.[name];
  if (fallback !== undefined) hints.push(`d:${JSON.stringify(fallback)}`);
  if (flags.type && flags.type !== assumedGoType(schema)) hints.push(`G:${flags.type}`);
  if (flags.within) hints.push(`I:${flags.within}`);
  if (hints.some((hint) => /;| & /.test(hint))) throw new Error(`a separator in a hint of ${definition}.${name}`);
  return [code, ...hints].join(";");
}

const packages: Record<string, string> = {};
const structs: Record<string, string> = {};
const kinds: Record<string, string> = {};
const unions: Record<string, unknown> = {};
const everyGroupVersion: string[] = [];
for (const [definition, schema] of Object.entries(definitions)) {
  if (LEAVES[definition]) continue;
  const { id, package: packageName, prefix } = split(definition);
  if (packages[packageName] && packages[packageName] !== prefix) throw new Error(`two packages called ${packageName}`);
  packages[packageName] = prefix;
  const flags = flagsOf(definition);
  const struct = [schema["x-kubernetes-map-type"] === "atomic" ? "a" : ""];
  for (const [name, property] of inGoOrder(definition, schema.properties ?? {})) {
    const required = schema.required?.includes(name) ?? false;
    // The type of an object is inlined, and has no message of its own.
    const flag = flags[name] ?? (name === "apiVersion" || name === "kind" ? { oe: 1 } : {});
    struct.push(`${name}=${fieldCode(definition, name, property, required, flag)}`);
  }
  structs[id] = struct.join(" & ");
  if (schema["x-kubernetes-unions"]) unions[id] = schema["x-kubernetes-unions"];
  const gvks = schema["x-kubernetes-group-version-kind"] ?? [];
  if (gvks.length > 1) everyGroupVersion.push(id);
  else for (const { group, version, kind } of gvks) kinds[`${group}/${version}/${kind}`] = id;
}

/** One entry per line, so that changes read well. */
const lines = (object: Record<string, unknown>) =>
  `{\n${Object.entries(object)
    .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
    .join(",\n")}\n}`;
const output = join(import.meta.dirname, "../src/api/schema");
const write = (name: string, tables: Record<string, string>) =>
  writeFileSync(
    join(output, name),
    `{\n${Object.entries(tables)
      .map(([key, text]) => `${JSON.stringify(key)}:${text}`)
      .join(",\n")}\n}\n`,
  );
write("definitions.json", {
  packages: lines(packages),
  everyGroupVersion: JSON.stringify(everyGroupVersion),
  kinds: lines(kinds),
  unions: lines(unions),
  structs: lines(structs),
});

const { groups, resources }: { groups: unknown[]; resources: Record<string, unknown>[] } = read(
  join(source, "resources.json"),
);
/** What a deletion answers, the deleted object or a Status, is told only by the paths. */
for (const item of Object.values(read(join(source, "openapi-v2.json")).paths) as Record<string, Operation>[]) {
  const operation = item.delete;
  if (operation?.["x-kubernetes-action"] !== "delete") continue;
  const { group, version, kind } = operation["x-kubernetes-group-version-kind"];
  if (operation.responses["200"].schema.$ref.endsWith(".meta.v1.Status")) continue;
  const resource = resources.find((one) => one.group === group && one.version === version && one.kind === kind);
  resource!.returnsDeleted = true;
}
const list = (items: unknown[]) => `[\n${items.map((item) => JSON.stringify(item)).join(",\n")}\n]`;
write("resources.json", { groups: list(groups), resources: list(resources) });
console.log(
  `${Object.keys(structs).length} structs, ${Object.keys(kinds).length} kinds, ${resources.length} resources`,
);
