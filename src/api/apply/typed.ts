/**
 * How server-side apply sees a value: as one owned thing, or as a map or list whose entries are owned one by one. The
 * schema decides; where it is silent (custom resources without a schema, unknown fields) objects are taken apart and lists
 * are one thing.
 */
import { goString, isObject, type JsonObject } from "../patch/go-format.ts";
import type { Field, ListType, MapType, Scalar, StructType, Type } from "../schema/schema.ts";
import { fieldElement, formatElement, formatPath, keyElement, valueElement } from "./field-set.ts";

/** A value that does not fit the schema; the message lists the places as upstream does. */
export class TypedError extends Error {
  constructor(problems: readonly string[]) {
    super(problems.length === 1 ? problems[0]! : `errors:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.name = "TypedError";
  }
}

/** An item list whose entries are owned one by one. */
export interface KeyedList {
  readonly items: Type;
  /** The key fields with the defaults they take when absent; empty for a set of scalars. */
  readonly keys: readonly { readonly name: string; readonly fallback: unknown }[];
}

/** The list's form, where its items are owned one by one; undefined where the list is one thing. */
export function keyedListOf(type: Type | undefined): KeyedList | undefined {
  if (type?.kind !== "list" || (type.listType !== "map" && type.listType !== "set")) return undefined;
  const known = keyedLists.get(type);
  if (known) return known;
  const { items } = type;
  const keys = type.keys.map((name) => {
    const field = items.kind === "struct" ? items.fields.get(name) : undefined;
    return { name, fallback: field && (field.default ?? zeroDefault(field)) };
  });
  const made: KeyedList = { items, keys: type.listType === "set" ? [] : keys };
  keyedLists.set(type, made);
  return made;
}
/** In the OpenAPI document, a plain field that is always written has its zero value for a default. */
function zeroDefault({ type, omit, pointer }: Field): unknown {
  if (type.kind !== "scalar" || omit !== "never" || pointer) return undefined;
  return { string: "", boolean: false, int32: 0, int64: 0, double: 0 }[type.scalar as string];
}
const keyedLists = new WeakMap<Type, KeyedList>();

/** Whether an object of this type is one thing. */
export function isAtomicObject(type: Type | undefined): boolean {
  switch (type?.kind) {
    case "struct":
    case "map":
      return type.atomic;
    case "opaque":
      return type.form === "object";
    // A list or a scalar where an object stands is not of the type, and so is one thing.
    case "list":
    case "scalar":
      return true;
    default:
      return false;
  }
}

/** The type of an object's member; undefined: nothing is known, and the form is read off the value. */
export function memberType(type: Type | undefined, key: string): Type | undefined {
  if (type?.kind === "struct") return type.fields.get(key)?.type;
  return type?.kind === "map" ? type.values : undefined;
}

/** Whether `key` names a field of a struct, rather than being data. */
export const isNamedField = (type: Type | undefined, key: string): boolean =>
  type?.kind === "struct" && type.fields.has(key);

export type Container =
  | { readonly kind: "object"; readonly value: JsonObject }
  | { readonly kind: "list"; readonly value: readonly unknown[]; readonly list: KeyedList };

/** The value as something with entries of its own; undefined where it is one thing, or empty, or null. */
export function containerOf(type: Type | undefined, value: unknown): Container | undefined {
  if (Array.isArray(value)) {
    const list = keyedListOf(type);
    return list ? { kind: "list", value, list } : undefined;
  }
  return isObject(value) && !isAtomicObject(type) ? { kind: "object", value } : undefined;
}

/** The path element of a list item. Throws a TypeError where a key is missing. */
export function itemElement(list: KeyedList, item: unknown, index: number): string {
  if (list.keys.length === 0) {
    if (isObject(item)) {
      throw new TypeError(`element ${index}: associative list without keys has an element that's a map type`);
    }
    if (Array.isArray(item)) {
      throw new TypeError(`element ${index}: not supported: associative list with lists as elements`);
    }
    return valueElement(item);
  }
  if (!isObject(item)) {
    throw new TypeError(`element ${index}: associative list with keys may not have non-map elements`);
  }
  const values: JsonObject = {};
  for (const { name, fallback } of list.keys) {
    const value = Object.hasOwn(item, name) ? item[name] : fallback;
    if (value === undefined) {
      throw new TypeError(
        `element ${index}: associative list with keys has an element that omits key field ${JSON.stringify(name)} (and doesn't have default value)`,
      );
    }
    values[name] = value;
  }
  return keyElement(values);
}

/**
 * The items of a list by their elements. An element that stands twice keeps its first item, and is told in `repeated`;
 * items without a key are left out: decoding and validation deal with those.
 */
export function indexList(
  list: KeyedList,
  value: readonly unknown[],
): { items: Map<string, unknown>; repeated: ReadonlySet<string> } {
  const items = new Map<string, unknown>();
  const repeated = new Set<string>();
  value.forEach((item, index) => {
    let element: string;
    try {
      element = itemElement(list, item, index);
    } catch (error) {
      if (error instanceof TypeError) return;
      throw error;
    }
    if (items.has(element)) repeated.add(element);
    else items.set(element, item);
  });
  return { items, repeated };
}

/** Checks that a configuration fits the schema. Throws TypedError. */
export function checkTyped(value: unknown, type: StructType | undefined): void {
  const problems: string[] = [];
  check(value, type, [], problems);
  if (problems.length > 0) throw new TypedError(problems);
}

function check(value: unknown, type: Type | undefined, path: string[], problems: string[]): void {
  if (value === null || value === undefined || type === undefined) return;
  switch (type.kind) {
    case "struct":
    case "map":
      checkObject(value, type, path, problems);
      return;
    case "list":
      checkList(value, type, path, problems);
      return;
    case "scalar": {
      const problem = scalarProblem(value, type.scalar);
      if (problem) problems.push(`${formatPath(path)}: ${problem}`);
    }
  }
}

function checkObject(value: unknown, type: StructType | MapType, path: string[], problems: string[]): void {
  if (!isObject(value)) return void problems.push(`${formatPath(path)}: expected map, got &{${goString(value)}}`);
  const isOpen = type.kind === "map" || type.preservesUnknown || type.fields.size === 0;
  for (const key of Object.keys(value)) {
    path.push(fieldElement(key));
    const unknown = !isOpen && !isNamedField(type, key);
    if (unknown) problems.push(`${formatPath(path)}: field not declared in schema`);
    else check(value[key], memberType(type, key), path, problems);
    path.pop();
    // Upstream looks no further than to the first unknown field.
    if (unknown) return;
  }
}

function checkList(value: unknown, type: ListType, path: string[], problems: string[]): void {
  const place = () => formatPath(path);
  if (!Array.isArray(value)) return void problems.push(`${place()}: expected list, got &{${goString(value)}}`);
  const list = keyedListOf(type);
  const seen = new Set<string>();
  for (const [index, item] of value.entries()) {
    let element = `i:${index}`;
    if (list) {
      try {
        element = itemElement(list, item, index);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        problems.push(`${place()}: ${error.message}`);
        continue;
      }
      if (seen.has(element)) problems.push(`${place()}: duplicate entries for key ${formatElement(element)}`);
      seen.add(element);
    }
    path.push(element);
    check(item, type.items, path, problems);
    path.pop();
  }
}

function scalarProblem(value: unknown, scalar: Scalar): string | undefined {
  switch (scalar) {
    case "string":
    case "bytes":
    case "time":
    case "microTime":
      return typeof value === "string"
        ? undefined
        : `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`;
    case "boolean":
      return typeof value === "boolean" ? undefined : `expected boolean, got &{${goString(value)}}`;
    case "int32":
    case "int64":
    case "double":
      return typeof value === "number" ? undefined : `expected numeric (int or float), got ${goType(value)}`;
    default:
      return isObject(value) || Array.isArray(value) ? `expected any scalar, got &{${goString(value)}}` : undefined;
  }
}

function goType(value: unknown): string {
  if (isObject(value)) return "map[string]interface {}";
  return Array.isArray(value) ? "[]interface {}" : typeof value === "boolean" ? "bool" : typeof value;
}

/** Go's `%#v`, as far as it shows up here. */
function goSyntax(value: unknown): string {
  if (isObject(value)) {
    const members = Object.keys(value).map((key) => `${JSON.stringify(key)}:${goSyntax(value[key])}`);
    return `map[string]interface {}{${members.join(", ")}}`;
  }
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(", ")}}`;
  return JSON.stringify(value);
}
