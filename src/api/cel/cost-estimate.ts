/**
 * The most that an expression can cost, before anything is known but the types of its variables (cel-go's checker/cost.go
 * with apiserver's pkg/cel/library/cost.go). Sizes of values that come straight from a variable are those of its declared
 * type; what cannot be bounded is Infinity.
 */
import { ACCUMULATOR, type Call, type Comprehension, type Expr } from "./ast.ts";
import { CHECK_COST, LIST_COST, MAP_COST, NAME_COST, REGEX_FACTOR, STRING_FACTOR, STRUCT_COST } from "./costs.ts";
import { fieldAlias } from "./escaping.ts";
import type { Overload } from "./functions.ts";
import { type CType, INT, isOptional, unwrapOptional } from "./types.ts";
import { characters } from "./values.ts";

/** From at least `min` to at most `max`. */
export interface Range {
  readonly min: number;
  readonly max: number;
}
const fixed = (size: number): Range => ({ min: size, max: size });
const NONE = fixed(0);
const ONE = fixed(1);
const UNKNOWN: Range = { min: 0, max: Infinity };
const add = (a: Range, b: Range): Range => ({ min: a.min + b.min, max: a.max + b.max });
/** 0 times anything is 0. */
const times = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);
const multiply = (a: Range, b: Range): Range => ({ min: times(a.min, b.min), max: times(a.max, b.max) });
const scale = ({ min, max }: Range, factor: number): Range => ({
  min: Math.ceil(times(min, factor)),
  max: Math.ceil(times(max, factor)),
});
const union = (a: Range, b: Range): Range => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) });
const sum = (ranges: readonly Range[]): Range => ranges.reduce(add, NONE);

export function estimateCost(expr: Expr, variables: ReadonlyMap<string, CType>): Range {
  return new Estimator(variables).cost(expr);
}

/** Sizes of the keys and values of a container. */
interface Entries {
  readonly list: boolean;
  readonly key: Range;
  readonly value: Range;
}
interface Local {
  /** The declared type, where the variable is a part of a declared one. */
  readonly declared: CType | undefined;
  readonly size: Range | undefined;
  readonly entries: Entries | undefined;
}
interface CallEstimate {
  readonly cost: Range;
  readonly size?: Range | undefined;
}

class Estimator {
  readonly #variables: ReadonlyMap<string, CType>;
  readonly #locals = new Map<string, Local[]>();
  readonly #declared = new Map<Expr, CType>();
  readonly #sizes = new Map<Expr, Range>();
  readonly #entries = new Map<Expr, Entries>();

  constructor(variables: ReadonlyMap<string, CType>) {
    this.#variables = variables;
  }

  cost(expr: Expr): Range {
    switch (expr.kind) {
      case "literal":
        return NONE;
      case "ident":
        this.#note(expr, this.#local(expr.name) ? this.#local(expr.name)!.declared : this.#variables.get(expr.name));
        return fixed(NAME_COST);
      case "select": {
        if (expr.resolved) {
          this.#note(expr, this.#variables.get(expr.resolved.name));
          return fixed(NAME_COST);
        }
        const cost = this.cost(expr.operand);
        if (expr.testOnly) return cost;
        this.#note(expr, fieldOf(this.#declaredOf(expr.operand), expr.field));
        const { kind } = expr.operand.type!;
        return kind === "map" || kind === "struct" || kind === "param" ? add(cost, fixed(NAME_COST)) : cost;
      }
      case "call":
        return this.#call(expr);
      case "list": {
        const cost = sum(expr.items.map((item) => this.cost(item)));
        this.#entries.set(expr, { list: true, key: ONE, value: this.#spread(expr.items) });
        return add(cost, fixed(LIST_COST));
      }
      case "map": {
        const cost = sum(expr.entries.flatMap(({ key, value }) => [this.cost(key), this.cost(value)]));
        const key = this.#spread(expr.entries.map((entry) => entry.key));
        const value = this.#spread(expr.entries.map((entry) => entry.value));
        this.#entries.set(expr, { list: false, key, value });
        return add(cost, fixed(MAP_COST));
      }
      case "struct":
        return add(sum(expr.fields.map(({ value }) => this.cost(value))), fixed(STRUCT_COST));
      case "comprehension":
        return this.#comprehension(expr);
    }
  }

  #note(expr: Expr, declared: CType | undefined): void {
    if (declared) this.#declared.set(expr, declared);
  }

  #local(name: string): Local | undefined {
    return this.#locals.get(name)?.at(-1);
  }

  #within<T>(name: string, local: Local, run: () => T): T {
    const stack = this.#locals.get(name) ?? [];
    this.#locals.set(name, stack);
    stack.push(local);
    const result = run();
    stack.pop();
    return result;
  }

  #declaredOf(expr: Expr): CType | undefined {
    if (expr.kind === "ident") {
      const local = this.#local(expr.name);
      if (local) return local.declared;
    }
    return this.#declared.get(expr);
  }

  /** The size of a value; undefined where nothing is known. */
  #sizeOf(expr: Expr): Range | undefined {
    const known = this.#sizes.get(expr) ?? literalSize(expr);
    if (known) return known;
    const declared = this.#declaredOf(expr);
    if (declared && isSized(declared)) return { min: 0, max: declared.maxElements ?? 0 };
    if (isScalar(expr.type!)) return ONE;
    return expr.kind === "ident" ? this.#local(expr.name)?.size : undefined;
  }
  #size(expr: Expr): Range {
    return this.#sizeOf(expr) ?? UNKNOWN;
  }
  #spread(items: readonly Expr[]): Range {
    return items.length === 0 ? NONE : items.map((item) => this.#size(item)).reduce(union);
  }

  #entriesOf(expr: Expr): Entries | undefined {
    return this.#entries.get(expr) ?? (expr.kind === "ident" ? this.#local(expr.name)?.entries : undefined);
  }

  /** The size of the items of a list, as the functions over lists need it. */
  #itemSize(list: Expr): Range {
    const declared = this.#declaredOf(list);
    const item = declared?.kind === "list" ? declared.params[0]! : undefined;
    return item && isSized(item) ? { min: 0, max: item.maxElements ?? 0 } : UNKNOWN;
  }

  #comprehension(expr: Comprehension): Range {
    const { range, init } = expr;
    const start = add(this.cost(range), this.cost(init));
    const accumulator: Local = {
      declared: this.#declaredOf(init),
      size: this.#sizeOf(init),
      entries: this.#entriesOf(init),
    };
    if (expr.accumulator !== ACCUMULATOR) {
      const cost = this.#within(expr.accumulator, accumulator, () => {
        const result = this.cost(expr.result);
        this.#copy(expr, expr.result);
        return result;
      });
      return add(start, cost);
    }
    const entries = this.#entriesOf(range);
    const list = entries ? entries.list : range.type!.kind === "list";
    const declared = this.#declaredOf(range);
    const key: Local = {
      declared: declared && (list ? INT : declared.params[0]),
      size: entries?.key,
      entries: undefined,
    };
    const value: Local = {
      declared: declared?.params[list ? 0 : 1],
      size: entries?.value,
      entries: undefined,
    };
    const first = expr.variable2 !== undefined || !list ? key : value;
    const [round, result] = this.#within(expr.accumulator, accumulator, () => {
      const inner = () => add(this.cost(expr.condition), this.cost(expr.step));
      const both = () => (expr.variable2 === undefined ? inner() : this.#within(expr.variable2, value, inner));
      return [this.#within(expr.variable, first, both), this.cost(expr.result)] as const;
    });
    const rounds = this.#size(range);
    if (init.kind === "literal") this.#sizes.set(expr, this.#size(init));
    else if (init.kind === "list" || init.kind === "map") {
      this.#sizes.set(expr, rounds);
      const stepEntries = this.#entriesOf(expr.step);
      if (stepEntries) this.#entries.set(expr, stepEntries);
    }
    return add(add(start, result), multiply(rounds, round));
  }

  #copy(to: Expr, from: Expr): void {
    const size = this.#sizeOf(from);
    if (size) this.#sizes.set(to, size);
    const entries = this.#entriesOf(from);
    if (entries) this.#entries.set(to, entries);
  }

  #call(expr: Call): Range {
    if (expr.name === "dyn") {
      const cost = this.cost(expr.args[0]!);
      this.#copy(expr, expr.args[0]!);
      return add(ONE, cost);
    }
    const args = expr.args.map((arg) => this.cost(arg));
    const target = expr.target ? this.cost(expr.target) : NONE;
    let cost: Range | undefined;
    let size: Range | undefined;
    for (const overload of expr.overloads!) {
      const estimate = this.#overload(expr, overload, args);
      cost = cost ? union(cost, estimate.cost) : estimate.cost;
      if (estimate.size) size = size ? union(size, estimate.size) : estimate.size;
      if (overload.id === "index_list" || overload.id === "index_map") {
        size = this.#entriesOf(expr.args[0]!)?.value;
        this.#note(expr, this.#declaredOf(expr.args[0]!)?.params[overload.id === "index_list" ? 0 : 1]);
      }
      size ??= this.#sizeOf(expr);
    }
    if (size) this.#sizes.set(expr, size);
    return add(target, cost ?? NONE);
  }

  #overload(expr: Call, overload: Overload, argCosts: readonly Range[]): CallEstimate {
    switch (overload.name) {
      case "_&&_":
      case "_||_":
        return { cost: { min: argCosts[0]!.min, max: add(argCosts[0]!, argCosts[1]!).max } };
      case "_?_:_": {
        const [, then, otherwise] = expr.args as [Expr, Expr, Expr];
        const entries = [this.#entriesOf(then), this.#entriesOf(otherwise)];
        if (entries[0] && entries[1]) this.#entries.set(expr, unionEntries(entries[0], entries[1]));
        const size = union(this.#size(then), this.#size(otherwise));
        return { cost: add(argCosts[0]!, union(argCosts[1]!, argCosts[2]!)), size };
      }
    }
    const own = this.#library(expr, overload) ?? this.#standard(expr, overload) ?? { cost: ONE };
    return { ...own, cost: add(own.cost, sum(argCosts)) };
  }

  /** cel-go's own functions; undefined where the cost is 1. */
  #standard(expr: Call, { id }: Overload): CallEstimate | undefined {
    const [first, second] = expr.args;
    const { target } = expr;
    const text = (from: Expr, factor = STRING_FACTOR): Range => scale(this.#size(from), factor);
    switch (id) {
      case "string_format":
        return { cost: text(target!) };
      case "string_to_bytes": {
        const { min, max } = this.#size(first!);
        return { cost: text(first!), size: { min, max: max * 4 } };
      }
      case "bytes_to_string": {
        const { min, max } = this.#size(first!);
        return { cost: text(first!), size: { min: Math.floor(min / 4), max } };
      }
      case "strings_quote": {
        const { min, max } = this.#size(first!);
        return { cost: text(first!), size: { min: min + 2, max: max * 2 + 2 } };
      }
      case "starts_with_string":
      case "ends_with_string":
        return { cost: text(first!) };
      case "in_list":
        return { cost: this.#size(second!) };
      case "matches_string":
        return { cost: this.#regex(target!, first!) };
      case "contains_string":
        return { cost: multiply(text(target!), text(first!)) };
      case "add_string":
      case "add_bytes":
      case "add_list": {
        const size = add(this.#size(first!), this.#size(second!));
        const entries = [this.#entriesOf(first!), this.#entriesOf(second!)];
        if (entries[0] && entries[1]) this.#entries.set(expr, unionEntries(entries[0], entries[1]));
        return { cost: id === "add_list" ? ONE : scale(size, STRING_FACTOR), size };
      }
    }
    if (!/^(?:(?:less|greater)(?:_equals)?_(?:string|bytes)|equals|not_equals)$/.test(id)) return undefined;
    const most = Math.min(this.#size(first!).max, this.#size(second!).max);
    return { cost: scale({ min: most > 0 ? 1 : 0, max: most }, STRING_FACTOR) };
  }

  #regex(text: Expr, pattern: Expr): Range {
    const once = scale(add(this.#size(text), ONE), STRING_FACTOR);
    return multiply(once, scale(this.#size(pattern), REGEX_FACTOR));
  }

  /** Kubernetes' functions. */
  #library(expr: Call, overload: Overload): CallEstimate | undefined {
    const { name, id } = overload;
    const [first, second] = expr.args;
    const { target } = expr;
    const text = (from: Expr | undefined, factor = STRING_FACTOR): Range => scale(this.#size(from!), factor);
    switch (name) {
      case "check":
        return { cost: fixed(CHECK_COST) };
      case "fieldSelector":
      case "labelSelector": {
        const length = this.#size(first!);
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
        const item = strings ? add(ONE, scale(this.#itemSize(target!), STRING_FACTOR)) : ONE;
        return { cost: multiply(this.#size(target!), item) };
      }
      case "url":
      case "jsonpatch.escapeKey":
        return { cost: text(first), size: this.#size(first!) };
      case "lowerAscii":
      case "upperAscii":
      case "substring":
      case "trim":
        return { cost: text(target), size: this.#size(target!) };
      case "replace":
        return { cost: text(target, 2 * STRING_FACTOR), size: this.#replaced(target!, first!, second!) };
      case "split": {
        const limit = second?.kind === "literal" && typeof second.value === "bigint" ? Number(second.value) : undefined;
        const most = limit === undefined ? this.#size(target!).max : limit < 0 ? Infinity : limit;
        return { cost: text(target, 2 * STRING_FACTOR), size: { min: 0, max: most } };
      }
      case "join": {
        const items = this.#size(target!);
        let size = multiply(items, this.#itemSize(target!));
        if (first) {
          const separators = { min: Math.max(0, items.min - 1), max: Math.max(0, items.max - 1) };
          size = add(size, multiply(this.#size(first), separators));
        }
        return { cost: scale(size, STRING_FACTOR), size };
      }
      case "slice": {
        const end = wholeOf(second) ?? this.#size(target!).max;
        return listCost(fixed(Math.max(0, end - (wholeOf(first) ?? 0))));
      }
      case "lists.range":
        return listCost(fixed(wholeOf(first) ?? Infinity));
      case "reverse":
        return listCost(this.#size(target!));
      case "flatten":
        return listCost(this.#size(target!), first ? (wholeOf(first) ?? Infinity) : 1);
      case "distinct":
        return listCost(square(this.#size(target!)), 2);
      case "sort":
      case "@sortByAssociatedKeys": {
        const keys = name === "sort" ? target! : first!;
        const { kind } = overload.args.at(-1)!.params[0]!;
        return listCost(square(this.#size(keys)), kind === "string" || kind === "bytes" ? 2 + STRING_FACTOR : 2);
      }
      case "sets.contains":
      case "sets.intersects":
      case "sets.equivalent": {
        const pairs = multiply(this.#size(first!), this.#size(second!));
        return { cost: add(scale(pairs, name === "sets.equivalent" ? 2 : 1), ONE) };
      }
      case "find":
      case "findAll":
        return { cost: this.#regex(target!, first!), size: { min: 0, max: this.#size(target!).max } };
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
        return this.#libraryEquality(first!, second!);
    }
    return undefined;
  }

  #libraryEquality(a: Expr, b: Expr): CallEstimate | undefined {
    const [left, right] = [a.type!, b.type!];
    if (left.kind !== "opaque" || isOptional(left) || left.name !== right.name) return undefined;
    if (left.name === "kubernetes.NamedFormat") return { cost: scale({ min: 1, max: 64 }, STRING_FACTOR) };
    return { cost: ONE };
  }

  /** The size of a text after `replace`. */
  #replaced(target: Expr, old: Expr, next: Expr): Range {
    const [text, from, to] = [this.#size(target), this.#size(old), this.#size(next)];
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

function fieldOf(declared: CType | undefined, field: string): CType | undefined {
  if (!declared) return undefined;
  // As in upstream, nothing is known of a field that is named by a word that should be escaped.
  if (fieldAlias(field) !== undefined) return undefined;
  const type = unwrapOptional(declared);
  return type.kind === "map" ? type.params[1] : type.field?.(field);
}

/** Whether a type comes from a schema, which bounds its values. */
const isSized = (type: CType): boolean => type.minSize !== undefined;

const unionEntries = (a: Entries, b: Entries): Entries => ({
  list: a.list,
  key: union(a.key, b.key),
  value: union(a.value, b.value),
});

function literalSize(expr: Expr): Range | undefined {
  if (expr.kind === "list") return fixed(expr.items.length);
  if (expr.kind === "map") return fixed(expr.entries.length);
  if (expr.kind !== "literal") return undefined;
  const { value } = expr;
  if (typeof value === "string") return fixed(characters(value));
  return value instanceof Uint8Array ? fixed(value.length) : ONE;
}

function isScalar(type: CType): boolean {
  if (isOptional(type)) return isScalar(type.params[0]!);
  return ["bool", "double", "duration", "int", "timestamp", "uint"].includes(type.kind);
}
