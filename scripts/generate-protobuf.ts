/**
 * Makes src/api/schema/protobuf.json from a folder of Kubernetes API facts and from kube-aggregator-protobuf.json beside
 * this file: `node scripts/generate-protobuf.ts FOLDER`. The output is committed; src/api/codec/protobuf/message-type.ts
 * reads it and tells what its codes mean.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Field {
  /** The number. */
  n: number;
  /** A scalar, or a message's full name; of a map, the type of its values. */
  t: string;
  label: "optional" | "repeated" | "map";
  /** The type of a map's keys. */
  k?: string;
  inline?: 1;
  ptr?: 1;
  oe?: 1;
  oz?: 1;
}
type Messages = Record<string, Record<string, Field>>;
/** Group version and kind → message; null where there is none. */
type Kinds = Record<string, string | null>;

const source = process.argv[2];
if (!source) {
  console.error("usage: node scripts/generate-protobuf.ts FOLDER");
  process.exit(2);
}
const read = (path: string) => JSON.parse(readFileSync(path, "utf8"));
const facts = read(join(source, "protobuf.json"));
/** Field numbers and tags of kube-aggregator v0.36.3, which the facts lack. */
const aggregator: { kinds: Kinds; messages: Messages } = read(
  join(import.meta.dirname, "kube-aggregator-protobuf.json"),
);

const forms: Record<string, string> = facts._json;
const kinds: Kinds = { ...facts._gvk, ...facts._gvkMore, ...aggregator.kinds };
const everywhere: Record<string, string> = facts._gvkEveryGroupVersion;
const messages: Messages = {
  ...Object.fromEntries(Object.entries<Messages[string]>(facts).filter(([name]) => !name.startsWith("_"))),
  ...aggregator.messages,
};

const SCALARS: Record<string, string> = { string: "s", bool: "b", int32: "i", int64: "l", double: "d", bytes: "y" };
/** Messages whose JSON is no object, by their JSON form. */
const FORMS: Record<string, string> = {
  "rfc3339-seconds": "t",
  "rfc3339-micros": "u",
  "go-duration-string": "D",
  "quantity-string": "q",
  "int-or-string": "o",
  "raw-json": "j",
  "raw-json-or-envelope": "r",
  "array-of:items": "x",
};
/** The unions hold a message, which their letter is followed by. */
const UNIONS: Record<string, string> = { "schema|jSONSchemas[]": "A", "schema|allows": "B", "schema|property[]": "C" };

/** `k8s.io.api.core.v1.Pod` → `core.v1.Pod`. */
const shortName = (message: string) => message.split(".").slice(-3).join(".");

function typeCode(type: string): string {
  if (SCALARS[type]) return SCALARS[type];
  const form = forms[type];
  if (form === undefined) {
    if (!messages[type]) throw new Error(`no message ${type}`);
    return `#${shortName(type)}`;
  }
  if (FORMS[form]) return FORMS[form];
  if (!UNIONS[form]) throw new Error(`unexpected JSON form ${form}`);
  return `${UNIONS[form]}${shortName(messages[type]!["schema"]!.t)}`;
}

function fieldCode({ n, t, label, k, inline, ptr, oe, oz }: Field): string {
  if (label === "map" && k !== "string") throw new Error(`a map with keys of type ${k}`);
  // Zero times are left out anyway, and nothing else has the tag.
  if (oz && forms[t] !== "rfc3339-seconds") throw new Error(`omitzero on a field of type ${t}`);
  const flags = inline ? "^" : `${oe ? "" : "-"}${ptr ? "*" : ""}`;
  const wrapper = { optional: "", repeated: "[", map: "{" }[label];
  return `${n}${flags}${wrapper}${typeCode(t)}`;
}

const texts: Record<string, string> = {};
for (const [name, fields] of Object.entries(messages)) {
  if (forms[name]) continue;
  const short = shortName(name);
  if (texts[short] !== undefined) throw new Error(`two messages called ${short}`);
  texts[short] = Object.entries(fields)
    .sort(([, a], [, b]) => a.n - b.n)
    .map(([json, field]) => `${json}=${fieldCode(field)}`)
    .join(" ");
}

/** Group version → `package:Kind,Kind;package:Kind`: kinds are called as their messages are. */
const groupVersions: Record<string, string> = {};
const byGroupVersion = Map.groupBy(
  Object.entries(kinds).flatMap(([gvk, message]) => (message ? [{ gvk, message }] : [])),
  ({ gvk }) => gvk.slice(0, gvk.lastIndexOf("/")),
);
for (const [groupVersion, entries] of [...byGroupVersion].sort(([a], [b]) => (a < b ? -1 : 1))) {
  const packages = new Map<string, string[]>();
  for (const { gvk, message } of entries) {
    const short = shortName(message);
    const kind = gvk.slice(gvk.lastIndexOf("/") + 1);
    if (!short.endsWith(`.${kind}`)) throw new Error(`${gvk} is called ${short}`);
    if (texts[short] === undefined) throw new Error(`no message for ${gvk}`);
    const name = short.slice(0, short.lastIndexOf("."));
    packages.set(name, [...(packages.get(name) ?? []), kind]);
  }
  groupVersions[groupVersion] = [...packages].map(([name, list]) => `${name}:${list.join(",")}`).join(";");
}

/** One entry per line, so that changes read well. */
const lines = (object: Record<string, string>) =>
  `{\n${Object.entries(object)
    .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
    .join(",\n")}\n}`;
const shortEverywhere = Object.fromEntries(Object.entries(everywhere).map(([kind, name]) => [kind, shortName(name)]));
writeFileSync(
  join(import.meta.dirname, "../src/api/schema/protobuf.json"),
  `{\n"everyGroupVersion":${lines(shortEverywhere)},\n"kinds":${lines(groupVersions)},\n"messages":${lines(texts)}\n}\n`,
);
console.log(`${Object.keys(texts).length} messages, ${Object.values(kinds).filter(Boolean).length} kinds`);
