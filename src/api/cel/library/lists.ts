/** Kubernetes' list functions and cel-go's lists extension, version 3. */
import { compare, equal } from "../compare.ts";
import type { Library } from "../functions.ts";
import { CelList, Duration, Fault, ListValue, Optional, Uint, type Value } from "../values.ts";
import { operators } from "./operators.ts";

const COMPARABLE = ["int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes"];
const SUMMABLE: Readonly<Record<string, Value>> = {
  int: 0n,
  uint: new Uint(0n),
  double: 0,
  duration: new Duration(0n),
};

function isSorted(list: CelList): boolean {
  for (let index = 1; index < list.length; index += 1) {
    if (compare(list.at(index - 1), list.at(index)) > 0) return false;
  }
  return true;
}

const extreme =
  (name: string, sign: number) =>
  (list: CelList): Value => {
    if (list.length === 0) throw new Fault(`${name} called on empty list`);
    let found = list.at(0);
    for (const item of list) if (compare(item, found) * sign > 0) found = item;
    return found;
  };

const templated = (name: string, types: readonly string[], result: (type: string) => string, call: Library[string]) =>
  Object.fromEntries(types.map((type) => [`list(${type}) -> ${name}(): ${result(type)}`, call!]));

const same = (type: string): string => type;

const indexOf = (list: CelList, wanted: Value): bigint => {
  for (let index = 0; index < list.length; index += 1) if (equal(list.at(index), wanted)) return BigInt(index);
  return -1n;
};
const lastIndexOf = (list: CelList, wanted: Value): bigint => {
  for (let index = list.length - 1; index >= 0; index -= 1) if (equal(list.at(index), wanted)) return BigInt(index);
  return -1n;
};

function slice(list: CelList, start: bigint, end: bigint): CelList {
  if (start < 0n || end < 0n) throw new Fault(`cannot slice(${start}, ${end}), negative indexes not supported`);
  if (start > end)
    throw new Fault(`cannot slice(${start}, ${end}), start index must be less than or equal to end index`);
  if (end > BigInt(list.length)) throw new Fault(`cannot slice(${start}, ${end}), list is length ${list.length}`);
  return new ListValue([...list].slice(Number(start), Number(end)));
}

function flatten(list: CelList, depth: bigint): CelList {
  if (depth < 0n) throw new Fault("level must be non-negative");
  const flat: Value[] = [];
  for (const item of list) {
    if (!(item instanceof CelList) || depth === 0n) flat.push(item);
    else for (const inner of flatten(item, depth - 1n)) flat.push(inner);
  }
  return new ListValue(flat);
}

/** The longest list that `lists.range` makes: what one evaluation may cost. */
const MAX_RANGE = 1_000_000n;
function range(count: bigint): CelList {
  if (count > MAX_RANGE) throw new Fault(`lists.range(${count}): more than ${MAX_RANGE} items`);
  return new ListValue(Array.from({ length: Number(count < 0n ? 0n : count) }, (_, index) => BigInt(index)));
}

function distinct(list: CelList): CelList {
  const seen = new Set<Value>();
  const kept: Value[] = [];
  for (const item of list) {
    const scalar = typeof item === "string" || typeof item === "boolean" || typeof item === "bigint";
    if (scalar ? seen.has(item) : kept.some((one) => equal(one, item))) continue;
    if (scalar) seen.add(item);
    kept.push(item);
  }
  return new ListValue(kept);
}

function sortBy(list: CelList, keys: CelList): CelList {
  const order = Array.from({ length: list.length }, (_, index) => index);
  order.sort((a, b) => compare(keys.at(a), keys.at(b)));
  return new ListValue(order.map((index) => list.at(index)));
}

const add = operators["_+_(int, int): int"]!;
const addUint = operators["_+_(uint, uint): uint"]!;
const addDuration = operators["_+_(duration, duration): duration"]!;
const adders: Readonly<Record<string, (a: Value, b: Value) => Value>> = {
  int: add,
  uint: addUint,
  double: (a, b) => (a as number) + (b as number),
  duration: addDuration,
};
const sums: Library = Object.fromEntries(
  Object.entries(SUMMABLE).map(([type, zero]) => [
    `list(${type}) -> sum(): ${type}`,
    (list: CelList) => {
      let sum = zero;
      for (const item of list) sum = adders[type]!(sum, item);
      return sum;
    },
  ]),
);

export const lists: Library = {
  ...templated("isSorted", COMPARABLE, () => "bool", isSorted),
  ...sums,
  ...templated("max", COMPARABLE, same, extreme("max", 1)),
  ...templated("min", COMPARABLE, same, extreme("min", -1)),
  "list(A) -> indexOf(A): int": indexOf,
  "list(A) -> lastIndexOf(A): int": lastIndexOf,
  "list(A) -> slice(int, int): list(A)": slice,
  "list(list(A)) -> flatten(): list(A)": (list: CelList) => flatten(list, 1n),
  "list(dyn) -> flatten(int): list(dyn)": flatten,
  ...Object.fromEntries(
    COMPARABLE.flatMap((type) => [
      [`list(${type}) -> sort(): list(${type})`, (list: CelList) => sortBy(list, list)],
      [`list(A) -> @sortByAssociatedKeys(list(${type})): list(A)`, sortBy],
    ]),
  ),
  "lists.range(int): list(int)": range,
  "list(A) -> reverse(): list(A)": (list: CelList) => new ListValue([...list].reverse()),
  "list(A) -> distinct(): list(A)": distinct,
  "list(A) -> first(): optional(A)": (list: CelList) => (list.length === 0 ? Optional.none : new Optional(list.at(0))),
  "list(A) -> last(): optional(A)": (list: CelList) =>
    list.length === 0 ? Optional.none : new Optional(list.at(list.length - 1)),
};
