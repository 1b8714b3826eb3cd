/** How loops run: those that compute an accumulator, and those that make a list or a map. */
import { ACCUMULATOR, type Call, type Comprehension, type Expr } from "./ast.ts";
import { LIST_COST, NAME_COST } from "./costs.ts";
import type { Frame, Step } from "./frame.ts";
import { CelMap, Fault, keyText, ListValue, MapValue, mapKey, type Value } from "./values.ts";

/** One run of a loop: `next` does a round and tells whether to go on. */
export type Loop = (frame: Frame) => { next(): boolean; value(): Value | Fault };

/** What the planner does for the parts of a loop. */
export interface Planning {
  readonly plan: (expr: Expr) => Step;
  readonly constantOf: (expr: Expr) => Value | undefined;
}

const isAccumulator = (expr: Expr | undefined): boolean => expr?.kind === "ident" && expr.name === ACCUMULATOR;

/**
 * A loop that computes its accumulator anew in each round. A fault in a round of `all` or `exists` is kept: a later
 * round may decide in spite of it.
 */
export function foldingLoop(expr: Comprehension, accumulator: number, init: Step, { plan }: Planning): Loop {
  const condition = expr.condition.kind === "literal" ? undefined : plan(expr.condition);
  const step = plan(expr.step);
  return (frame) => {
    const { locals } = frame;
    locals[accumulator] = init(frame);
    return {
      next: () => {
        if (!condition) locals[accumulator] = step(frame);
        else if (condition(frame) === false) return false;
        else {
          try {
            locals[accumulator] = step(frame);
          } catch (error) {
            if (!(error instanceof Fault)) throw error;
            locals[accumulator] = error;
          }
        }
        return true;
      },
      value: () => locals[accumulator]!,
    };
  };
}

/** A loop that makes a list or a map: it grows in place, at the cost of what the macro says. */
export function buildingLoop(expr: Comprehension, planning: Planning): Loop | undefined {
  let { step } = expr;
  let predicate: Step | undefined;
  if (step.kind === "call" && step.name === "_?_:_") {
    const [condition, then, otherwise] = step.args as [Expr, Expr, Expr];
    if (!isAccumulator(otherwise)) return undefined;
    predicate = planning.plan(condition);
    step = then;
  }
  if (step.kind !== "call" || !isAccumulator(step.args[0])) return undefined;
  const add =
    step.name === "_+_"
      ? appending(step, planning)
      : step.name === "cel.@mapInsert"
        ? inserting(step, planning)
        : undefined;
  if (!add) return undefined;
  return (frame) => {
    const adding = add(frame);
    return {
      next: () => {
        const holds = predicate ? predicate(frame) : true;
        if (typeof holds !== "boolean") throw new Fault("no such overload");
        if (holds) {
          frame.charge(NAME_COST);
          adding.next();
        }
        return true;
      },
      value: adding.value,
    };
  };
}

function appending({ args: [, items] }: Call, { plan, constantOf }: Planning): Loop | undefined {
  if (items?.kind !== "list" || items.items.length !== 1) return undefined;
  const item = plan(items.items[0]!);
  const cost = 1 + (constantOf(items.items[0]!) === undefined ? LIST_COST : 0);
  return (frame) => {
    const list: Value[] = [];
    return {
      next: () => {
        list.push(item(frame));
        frame.charge(cost);
        return true;
      },
      value: () => new ListValue(list),
    };
  };
}

function inserting({ args: [, ...rest] }: Call, { plan }: Planning): Loop {
  const [first, second] = rest.map((arg) => plan(arg)) as [Step, Step?];
  return (frame) => {
    const map = new Map<unknown, readonly [Value, Value]>();
    const put = (key: Value, value: Value): void => {
      const id = mapKey(key);
      if (map.has(id)) throw new Fault(`insert failed: key ${keyText(key)} already exists`);
      map.set(id, [key, value]);
    };
    return {
      next: () => {
        const one = first(frame);
        if (second) put(one, second(frame));
        else if (one instanceof CelMap) for (const key of one.keys()) put(key, one.get(key)!);
        else throw new Fault("no such overload");
        frame.charge(1);
        return true;
      },
      value: () => new MapValue(map),
    };
  };
}
