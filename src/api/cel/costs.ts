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

type CallCost = (args: readonly Value[], result: Value) => number;

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
const equality: CallCost = (args, result) => (args[0] instanceof LibraryValue ? 1 : smaller(args, result));

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
  join: (_args, result) => traversal(costSize(result), 2 * STRING_FACTOR),
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

/** The cost of a call whose overload is known, or of one that is found at run time; undefined where it is 1. */
export function callCost(name: string, overload: Overload | undefined): CallCost | undefined {
  const byId = overload && Object.hasOwn(BY_ID, overload.id) ? BY_ID[overload.id] : undefined;
  return byId ?? (Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined);
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
