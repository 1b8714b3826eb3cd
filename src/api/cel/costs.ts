/**
 * What evaluating costs, in upstream's units (cel-go's interpreter and apiserver's pkg/cel/library/cost.go): 1 for a
 * name or a selection, and for each call what its arguments make it.
 */
import type { Overload } from "./functions.ts";
import { FormatValue } from "./library/formats.ts";
import { CelList, CelMap, costSize, LibraryValue, type Value } from "./values.ts";

export const NAME_COST = 1;
export const LIST_COST = 10;
export const MAP_COST = 30;
export const STRUCT_COST = 40;
/** Going through a string once, for each character of it. */
export const STRING_FACTOR = 0.1;
/** A regular expression, for each character of it. */
export const REGEX_FACTOR = 0.25;
/** An authorization check: two of them fit into one evaluation. */
export const CHECK_COST = 350_000;

/** From the arguments alone, so that a call is paid for before it is made; `join` is the exception. */
export type CallCost = (args: readonly Value[]) => number;

const traversal = (size: number, factor = STRING_FACTOR): number => Math.ceil(size * factor);
const ofFirst =
  (times = 1): CallCost =>
  ([first]) =>
    traversal(costSize(first), times * STRING_FACTOR);
const one: CallCost = () => 1;
const regexCost: CallCost = ([text, pattern]) =>
  traversal(1 + costSize(text)) * traversal(costSize(pattern), REGEX_FACTOR);
const whole: CallCost = ([list]) => deepCost(list!);
const selectorCost: CallCost = ([, selector]) => {
  const length = costSize(selector);
  return LIST_COST + traversal(length) + traversal(traversal(length, 0.5), LIST_COST + STRUCT_COST);
};
const smaller: CallCost = ([a, b]) => traversal(Math.min(costSize(a), costSize(b)));
const equality: CallCost = (args) => (args[0] instanceof LibraryValue ? 1 : smaller(args));
const onSets =
  (factor: number): CallCost =>
  ([a, b]) =>
    1 + costSize(a) * costSize(b) * factor;
/** A call that makes a list, after going through `size` items `factor` times. */
const toList = (size: number, factor = 1): number => Math.floor(size * factor) + 1 + LIST_COST;
const againstItself =
  (index: number): CallCost =>
  (args) => {
    const list = args[index] as CelList;
    const first = list.length > 0 ? list.at(0) : undefined;
    const traversed = typeof first === "string" || first instanceof Uint8Array;
    return toList(list.length ** 2, 2 + (traversed ? STRING_FACTOR : 0));
  };

/** By name: the functions of Kubernetes, and those whose cost it says anew. */
const BY_NAME: Readonly<Record<string, CallCost>> = {
  check: () => CHECK_COST,
  fieldSelector: selectorCost,
  labelSelector: selectorCost,
  isSorted: whole,
  sum: whole,
  max: whole,
  min: whole,
  indexOf: whole,
  lastIndexOf: whole,
  url: ofFirst(),
  lowerAscii: ofFirst(),
  upperAscii: ofFirst(),
  substring: ofFirst(),
  trim: ofFirst(),
  "jsonpatch.escapeKey": ofFirst(),
  replace: ofFirst(2),
  split: ofFirst(2),
  "sets.contains": onSets(1),
  "sets.equivalent": onSets(2),
  "sets.intersects": onSets(1),
  find: regexCost,
  findAll: regexCost,
  cidr: ofFirst(),
  isIP: ofFirst(),
  isCIDR: ofFirst(),
  "ip.isCanonical": ofFirst(2),
  quantity: ofFirst(),
  isQuantity: ofFirst(),
  semver: ofFirst(),
  isSemver: ofFirst(),
  validate: ([format, text]) =>
    format instanceof FormatValue ? traversal(1 + costSize(text)) * traversal(format.regexSize, REGEX_FACTOR) : 1,
  "_==_": equality,
  "_!=_": smaller,
  join: () => 0,
};

/** By name, where the overload is known before: the extension of lists. */
const BY_KNOWN_NAME: Readonly<Record<string, CallCost>> = {
  slice: ([list, start, end]) => toList(Math.max(0, Math.min(costSize(list), Number(end)) - Number(start))),
  flatten: ([list, depth]) => toList(costSize(list), depth === undefined ? 1 : Number(depth as bigint)),
  "lists.range": ([count]) => toList(Math.max(0, Number(count as bigint))),
  reverse: ([list]) => toList(costSize(list)),
  distinct: againstItself(0),
  sort: againstItself(0),
  "@sortByAssociatedKeys": againstItself(1),
};

const containsCost =
  (parsed: boolean, network: boolean): CallCost =>
  ([cidr, other]) => {
    const size = costSize(cidr);
    return traversal(size * 2) + (network ? traversal(size) + 1 : 0) + (parsed ? traversal(costSize(other)) : 0);
  };

/** By the id of the overload. */
const BY_ID: Readonly<Record<string, CallCost>> = {
  cidr_ip: one,
  cidr_contains_ip_string: containsCost(true, false),
  cidr_contains_cidr_string: containsCost(true, true),
  "cidr -> containsIP(ip): bool": containsCost(false, false),
  "cidr -> containsCIDR(cidr): bool": containsCost(false, true),
  "ip(string): ip": ofFirst(),
  starts_with_string: ofFirst(),
  ends_with_string: ofFirst(),
  string_to_bytes: ofFirst(),
  bytes_to_string: ofFirst(),
  strings_quote: ofFirst(),
  string_format: ofFirst(),
  in_list: ([, list]) => costSize(list),
  less_string: smaller,
  less_equals_string: smaller,
  greater_string: smaller,
  greater_equals_string: smaller,
  less_bytes: smaller,
  less_equals_bytes: smaller,
  greater_bytes: smaller,
  greater_equals_bytes: smaller,
  add_string: ([a, b]) => traversal(costSize(a) + costSize(b)),
  add_bytes: ([a, b]) => traversal(costSize(a) + costSize(b)),
  matches_string: regexCost,
  contains_string: ([text, part]) => traversal(costSize(text)) * traversal(costSize(part)),
};

/** What a call costs in addition once its result is there. */
export const resultCost = (name: string, result: Value): number =>
  name === "join" ? traversal(costSize(result), 2 * STRING_FACTOR) : 0;

/** The cost of a call; `overload` where only one fits the static types. undefined: 1. */
export function callCost(name: string, overload: Overload | undefined): CallCost | undefined {
  const byName = Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined;
  if (!overload) return byName;
  if (Object.hasOwn(BY_ID, overload.id)) return BY_ID[overload.id];
  return byName ?? (Object.hasOwn(BY_KNOWN_NAME, name) ? BY_KNOWN_NAME[name] : undefined);
}

/** Going through a value as a tree of data. */
function deepCost(value: Value): number {
  if (typeof value === "string" || value instanceof Uint8Array) return Math.floor(value.length * STRING_FACTOR);
  if (value instanceof CelList) {
    let cost = 0;
    for (const item of value) cost += deepCost(item);
    return cost;
  }
  if (!(value instanceof CelMap)) return 1;
  let cost = 0;
  for (const key of value.keys()) cost += deepCost(key) + deepCost(value.get(key)!);
  return cost;
}
