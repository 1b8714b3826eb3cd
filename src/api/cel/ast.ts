import type { Overload } from "./functions.ts";
import type { CType } from "./types.ts";
import type { Value } from "./values.ts";

/**
 * The syntax tree after macro expansion, as in cel-go. `offset` is where cel-go would point at in an error: the operator,
 * the parenthesis of a call, the dot of a selection. The checker fills in `type`, and what names refer to.
 */
export type Expr = Literal | Ident | Select | Call | ListExpr | MapExpr | StructExpr | Comprehension;

interface Node {
  readonly offset: number;
  type?: CType;
}
export interface Literal extends Node {
  readonly kind: "literal";
  readonly value: Value;
}
export interface Ident extends Node {
  readonly kind: "ident";
  name: string;
  /** A name that stands for a value, such as a type's. */
  constant?: Value;
}
export interface Select extends Node {
  readonly kind: "select";
  readonly operand: Expr;
  readonly field: string;
  /** `has(a.b)`. */
  readonly testOnly: boolean;
  /** The whole selection is the name of a variable or a type. */
  resolved?: Ident;
}
export interface Call extends Node {
  readonly kind: "call";
  /** The target moves away where it is part of the name, as in `sets.contains(…)`. */
  name: string;
  target: Expr | undefined;
  readonly args: readonly Expr[];
  /** Those that may apply by their static types. */
  overloads?: readonly Overload[];
}
export interface ListExpr extends Node {
  readonly kind: "list";
  readonly items: readonly Expr[];
  /** Indexes of `?item` entries. */
  readonly optional: ReadonlySet<number>;
}
export interface MapEntry {
  readonly offset: number;
  readonly key: Expr;
  readonly value: Expr;
  readonly optional: boolean;
}
export interface MapExpr extends Node {
  readonly kind: "map";
  readonly entries: readonly MapEntry[];
}
export interface StructField {
  readonly offset: number;
  readonly name: string;
  readonly value: Expr;
  readonly optional: boolean;
}
export interface StructExpr extends Node {
  readonly kind: "struct";
  readonly name: string;
  readonly fields: readonly StructField[];
}
/** A loop: every macro with a variable is one. */
export interface Comprehension extends Node {
  readonly kind: "comprehension";
  readonly range: Expr;
  readonly variable: string;
  /** With two variables, the first is the index or key and this is the value. */
  readonly variable2: string | undefined;
  readonly accumulator: string;
  readonly init: Expr;
  readonly condition: Expr;
  readonly step: Expr;
  readonly result: Expr;
}

/** The name of the accumulator of the standard macros; not writable in an expression. */
export const ACCUMULATOR = "@result";

/** `a.b.c` as a name; undefined where the expression is anything else. */
export function qualifiedName(expr: Expr): string | undefined {
  if (expr.kind === "ident") return expr.name;
  if (expr.kind !== "select" || expr.testOnly) return undefined;
  const prefix = qualifiedName(expr.operand);
  return prefix === undefined ? undefined : `${prefix}.${expr.field}`;
}
