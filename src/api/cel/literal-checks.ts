/**
 * Literals that would fail in every evaluation are refused at once: durations, timestamps and regular expressions. Lists
 * and maps of mixed types are refused too, except as arguments of `format`.
 */
import type { Call, Expr } from "./ast.ts";
import { checkFormat } from "./format-checks.ts";
import { regex } from "./regex.ts";
import type { Source } from "./source.ts";
import { parseDuration, parseTimestamp } from "./time.ts";
import { type CType, messageTypeName, sameType, unwrapOptional } from "./types.ts";
import { Fault } from "./values.ts";

/** Functions whose first argument is looked at; for `matches` as a function that is the text, as in cel-go. */
const CHECKS: Readonly<Record<string, readonly [what: string, check: (text: string) => unknown]>> = {
  duration: ["duration", parseDuration],
  timestamp: ["timestamp", parseTimestamp],
  matches: ["matches", regex],
};

export function checkLiterals(expr: Expr, source: Source, formatted = false): void {
  if (expr.kind === "call") checkCall(expr, source);
  else if (expr.kind === "list" && !formatted) {
    sameTypes(
      expr.items.map((item, index) => [item, expr.optional.has(index)] as const),
      source,
    );
  } else if (expr.kind === "map" && !formatted) {
    sameTypes(
      expr.entries.map(({ key }) => [key, false] as const),
      source,
    );
    sameTypes(
      expr.entries.map(({ value, optional }) => [value, optional] as const),
      source,
    );
  }
  const inside = formatted || (expr.kind === "call" && expr.name === "format");
  for (const child of children(expr)) checkLiterals(child, source, inside);
}

function sameTypes(items: readonly (readonly [expr: Expr, optional: boolean])[], source: Source): void {
  const typeOf = ([{ type }, optional]: (typeof items)[number]): CType => (optional ? unwrapOptional(type!) : type!);
  const [first, ...rest] = items;
  if (!first) return;
  const wanted = typeOf(first);
  const other = rest.find((item) => !sameType(wanted, typeOf(item)));
  if (!other) return;
  const found = messageTypeName(typeOf(other));
  source.report(other[0].offset, `expected type '${messageTypeName(wanted)}' but found '${found}'`);
}

function checkCall(expr: Call, source: Source): void {
  const { name, args } = expr;
  if (name === "format") checkFormat(expr, source);
  const check = Object.hasOwn(CHECKS, name) ? CHECKS[name] : undefined;
  if (!check) return;
  const [what, parse] = check;
  const [literal] = args;
  if (literal?.kind !== "literal" || typeof literal.value !== "string") return;
  try {
    parse(literal.value);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    source.report(literal.offset, `invalid ${what} argument`);
  }
}

function children(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case "literal":
    case "ident":
      return [];
    case "select":
      return [expr.operand];
    case "call":
      return expr.target ? [expr.target, ...expr.args] : expr.args;
    case "list":
      return expr.items;
    case "map":
      return expr.entries.flatMap(({ key, value }) => [key, value]);
    case "struct":
      return expr.fields.map(({ value }) => value);
    case "comprehension":
      return [expr.range, expr.init, expr.condition, expr.step, expr.result];
  }
}
