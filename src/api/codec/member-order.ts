import type { StructType, Type } from "../schema/schema.ts";
import { setMember } from "./json-text.ts";

/**
 * The value with its members in the order in which Go writes them: those of structs as they are declared, those of maps
 * sorted. What has that order already is shared, not copied. Keys that look like array indexes stay first in maps, as
 * JavaScript keeps them there; raw values keep the order that they came with.
 */
export function inMemberOrder<T>(value: T, type: Type): T {
  switch (type.kind) {
    case "struct":
      return orderedStruct(value, type) as T;
    case "list":
      return type.items.kind === "scalar" ? value : (orderedList(value, type.items) as T);
    case "map":
      return orderedMap(value, type.values) as T;
    default:
      return value;
  }
}

const ranks = new WeakMap<StructType["fields"], ReadonlyMap<string, number>>();

function ranksOf({ fields }: StructType): ReadonlyMap<string, number> {
  let known = ranks.get(fields);
  if (!known) {
    known = new Map([...fields.keys()].map((name, index) => [name, index]));
    ranks.set(fields, known);
  }
  return known;
}

const LAST = Number.MAX_SAFE_INTEGER;

function orderedStruct(value: unknown, type: StructType): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const given = value as Record<string, unknown>;
  const rank = ranksOf(type);
  let copy: Record<string, unknown> | undefined;
  let sorted = true;
  let last = -1;
  for (const key in given) {
    const at = rank.get(key) ?? LAST;
    if (at < last) sorted = false;
    last = at;
    const field = type.fields.get(key);
    if (!field) continue;
    const before = given[key];
    const after = inMemberOrder(before, field.type);
    if (after === before) continue;
    copy ??= { ...given };
    copy[key] = after;
  }
  const result = copy ?? given;
  if (sorted) return result;
  const keys = Object.keys(result).sort((a, b) => (rank.get(a) ?? LAST) - (rank.get(b) ?? LAST));
  return pick(result, keys);
}

function orderedMap(value: unknown, values: Type): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const given = value as Record<string, unknown>;
  const deep = values.kind !== "scalar";
  let copy: Record<string, unknown> | undefined;
  let sorted = true;
  let last = "";
  for (const key in given) {
    if (key < last) sorted = false;
    last = key;
    if (!deep) continue;
    const before = given[key];
    const after = inMemberOrder(before, values);
    if (after === before) continue;
    copy ??= { ...given };
    setMember(copy, key, after);
  }
  const result = copy ?? given;
  return sorted ? result : pick(result, Object.keys(result).sort());
}

function orderedList(value: unknown, items: Type): unknown {
  if (!Array.isArray(value)) return value;
  let copy: unknown[] | undefined;
  for (let index = 0; index < value.length; index++) {
    const before: unknown = value[index];
    const after = inMemberOrder(before, items);
    if (after === before) continue;
    copy ??= value.slice();
    copy[index] = after;
  }
  return copy ?? value;
}

function pick(object: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const key of keys) setMember(result, key, object[key]);
  return result;
}
