import type { Call, Expr } from "./ast.ts";
import { accepts } from "./functions.ts";
import { ListValue, MapValue, mapKey, type Value } from "./values.ts";

/** Conversions of constants are made once, and cost nothing. */
const CONVERSIONS = new Set("bool bytes double duration dyn int string timestamp type uint".split(" "));

/** What is known before anything is evaluated, as cel-go's optimizer finds it. */
export class Constants {
  readonly #found = new Map<Expr, Value | undefined>();

  /** The value of an expression; undefined where it is no constant. Throws a Fault where a conversion fails. */
  of(expr: Expr): Value | undefined {
    if (!this.#found.has(expr)) this.#found.set(expr, this.#find(expr));
    return this.#found.get(expr);
  }

  #find(expr: Expr): Value | undefined {
    switch (expr.kind) {
      case "literal":
        return expr.value;
      case "ident":
        return expr.constant;
      case "select":
        return expr.resolved?.constant;
      case "list": {
        if (expr.optional.size > 0) return undefined;
        const items = this.#all(expr.items);
        return items && new ListValue(items);
      }
      case "map": {
        if (expr.entries.some(({ optional }) => optional)) return undefined;
        const keys = this.#all(expr.entries.map(({ key }) => key));
        const values = this.#all(expr.entries.map(({ value }) => value));
        if (!keys || !values || keys.some((key) => mapKey(key) === undefined)) return undefined;
        return MapValue.of(keys.map((key, index) => [key, values[index]!] as const));
      }
      case "call":
        return this.#call(expr);
      default:
        return undefined;
    }
  }

  #all(exprs: readonly Expr[]): readonly Value[] | undefined {
    const values: Value[] = [];
    for (const expr of exprs) {
      const value = this.of(expr);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values;
  }

  #call({ name, target, args, overloads }: Call): Value | undefined {
    const [first, second] = args;
    if (name === "@in" && second?.kind === "list" && second.items.length === 0) return false;
    if (target || args.length !== 1 || !CONVERSIONS.has(name)) return undefined;
    const value = this.of(first!);
    if (value === undefined) return undefined;
    return overloads?.find((one) => accepts(one.args[0]!, value))?.call(value);
  }
}
