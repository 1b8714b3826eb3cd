/**
 * Finds the type of every node, what names refer to, and which overloads a call may take, with cel-go's messages. Types
 * that are wrong are reported and then taken for any type, so that one mistake gives one message.
 */
import { type Call, type Comprehension, type Expr, type Ident, qualifiedName, type Select } from "./ast.ts";
import { TYPE_NAMES } from "./environment.ts";
import type { Functions, Overload } from "./functions.ts";
import type { Source } from "./source.ts";
import {
  BOOL,
  BYTES,
  type CType,
  DOUBLE,
  DYN,
  ERROR,
  INT,
  isDyn,
  isDynOrError,
  isOptional,
  listOf,
  mapOf,
  messageTypeName,
  mostGeneral,
  NULL,
  optionalOf,
  STRING,
  Substitutions,
  sameType,
  TYPE,
  UINT,
  unwrapOptional,
} from "./types.ts";
import { Uint, type Value } from "./values.ts";

export interface Declarations {
  readonly functions: Functions;
  readonly variables: ReadonlyMap<string, CType>;
  /** Types that struct literals may name. */
  structType(name: string): CType | undefined;
}

/** Fills in types and references; reports into `source`. */
export function checkTypes(expr: Expr, source: Source, declarations: Declarations): CType {
  const checker = new Checker(source, declarations);
  checker.check(expr);
  return checker.finish(expr);
}

class Checker {
  readonly #source: Source;
  readonly #declarations: Declarations;
  readonly #substitutions = new Substitutions();
  /** Innermost last: the variables of loops. */
  readonly #scopes: Map<string, CType>[] = [];
  readonly #checked: Expr[] = [];

  constructor(source: Source, declarations: Declarations) {
    this.#source = source;
    this.#declarations = declarations;
  }

  finish(expr: Expr): CType {
    for (const node of this.#checked) node.type = this.#substitutions.apply(node.type!, true);
    return expr.type!;
  }

  check(expr: Expr): CType {
    expr.type = this.#typeOf(expr);
    this.#checked.push(expr);
    return expr.type;
  }

  #typeOf(expr: Expr): CType {
    switch (expr.kind) {
      case "literal":
        return literalType(expr.value);
      case "ident":
        return this.#ident(expr);
      case "select":
        return this.#select(expr);
      case "call":
        return this.#call(expr);
      case "list": {
        const items = expr.items.map((item, index) => [item, this.#entry(item, expr.optional.has(index))] as const);
        return listOf(this.#join(items));
      }
      case "map": {
        const keys = expr.entries.map(({ key }) => [key, this.check(key)] as const);
        const values = expr.entries.map(({ value, optional }) => [value, this.#entry(value, optional)] as const);
        return mapOf(this.#join(keys), this.#join(values));
      }
      case "struct":
        return this.#struct(expr);
      case "comprehension":
        return this.#comprehension(expr);
    }
  }

  /** The type of an item; of what an optional item holds. */
  #entry(expr: Expr, optional: boolean): CType {
    const type = this.check(expr);
    if (!optional) return type;
    if (!isOptional(type) && !isDyn(type)) this.#mismatch(expr.offset, optionalOf(type), type);
    return unwrapOptional(type);
  }

  /** The one type of the items of a list; dyn for mixed ones. */
  #join(items: readonly (readonly [Expr, CType])[]): CType {
    let joined: CType | undefined;
    for (const [, type] of items) {
      if (!joined) joined = type;
      else if (this.#substitutions.assignable(joined, type)) joined = mostGeneral(joined, type);
      else joined = DYN;
    }
    return joined ?? this.#substitutions.fresh();
  }

  #variable(name: string): CType | undefined {
    for (const scope of this.#scopes.toReversed()) {
      const found = scope.get(name);
      if (found) return found;
    }
    return this.#declarations.variables.get(name);
  }

  /** What a name, possibly with dots, stands for. */
  #resolve(name: string): { type: CType; constant?: Value } | undefined {
    const plain = name.startsWith(".") ? name.slice(1) : name;
    const variable = name.startsWith(".") ? this.#declarations.variables.get(plain) : this.#variable(plain);
    if (variable) return { type: variable };
    const type = TYPE_NAMES.get(plain);
    return type && { type: type.type, constant: type.value };
  }

  #ident(expr: Ident): CType {
    const found = this.#resolve(expr.name);
    if (!found) {
      this.#undeclared(expr.offset, expr.name);
      return ERROR;
    }
    expr.name = expr.name.replace(/^\./, "");
    if (found.constant !== undefined) expr.constant = found.constant;
    return found.type;
  }

  #select(expr: Select): CType {
    const name = qualifiedName(expr);
    const whole = name === undefined ? undefined : this.#resolve(name);
    if (whole) {
      const { offset } = expr;
      expr.resolved = { kind: "ident", offset, name: name!.replace(/^\./, ""), type: whole.type };
      if (whole.constant !== undefined) expr.resolved.constant = whole.constant;
      return whole.type;
    }
    const type = this.#fieldType(expr.offset, expr.operand, expr.field, false);
    return expr.testOnly ? BOOL : this.#substitutions.apply(type, false);
  }

  #fieldType(offset: number, operand: Expr, field: string, optional: boolean): CType {
    const operandType = this.#substitutions.apply(this.check(operand), false);
    const target = unwrapOptional(operandType);
    let result = DYN;
    if (target.kind === "map") result = target.params[1]!;
    else if (target.kind === "struct" || (target.kind === "opaque" && target.name.includes("kubernetes."))) {
      const found = target.field?.(field);
      if (found) result = found;
      else {
        result = ERROR;
        this.#source.report(offset, `undefined field '${field}'`);
      }
    } else if (target.kind === "param") this.#substitutions.assignable(DYN, target);
    else if (!isDynOrError(target)) {
      this.#source.report(offset, `type '${messageTypeName(target)}' does not support field selection`);
      result = ERROR;
    }
    return optional || isOptional(operandType) ? optionalOf(result) : result;
  }

  #call(expr: Call): CType {
    const { functions } = this.#declarations;
    if (expr.name === "_?._") {
      const [operand, field] = expr.args as [Expr, Expr];
      this.check(field);
      const name = field.kind === "literal" && typeof field.value === "string" ? field.value : "";
      expr.overloads = functions.named("_?._")!;
      return this.#substitutions.apply(this.#fieldType(expr.offset, operand, name, true), false);
    }
    for (const arg of expr.args) this.check(arg);
    if (!expr.target) {
      const name = expr.name.replace(/^\./, "");
      const overloads = functions.named(name);
      if (!overloads) {
        this.#undeclared(expr.offset, expr.name);
        return ERROR;
      }
      expr.name = name;
      return this.#overloads(expr, overloads, undefined);
    }
    const prefix = qualifiedName(expr.target);
    const namespaced = prefix === undefined ? undefined : functions.named(`${prefix}.${expr.name}`);
    if (namespaced) {
      expr.name = `${prefix}.${expr.name}`;
      expr.target = undefined;
      return this.#overloads(expr, namespaced, undefined);
    }
    this.check(expr.target);
    const overloads = functions.named(expr.name);
    if (overloads) return this.#overloads(expr, overloads, expr.target);
    this.#undeclared(expr.offset, expr.name);
    return ERROR;
  }

  #overloads(expr: Call, overloads: readonly Overload[], target: Expr | undefined): CType {
    const operands = target ? [target, ...expr.args] : expr.args;
    const types = operands.map(({ type }) => type!);
    if (expr.name === "_&&_" || expr.name === "_||_") {
      expr.overloads = overloads;
      let fits = true;
      for (const operand of operands) {
        if (this.#substitutions.assignable(operand.type!, BOOL)) continue;
        this.#mismatch(operand.offset, BOOL, operand.type!);
        fits = false;
      }
      return fits ? BOOL : ERROR;
    }
    const fitting: Overload[] = [];
    let result: CType | undefined;
    for (const overload of overloads) {
      if (overload.member !== (target !== undefined) || overload.args.length !== types.length) continue;
      const instance = this.#instance(overload);
      if (!this.#substitutions.assignableAll(types, instance.args)) continue;
      fitting.push(overload);
      const own = this.#substitutions.apply(instance.result, false);
      if (result === undefined) result = own;
      else if (!isDyn(result) && !sameType(own, result)) result = DYN;
    }
    expr.overloads = fitting;
    if (result) return result;
    const [first, ...rest] = types.map((type) => messageTypeName(this.#substitutions.apply(type, true)));
    const signature = target ? `${first}.(${rest.join(", ")})` : `(${[...(first ? [first] : []), ...rest].join(", ")})`;
    this.#source.report(expr.offset, `found no matching overload for '${expr.name}' applied to '${signature}'`);
    return ERROR;
  }

  /** The overload's types with parameters of their own. */
  #instance({ args, result, typeParams }: Overload): { args: readonly CType[]; result: CType } {
    if (typeParams.length === 0) return { args, result };
    const fresh = new Map(typeParams.map((name) => [name, this.#substitutions.fresh()]));
    const replace = (type: CType): CType =>
      type.kind === "param"
        ? (fresh.get(type.name) ?? type)
        : type.params.length === 0
          ? type
          : { ...type, params: type.params.map(replace) };
    return { args: args.map(replace), result: replace(result) };
  }

  #struct(expr: Expr & { kind: "struct" }): CType {
    const type = this.#declarations.structType(expr.name.replace(/^\./, ""));
    if (!type) {
      this.#undeclared(expr.offset, expr.name);
      return ERROR;
    }
    for (const { name, value, optional, offset } of expr.fields) {
      const actual = this.#entry(value, optional);
      const wanted = type.field?.(name);
      if (!wanted) this.#source.report(offset, `undefined field '${name}'`);
      else if (!this.#substitutions.assignable(wanted, actual)) {
        this.#source.report(
          offset,
          `expected type of field '${name}' is '${messageTypeName(wanted)}' but provided type is '${messageTypeName(
            this.#substitutions.apply(actual, true),
          )}'`,
        );
      }
    }
    return type;
  }

  #comprehension(expr: Comprehension): CType {
    this.check(expr.range);
    const accumulated = this.check(expr.init);
    const range = this.#substitutions.apply(expr.range.type!, false);
    let first = DYN;
    let second = DYN;
    if (range.kind === "list") [first, second] = expr.variable2 ? [INT, range.params[0]!] : [range.params[0]!, DYN];
    else if (range.kind === "map") [first, second] = [range.params[0]!, range.params[1]!];
    else if (range.kind === "param") this.#substitutions.assignable(DYN, range);
    else if (!isDynOrError(range)) {
      this.#source.report(
        expr.range.offset,
        `expression of type '${messageTypeName(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
      );
      [first, second] = [ERROR, ERROR];
    }
    this.#scopes.push(new Map([[expr.accumulator, accumulated]]));
    const scope = new Map([[expr.variable, first]]);
    if (expr.variable2) scope.set(expr.variable2, second);
    this.#scopes.push(scope);
    this.check(expr.condition);
    this.#assert(expr.condition, BOOL);
    this.check(expr.step);
    this.#assert(expr.step, accumulated);
    this.#scopes.pop();
    this.check(expr.result);
    this.#scopes.pop();
    return this.#substitutions.apply(expr.result.type!, false);
  }

  #assert(expr: Expr, wanted: CType): void {
    if (!this.#substitutions.assignable(wanted, expr.type!)) this.#mismatch(expr.offset, wanted, expr.type!);
  }

  #mismatch(offset: number, wanted: CType, actual: CType): void {
    const [expected, found] = [wanted, actual].map((type) => messageTypeName(this.#substitutions.apply(type, true)));
    this.#source.report(offset, `expected type '${expected}' but found '${found}'`);
  }

  #undeclared(offset: number, name: string): void {
    this.#source.report(offset, `undeclared reference to '${name}' (in container '')`);
  }
}

function literalType(value: Value): CType {
  switch (typeof value) {
    case "boolean":
      return BOOL;
    case "bigint":
      return INT;
    case "number":
      return DOUBLE;
    case "string":
      return STRING;
    default:
      return value === null ? NULL : value instanceof Uint ? UINT : value instanceof Uint8Array ? BYTES : TYPE;
  }
}
