/**
 * The most that an expression can cost, before anything is known but the types of its variables (cel-go's checker/cost.go
 * with apiserver's pkg/cel/library/cost.go). Sizes of values that come straight from a variable are those of its declared
 * type; what cannot be bounded is Infinity.
 */
import { ACCUMULATOR, type Call, type Comprehension, type Expr } from "./ast.ts";
import { type CallEstimate, estimateCall } from "./call-estimates.ts";
import { add, fixed, multiply, NONE, ONE, type Range, sum, UNKNOWN, union } from "./cost-range.ts";
import { LIST_COST, MAP_COST, NAME_COST, STRUCT_COST } from "./costs.ts";
import { fieldAlias } from "./escaping.ts";
import type { Overload } from "./functions.ts";
import { type CType, INT, isOptional, unwrapOptional } from "./types.ts";
import { characters } from "./values.ts";

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
    if (overload.name === "_+_") {
      const entries = [this.#entriesOf(expr.args[0]!), this.#entriesOf(expr.args[1]!)];
      if (entries[0] && entries[1]) this.#entries.set(expr, unionEntries(entries[0], entries[1]));
    }
    const own = estimateCall(expr, overload, { of: (one) => this.#size(one), ofItems: (list) => this.#itemSize(list) });
    return { ...own, cost: add(own.cost, sum(argCosts)) };
  }
}

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
