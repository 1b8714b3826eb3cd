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
      return isDeep(type.items) ? (orderedList(value, type.items) as T) : value;
    case "map":
      return orderedMap(value, type.values) as T;
    default:
      return value;
  }
}

/** Where a member stands; and its type where there may be something out of order inside. */
interface Place {
  readonly rank: number;
  readonly inner: Type | undefined;
}
const places = new WeakMap<StructType["fields"], ReadonlyMap<string, Place>>();

function placesOf({ fields }: StructType): ReadonlyMap<string, Place> {
  let known = places.get(fields);
  if (!known) {
    known = new Map(
      [...fields.values()].map(({ name, type }, rank) => [name, { rank, inner: isDeep(type) ? type : undefined }]),
    );
    places.set(fields, known);
  }
  return known;
}

const isDeep = (type: Type): boolean =>
  type.kind === "struct" || type.kind === "map" || (type.kind === "list" && isDeep(type.items));

const LAST = Number.MAX_SAFE_INTEGER;

function orderedStruct(value: unknown, type: StructType): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const given = value as Record<string, unknown>;
  const known = placesOf(type);
  let copy: Record<string, unknown> | undefined;
  let sorted = true;
  let last = -1;
  for (const key in given) {
    const place = known.get(key);
    const rank = place?.rank ?? LAST;
    if (rank < last) sorted = false;
    last = rank;
    if (!place?.inner) continue;
    const before = given[key];
    const after = inMemberOrder(before, place.inner);
    if (after === before) continue;
    copy ??= { ...given };
    copy[key] = after;
  }
  const result = copy ?? given;
  if (sorted) return result;
  const keys = Object.keys(result).sort((a, b) => (known.get(a)?.rank ?? LAST) - (known.get(b)?.rank ?? LAST));
  return pick(result, keys);
}

function orderedMap(value: unknown, values: Type): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const given = value as Record<string, unknown>;
  const deep = isDeep(values);
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
