/** What calls cost at most, by the sizes of what they are given, and how large their results are. */
import type { Call, Expr } from "./ast.ts";
import { add, fixed, multiply, ONE, type Range, scale, times } from "./cost-range.ts";
import { CHECK_COST, LIST_COST, REGEX_FACTOR, STRING_FACTOR, STRUCT_COST } from "./costs.ts";
import type { Overload } from "./functions.ts";
import { isOptional } from "./types.ts";

export interface CallEstimate {
  readonly cost: Range;
  readonly size?: Range | undefined;
}

/** What is known of the sizes of values. */
export interface Sizes {
  of(expr: Expr): Range;
  /** Of the items of a list. */
  ofItems(list: Expr): Range;
}

/** Without the cost of the arguments. */
export function estimateCall(expr: Call, overload: Overload, sizes: Sizes): CallEstimate {
  return libraryEstimate(expr, overload, sizes) ?? standardEstimate(expr, overload, sizes) ?? { cost: ONE };
}

/** cel-go's own functions; undefined where the cost is 1. */
function standardEstimate(expr: Call, { id }: Overload, sizes: Sizes): CallEstimate | undefined {
  const [first, second] = expr.args;
  const { target } = expr;
  const text = (from: Expr, factor = STRING_FACTOR): Range => scale(sizes.of(from), factor);
  switch (id) {
    case "string_format":
      return { cost: text(target!) };
    case "string_to_bytes": {
      const { min, max } = sizes.of(first!);
      return { cost: text(first!), size: { min, max: max * 4 } };
    }
    case "bytes_to_string": {
      const { min, max } = sizes.of(first!);
      return { cost: text(first!), size: { min: Math.floor(min / 4), max } };
    }
    case "strings_quote": {
      const { min, max } = sizes.of(first!);
      return { cost: text(first!), size: { min: min + 2, max: max * 2 + 2 } };
    }
    case "starts_with_string":
    case "ends_with_string":
      return { cost: text(first!) };
    case "in_list":
      return { cost: sizes.of(second!) };
    case "matches_string":
      return { cost: regexEstimate(target!, first!, sizes) };
    case "contains_string":
      return { cost: multiply(text(target!), text(first!)) };
    case "add_string":
    case "add_bytes":
    case "add_list": {
      const size = add(sizes.of(first!), sizes.of(second!));
      return { cost: id === "add_list" ? ONE : scale(size, STRING_FACTOR), size };
    }
  }
  if (!/^(?:(?:less|greater)(?:_equals)?_(?:string|bytes)|equals|not_equals)$/.test(id)) return undefined;
  const most = Math.min(sizes.of(first!).max, sizes.of(second!).max);
  return { cost: scale({ min: most > 0 ? 1 : 0, max: most }, STRING_FACTOR) };
}

function regexEstimate(text: Expr, pattern: Expr, sizes: Sizes): Range {
  const once = scale(add(sizes.of(text), ONE), STRING_FACTOR);
  return multiply(once, scale(sizes.of(pattern), REGEX_FACTOR));
}

/** Kubernetes' functions. */
function libraryEstimate(expr: Call, overload: Overload, sizes: Sizes): CallEstimate | undefined {
  const { name, id } = overload;
  const [first, second] = expr.args;
  const { target } = expr;
  const text = (from: Expr | undefined, factor = STRING_FACTOR): Range => scale(sizes.of(from!), factor);
  switch (name) {
    case "check":
      return { cost: fixed(CHECK_COST) };
    case "fieldSelector":
    case "labelSelector": {
      const length = sizes.of(first!);
      const requirements = scale(scale(length, 0.5), LIST_COST + STRUCT_COST);
      return { cost: add(add(fixed(LIST_COST), scale(length, STRING_FACTOR)), requirements) };
    }
    case "isSorted":
    case "sum":
    case "max":
    case "min":
    case "indexOf":
    case "lastIndexOf": {
      const kind = target!.type!.kind === "list" ? target!.type!.params[0]!.kind : undefined;
      if (kind === undefined) return { cost: text(target) };
      const strings = kind === "string" || kind === "bytes";
      const item = strings ? add(ONE, scale(sizes.ofItems(target!), STRING_FACTOR)) : ONE;
      return { cost: multiply(sizes.of(target!), item) };
    }
    case "url":
    case "jsonpatch.escapeKey":
      return { cost: text(first), size: sizes.of(first!) };
    case "lowerAscii":
    case "upperAscii":
    case "substring":
    case "trim":
      return { cost: text(target), size: sizes.of(target!) };
    case "replace":
      return { cost: text(target, 2 * STRING_FACTOR), size: replacedSize(target!, first!, second!, sizes) };
    case "split": {
      const limit = second?.kind === "literal" && typeof second.value === "bigint" ? Number(second.value) : undefined;
      const most = limit === undefined ? sizes.of(target!).max : limit < 0 ? Infinity : limit;
      return { cost: text(target, 2 * STRING_FACTOR), size: { min: 0, max: most } };
    }
    case "join": {
      const items = sizes.of(target!);
      let size = multiply(items, sizes.ofItems(target!));
      if (first) {
        const separators = { min: Math.max(0, items.min - 1), max: Math.max(0, items.max - 1) };
        size = add(size, multiply(sizes.of(first), separators));
      }
      return { cost: scale(size, STRING_FACTOR), size };
    }
    case "slice": {
      const end = wholeOf(second) ?? sizes.of(target!).max;
      return listCost(fixed(Math.max(0, end - (wholeOf(first) ?? 0))));
    }
    case "lists.range":
      return listCost(fixed(wholeOf(first) ?? Infinity));
    case "reverse":
      return listCost(sizes.of(target!));
    case "flatten":
      return listCost(sizes.of(target!), first ? (wholeOf(first) ?? Infinity) : 1);
    case "distinct":
      return listCost(square(sizes.of(target!)), 2);
    case "sort":
    case "@sortByAssociatedKeys": {
      const keys = name === "sort" ? target! : first!;
      const { kind } = overload.args.at(-1)!.params[0]!;
      return listCost(square(sizes.of(keys)), kind === "string" || kind === "bytes" ? 2 + STRING_FACTOR : 2);
    }
    case "sets.contains":
    case "sets.intersects":
    case "sets.equivalent": {
      const pairs = multiply(sizes.of(first!), sizes.of(second!));
      return { cost: add(scale(pairs, name === "sets.equivalent" ? 2 : 1), ONE) };
    }
    case "find":
    case "findAll":
      return { cost: regexEstimate(target!, first!, sizes), size: { min: 0, max: sizes.of(target!).max } };
    case "ip":
      return { cost: id === "cidr_ip" ? ONE : text(first) };
    case "cidr":
    case "isIP":
    case "isCIDR":
    case "quantity":
    case "isQuantity":
    case "semver":
    case "isSemver":
      return { cost: text(first) };
    case "ip.isCanonical":
      return { cost: text(first, 2 * STRING_FACTOR) };
    case "containsIP":
    case "containsCIDR": {
      const bytes = { min: 4, max: 16 };
      let cost = scale(add(bytes, bytes), STRING_FACTOR);
      if (name === "containsCIDR") cost = add(add(cost, scale(bytes, STRING_FACTOR)), ONE);
      return { cost: id.endsWith("_string") ? add(cost, text(first)) : cost };
    }
    case "validate":
      return { cost: scale(text(first), 128 * REGEX_FACTOR) };
    case "_==_":
      return libraryEquality(first!, second!);
  }
  return undefined;
}

function libraryEquality(a: Expr, b: Expr): CallEstimate | undefined {
  const [left, right] = [a.type!, b.type!];
  if (left.kind !== "opaque" || isOptional(left) || left.name !== right.name) return undefined;
  if (left.name === "kubernetes.NamedFormat") return { cost: scale({ min: 1, max: 64 }, STRING_FACTOR) };
  return { cost: ONE };
}

/** The size of a text after `replace`. */
function replacedSize(target: Expr, old: Expr, next: Expr, sizes: Sizes): Range {
  const [text, from, to] = [sizes.of(target), sizes.of(old), sizes.of(next)];
  const longest =
    from.min === 0
      ? times(text.max + 1, to.max) + text.max
      : to.max <= from.min
        ? text.max
        : times(Math.ceil(text.max / from.min), to.max);
  const shortest =
    from.max === 0
      ? times(text.min + 1, to.min) + text.min
      : from.max <= to.min
        ? text.min
        : times(Math.ceil(text.min / from.max), to.min);
  return { min: shortest, max: longest };
}

/** A call that makes a list of `size`, after going through it `factor` times. */
const listCost = (size: Range, factor = 1): CallEstimate => ({
  cost: add(scale(size, factor), fixed(1 + LIST_COST)),
  size,
});
const square = (size: Range): Range => multiply(size, size);
/** A literal int, not below 0. */
const wholeOf = (expr: Expr | undefined): number | undefined =>
  expr?.kind === "literal" && typeof expr.value === "bigint" ? Math.max(0, Number(expr.value)) : undefined;
