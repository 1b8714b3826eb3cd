/**
 * The functions of the environment. An overload is declared by a signature such as `string.contains(string): bool` or
 * `list(A).indexOf(A): int`; single capital letters are type parameters.
 */
import {
  BOOL,
  BYTES,
  type CType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  libraryType,
  listOf,
  mapOf,
  NULL,
  optionalOf,
  param,
  STRING,
  TIMESTAMP,
  TYPE,
  typeOf,
  UINT,
} from "./types.ts";
import { CelList, CelMap, Duration, LibraryValue, Optional, Timestamp, TypeValue, Uint, type Value } from "./values.ts";

// biome-ignore lint/suspicious/noExplicitAny: the signature says which values come; the planner keeps to it.
export type Implementation = (...args: any[]) => Value;

export interface Overload {
  /** cel-go's id where costs depend on it, else the signature. */
  readonly id: string;
  readonly name: string;
  readonly member: boolean;
  readonly args: readonly CType[];
  readonly result: CType;
  /** Names of the type parameters. */
  readonly typeParams: readonly string[];
  readonly call: Implementation;
}

/** Library types by their short names in signatures. */
export const LIBRARY_TYPES: Readonly<Record<string, CType>> = {
  url: libraryType("kubernetes.URL"),
  quantity: libraryType("kubernetes.Quantity"),
  ip: libraryType("net.IP"),
  cidr: libraryType("net.CIDR"),
  format: libraryType("kubernetes.NamedFormat"),
  semver: libraryType("kubernetes.Semver"),
  authorizer: libraryType("kubernetes.authorization.Authorizer"),
  pathCheck: libraryType("kubernetes.authorization.PathCheck"),
  groupCheck: libraryType("kubernetes.authorization.GroupCheck"),
  resourceCheck: libraryType("kubernetes.authorization.ResourceCheck"),
  decision: libraryType("kubernetes.authorization.Decision"),
};
const SIMPLE: Readonly<Record<string, CType>> = {
  bool: BOOL,
  bytes: BYTES,
  double: DOUBLE,
  duration: DURATION,
  dyn: DYN,
  int: INT,
  null: NULL,
  string: STRING,
  timestamp: TIMESTAMP,
  uint: UINT,
  ...LIBRARY_TYPES,
};

const types = new Map<string, CType>();
function parseType(text: string): CType {
  const known = types.get(text);
  if (known) return known;
  const open = text.indexOf("(");
  const inner = open < 0 ? "" : text.slice(open + 1, -1);
  let type = SIMPLE[text];
  if (/^[A-Z]$/.test(text)) type = param(text);
  else if (text === "type") type = TYPE;
  else if (text.startsWith("list(")) type = listOf(parseType(inner));
  else if (text.startsWith("optional(")) type = optionalOf(parseType(inner));
  else if (text.startsWith("type(")) type = typeOf(parseType(inner));
  else if (text.startsWith("map(")) {
    const [key, value] = split(inner) as [string, string];
    type = mapOf(parseType(key), parseType(value));
  }
  if (!type) throw new RangeError(`no type ${text}`);
  types.set(text, type);
  return type;
}

/** Splits at the commas that are not in parentheses. */
function split(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === "(") depth += 1;
    else if (text[index] === ")") depth -= 1;
    else if (text[index] === "," && depth === 0) {
      parts.push(text.slice(start, index).trim());
      start = index + 1;
    }
  }
  if (text.trim() !== "") parts.push(text.slice(start).trim());
  return parts;
}

/** Overloads by signature; a signature may be preceded by an id and a space: `add_list list(A)._+_ …`. */
export type Library = Readonly<Record<string, Implementation>>;

/** The functions of an environment by name. */
export class Functions {
  readonly #byName = new Map<string, Overload[]>();

  constructor(libraries: readonly Library[]) {
    for (const library of libraries) {
      for (const [signature, call] of Object.entries(library)) this.#add(signature, call);
    }
  }

  named(name: string): readonly Overload[] | undefined {
    return this.#byName.get(name);
  }

  /** `id | target.name(args): result`; the target is left of the first `->`. */
  #add(signature: string, call: Implementation): void {
    const [head, result] = signature.split(": ") as [string, string];
    const bar = head.indexOf(" | ");
    const id = bar < 0 ? signature : head.slice(0, bar);
    const shape = bar < 0 ? head : head.slice(bar + 3);
    const arrow = shape.indexOf(" -> ");
    const member = arrow >= 0;
    const rest = member ? shape.slice(arrow + 4) : shape;
    const open = rest.indexOf("(");
    const name = rest.slice(0, open);
    const args = split(rest.slice(open + 1, -1)).map(parseType);
    if (member) args.unshift(parseType(shape.slice(0, arrow)));
    const overload: Overload = {
      id,
      name,
      member,
      args,
      result: parseType(result),
      typeParams: [...new Set(signature.match(/(?<=[( ,]|^)[A-Z](?=[), ]|$)/g) ?? [])],
      call,
    };
    const known = this.#byName.get(name);
    if (known) known.push(overload);
    else this.#byName.set(name, [overload]);
  }
}

/** Whether a value can be an argument of this type. */
export function accepts(type: CType, value: Value): boolean {
  switch (type.kind) {
    case "dyn":
    case "param":
    case "error":
      return true;
    case "null":
      return value === null;
    case "bool":
      return typeof value === "boolean";
    case "int":
      return typeof value === "bigint";
    case "uint":
      return value instanceof Uint;
    case "double":
      return typeof value === "number";
    case "string":
      return typeof value === "string";
    case "bytes":
      return value instanceof Uint8Array;
    case "timestamp":
      return value instanceof Timestamp;
    case "duration":
      return value instanceof Duration;
    case "list":
      return value instanceof CelList;
    case "map":
    case "struct":
      return value instanceof CelMap;
    case "type":
      return value instanceof TypeValue;
    case "opaque":
      if (type.name === "optional_type") return value instanceof Optional;
      return value instanceof LibraryValue && value.typeName === type.name;
  }
}
