/**
 * The messages of the Kubernetes API as data: which number, type and Go tags each field has. The table (protobuf.json,
 * made by scripts/generate-protobuf.ts) holds one short text per message, read when the message is first asked for:
 *
 *   "core.v1.Container": "name=1-s ... resources=8#core.v1.ResourceRequirements ... livenessProbe=10*#core.v1.Probe"
 *
 * After the number, `-` marks fields that JSON always shows, `*` pointers, `^` messages whose fields JSON shows in the
 * parent; `[` is a list, `{` a map with string keys; `#` is a message, and a letter one of LEAVES or a schema union.
 */
import table from "../../schema/protobuf.json" with { type: "json" };

export interface MessageType {
  /** `core.v1.Pod`. */
  readonly name: string;
  /** In the order of their numbers. */
  readonly fields: readonly MessageField[];
}

export interface MessageField {
  /** As JSON calls it. */
  readonly name: string;
  readonly number: number;
  readonly type: ValueType;
  readonly repetition: "one" | "list" | "map";
  /** A pointer in Go: zero and absent differ. */
  readonly pointer: boolean;
  /** Whether JSON shows the zero value too. */
  readonly always: boolean;
  /** The message's fields stand in the parent's JSON object. */
  readonly inline: boolean;
}

export type ValueType = LeafType | { readonly kind: "message"; readonly message: string } | UnionType;

/** A scalar, or a message whose JSON form is no object. */
export interface LeafType {
  readonly kind: "leaf";
  readonly leaf: Leaf;
}
export type Leaf = (typeof LEAVES)[keyof typeof LEAVES];

/** The schema unions of CustomResourceDefinitions: a schema or else an array of schemas, a boolean, or strings. */
export interface UnionType {
  readonly kind: "union";
  readonly other: "schemas" | "boolean" | "strings";
  /** The message of the schema. */
  readonly message: string;
}

const LEAVES = {
  s: "string",
  b: "boolean",
  i: "int32",
  l: "int64",
  d: "double",
  y: "bytes",
  /** RFC 3339 in whole seconds. */
  t: "time",
  /** RFC 3339 with six decimals. */
  u: "microTime",
  D: "duration",
  q: "quantity",
  o: "intOrString",
  /** Any JSON, as text. */
  j: "json",
  /** An object of any kind, as JSON text or in an envelope. */
  r: "rawExtension",
  /** A list of strings that is a message of its own. */
  x: "strings",
} as const;
const UNIONS: Readonly<Record<string, UnionType["other"]>> = { A: "schemas", B: "boolean", C: "strings" };

const texts: Readonly<Record<string, string>> = table.messages;
const everyGroupVersion: Readonly<Record<string, string>> = table.everyGroupVersion;

let kinds: Map<string, string> | undefined;

/** `apps/v1/Deployment` → the message's name, for all kinds but those that every group version knows. */
export function messageKinds(): ReadonlyMap<string, string> {
  if (kinds) return kinds;
  kinds = new Map();
  for (const [groupVersion, text] of Object.entries(table.kinds)) {
    for (const part of text.split(";")) {
      const [packageName, list] = part.split(":") as [string, string];
      for (const kind of list.split(",")) kinds.set(`${groupVersion}/${kind}`, `${packageName}.${kind}`);
    }
  }
  return kinds;
}

/** The name of a kind's message; undefined where it has none. `apiVersion` is as in objects: `v1`, `apps/v1`. */
export function messageNameOf(apiVersion: string, kind: string): string | undefined {
  const known = messageKinds().get(`${apiVersion}/${kind}`);
  if (known !== undefined) return known;
  return Object.hasOwn(everyGroupVersion, kind) ? everyGroupVersion[kind] : undefined;
}

/** The names of all messages. */
export const messageNames = (): string[] => Object.keys(texts);

/** Reads a message's row of the table. Throws a RangeError where there is none. */
export function messageType(name: string): MessageType {
  const text = Object.hasOwn(texts, name) ? texts[name] : undefined;
  if (text === undefined) throw new RangeError(`no message ${name}`);
  return { name, fields: text === "" ? [] : text.split(" ").map(parseField) };
}

function parseField(text: string): MessageField {
  const [, name, number, always, marker, wrapper, code] = /^(.+)=(\d+)(-?)([*^]?)([[{]?)(.+)$/.exec(
    text,
  ) as unknown as [string, string, string, string, string, string, string];
  return {
    name,
    number: Number(number),
    type: parseType(code),
    repetition: wrapper === "[" ? "list" : wrapper === "{" ? "map" : "one",
    pointer: marker === "*",
    always: always === "-",
    inline: marker === "^",
  };
}

function parseType(code: string): ValueType {
  const rest = code.slice(1);
  if (code.startsWith("#")) return { kind: "message", message: rest };
  if (rest !== "") return { kind: "union", other: UNIONS[code[0]!]!, message: rest };
  return { kind: "leaf", leaf: LEAVES[code as keyof typeof LEAVES] };
}
