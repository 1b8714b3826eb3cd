/**
 * Makes src/api/types/*.ts (an interface per definition) and src/api/resource-types.ts (a constant per resource) from a
 * folder of Kubernetes API facts: `node scripts/generate-types.ts FOLDER`. The output is committed.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
}
interface Resource {
  group: string;
  version: string;
  ga: boolean;
  kind: string;
  plural: string;
  namespaced: boolean;
  verbs: string[];
}

const source = process.argv[2];
if (!source) {
  console.error("usage: node scripts/generate-types.ts FOLDER");
  process.exit(2);
}
const read = (name: string) => JSON.parse(readFileSync(join(source, name), "utf8"));
const definitions: Record<string, Schema> = read("openapi-v2.json").definitions;
const resources: Resource[] = read("resources.json").resources;
const header = "// Made by scripts/generate-types.ts from the Kubernetes 1.36 OpenAPI document. Do not edit.\n";

const SPECIAL: Record<string, string> = {
  "io.k8s.apimachinery.pkg.api.resource.Quantity": "string",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "number | string",
  "io.k8s.apimachinery.pkg.runtime.RawExtension": "Record<string, unknown>",
};

/** `io.k8s.api.core.v1.Pod` → file `core.v1`, name `Pod`; undefined for scalars that have no interface. */
function place(definition: string): { file: string; name: string } | undefined {
  if (SPECIAL[definition]) return undefined;
  const parts = definition.split(".");
  const name = parts.pop()!;
  if (definition.includes("pkg.version.")) return { file: "version", name };
  const version = parts.pop()!;
  return { file: `${parts.pop()!}.${version}`, name };
}

function typeOf(schema: Schema, file: string, imports: Map<string, Set<string>>): string {
  if (schema.$ref) {
    const definition = schema.$ref.slice("#/definitions/".length);
    const special = SPECIAL[definition];
    if (special) return special;
    const target = place(definition)!;
    if (target.file !== file) {
      const names = imports.get(target.file) ?? new Set();
      imports.set(target.file, names.add(target.name));
    }
    return target.name;
  }
  if (schema.type === "array") {
    const item = typeOf(schema.items!, file, imports);
    return item.includes("|") ? `(${item})[]` : `${item}[]`;
  }
  if (schema.properties) throw new Error("nested properties are not expected");
  if (schema.additionalProperties) return `Record<string, ${typeOf(schema.additionalProperties, file, imports)}>`;
  if (schema.format === "int-or-string") return "number | string";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "string" || schema.type === "boolean") return schema.type;
  return schema.type === "object" ? "Record<string, unknown>" : "unknown";
}

const files = new Map<string, { imports: Map<string, Set<string>>; body: string }>();
for (const [definition, schema] of Object.entries(definitions)) {
  const target = place(definition);
  if (!target) continue;
  const { file, name } = target;
  const entry = files.get(file) ?? { imports: new Map(), body: "" };
  files.set(file, entry);
  if (!schema.properties) {
    entry.body += `export type ${name} = ${typeOf(schema, file, entry.imports)};\n\n`;
    continue;
  }
  entry.body += `export interface ${name} {\n`;
  for (const [key, property] of Object.entries(schema.properties)) {
    const optional = schema.required?.includes(key) ? "" : "?";
    const quoted = /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
    entry.body += `  ${quoted}${optional}: ${typeOf(property, file, entry.imports)};\n`;
  }
  entry.body += "}\n\n";
}

const output = join(import.meta.dirname, "../src/api");
rmSync(join(output, "types"), { recursive: true, force: true });
mkdirSync(join(output, "types"), { recursive: true });
for (const [file, { imports, body }] of files) {
  const lines = [...imports]
    .sort()
    .map(([from, names]) => `import type { ${[...names].sort().join(", ")} } from "./${from}.ts";\n`);
  writeFileSync(join(output, "types", `${file}.ts`), `${header}${lines.join("")}\n${body.trimEnd()}\n`);
}

const kindFile = (resource: Resource): string => {
  for (const [definition, schema] of Object.entries(definitions)) {
    const match = schema["x-kubernetes-group-version-kind"];
    if (
      match?.some(
        (gvk) => gvk.group === resource.group && gvk.version === resource.version && gvk.kind === resource.kind,
      )
    ) {
      if (definition.endsWith(`.${resource.kind}`)) return place(definition)!.file;
    }
  }
  throw new Error(`no definition for ${resource.plural}.${resource.version}.${resource.group}`);
};
const camel = (kind: string, plural: string) => {
  const lower = kind.toLowerCase();
  return plural.startsWith(lower)
    ? kind[0]!.toLowerCase() + kind.slice(1) + plural.slice(lower.length)
    : kind[0]!.toLowerCase() + kind.slice(1, -1) + plural.slice(lower.length - 1);
};
const taken = new Map<string, string>();
const typeImports = new Map<string, string[]>();
let constants = "";
let kinds = "";
for (const resource of resources) {
  const { group, version, kind, plural, namespaced } = resource;
  const file = kindFile(resource);
  let name = camel(kind, plural).replace(/^aPI/, "api").replace(/^cSI/, "csi").replace(/^iP/, "ip");
  if (taken.has(name)) {
    const suffix = `${group.split(".")[0]!}${version[0]!.toUpperCase()}${version.slice(1)}`;
    name += suffix[0]!.toUpperCase() + suffix.slice(1);
  }
  taken.set(name, plural);
  const alias = `${kind}_${file.replace(/\W/g, "_")}`;
  typeImports.set(file, [...(typeImports.get(file) ?? []), `${kind} as ${alias}`]);
  kinds += `  ${JSON.stringify(`${group === "" ? version : `${group}/${version}`}/${kind}`)}: ${alias};\n`;
  constants += `export const ${name}: ResourceType<${alias}> = ${JSON.stringify({ group, version, resource: plural, kind, namespaced })};\n`;
}
let importLines = "";
for (const [file, names] of typeImports)
  importLines += `import type { ${names.join(", ")} } from "./types/${file}.ts";\n`;
writeFileSync(
  join(output, "resource-types.ts"),
  `${header}${importLines}import type { ResourceType } from "./object.ts";\n\n${constants}`,
);
writeFileSync(
  join(output, "types/kinds.ts"),
  `${header}${importLines.replaceAll("./types/", "./")}\n/** The built-in kinds, by apiVersion and kind. */\nexport interface Kinds {\n${[...new Set(kinds.split("\n"))].join("\n")}}\n`,
);
console.log(`${files.size} type files, ${taken.size} resource types`);
