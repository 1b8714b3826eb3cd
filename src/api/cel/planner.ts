/**
 * Turns a checked tree into functions. Evaluation is left to right; && and || take the answer of the side that decides
 * even where the other fails; the cost is counted as it arises and ends the evaluation where it passes the limit.
 */
import {
  ACCUMULATOR,
  type Call,
  type Comprehension,
  type Expr,
  type ListExpr,
  type MapExpr,
  type Select,
  type StructExpr,
} from "./ast.ts";
import { callStep } from "./calls.ts";
import { Constants } from "./constants.ts";
import { LIST_COST, MAP_COST, NAME_COST, STRUCT_COST } from "./costs.ts";
import type { Frame, Step } from "./frame.ts";
import type { Functions } from "./functions.ts";
import type { Binder } from "./json-values.ts";
import { optionalIndex } from "./library/optionals.ts";
import { buildingLoop, foldingLoop } from "./loops.ts";
import {
  CelList,
  CelMap,
  Fault,
  keyText,
  ListValue,
  MapValue,
  mapKey,
  ObjectValue,
  Optional,
  typeNameOf,
  Uint,
  type Value,
} from "./values.ts";

export interface Plan {
  readonly run: Step;
  /** How many locals a frame needs. */
  readonly slots: number;
  /** The declared variables that are read. */
  readonly variables: ReadonlySet<string>;
}

export function planExpression(expr: Expr, binders: ReadonlyMap<string, Binder>, functions: Functions): Plan {
  const planner = new Planner(binders, functions);
  const run = planner.plan(expr);
  return { run, slots: planner.slots, variables: planner.variables };
}

class Planner {
  slots = 0;
  readonly variables = new Set<string>();
  readonly #binders: ReadonlyMap<string, Binder>;
  /** Slots by name, innermost last. */
  readonly #scopes: (readonly [name: string, slot: number])[] = [];
  readonly #bound = new Map<string, number>();
  readonly #constants = new Constants();

  readonly #functions: Functions;

  constructor(binders: ReadonlyMap<string, Binder>, functions: Functions) {
    this.#binders = binders;
    this.#functions = functions;
  }

  /**
   * `free`: where cel-go resolves a name or a selection as a part of something larger (a branch, an index), it does not
   * count the name it begins with.
   */
  plan(expr: Expr, free = false): Step {
    const constant = this.#constants.of(expr);
    if (constant !== undefined) return () => constant;
    switch (expr.kind) {
      case "ident":
        return this.#ident(expr.name, free);
      case "select":
        return expr.resolved ? this.#ident(expr.resolved.name, free) : this.#select(expr, free);
      case "call":
        return this.#call(expr, free);
      case "list":
        return this.#list(expr);
      case "map":
        return this.#map(expr);
      case "struct":
        return this.#struct(expr);
      case "comprehension":
        return this.#comprehension(expr);
      case "literal":
        throw new TypeError("a literal is a constant");
    }
  }

  /** What something is selected from. What is no name or selection itself costs one more. */
  #operand(expr: Expr, free: boolean): Step {
    if (isAttribute(expr)) return this.plan(expr, free);
    const step = this.plan(expr);
    if (free) return step;
    return (frame) => {
      const value = step(frame);
      frame.charge(NAME_COST);
      return value;
    };
  }

  #ident(name: string, free: boolean): Step {
    const cost = free ? 0 : NAME_COST;
    const local = this.#scopes.findLast(([known]) => known === name);
    if (local) {
      const slot = local[1];
      return (frame) => {
        frame.charge(cost);
        const value = frame.locals[slot]!;
        if (value instanceof Fault) throw value;
        return value;
      };
    }
    this.variables.add(name);
    const bind = this.#binders.get(name)!;
    let slot = this.#bound.get(name);
    if (slot === undefined) {
      slot = this.#slot();
      this.#bound.set(name, slot);
    }
    const at = slot;
    return (frame) => {
      frame.charge(cost);
      let value = frame.locals[at];
      if (value === undefined) {
        if (!(name in frame.bindings)) throw new Fault(`no such attribute(s): ${name}`);
        value = bind(frame.bindings[name]);
        frame.locals[at] = value;
      }
      return value as Value;
    };
  }

  #slot(): number {
    this.slots += 1;
    return this.slots - 1;
  }

  #select({ operand, field, testOnly }: Select, free: boolean): Step {
    const target = this.#operand(operand, free);
    if (testOnly) {
      return (frame) => {
        const value = target(frame);
        if (value instanceof CelMap) return value.get(field) !== undefined;
        if (value instanceof Optional) return optionalIndex(value, field).value !== undefined;
        throw new Fault(`no such key: ${field}`);
      };
    }
    return (frame) => {
      const value = target(frame);
      if (value instanceof Optional) return optionalStep(frame, value, field);
      frame.charge(NAME_COST);
      const found = value instanceof CelMap ? value.get(field) : undefined;
      if (found === undefined) throw new Fault(`no such key: ${field}`);
      return found;
    };
  }

  #call(expr: Call, free: boolean): Step {
    switch (expr.name) {
      case "_&&_":
        return this.#logical(expr, false);
      case "_||_":
        return this.#logical(expr, true);
      case "_?_:_":
        return this.#conditional(expr);
      case "@not_strictly_false": {
        const operand = this.plan(expr.args[0]!);
        return (frame) => {
          frame.charge(1);
          try {
            return operand(frame) !== false;
          } catch (error) {
            if (error instanceof Fault) return true;
            throw error;
          }
        };
      }
      case "or":
      case "orValue":
        if (expr.target && expr.args.length === 1) return this.#alternative(expr);
        break;
      case "_[_]":
      case "_?._":
      case "_[?_]":
        return this.#index(expr, free);
      case "@in": {
        const set = this.#constantSet(expr);
        if (set) return set;
      }
    }
    const args = (expr.target ? [expr.target, ...expr.args] : expr.args).map((arg) => this.plan(arg));
    return callStep(expr.name, expr.overloads!, this.#functions.named(expr.name) ?? [], args);
  }

  /** A fault or a wrong value on one side counts only where the other side does not decide. */
  #logical(expr: Call, decisive: boolean): Step {
    const [left, right] = expr.args.map((arg) => this.plan(arg)) as [Step, Step];
    return (frame) => {
      let fault: Fault | undefined;
      let value: Value = decisive;
      try {
        value = left(frame);
        if (value === decisive) return decisive;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        fault = error;
      }
      let other: Value;
      try {
        other = right(frame);
      } catch (error) {
        // Of two faults the first is told.
        throw fault && error instanceof Fault ? fault : error;
      }
      if (other === decisive) return decisive;
      if (fault) throw fault;
      if (typeof value !== "boolean" || typeof other !== "boolean") throw new Fault("no such overload");
      return other;
    };
  }

  #conditional(expr: Call): Step {
    const branch = (arg: Expr): Step => this.plan(arg, isAttribute(arg));
    const condition = this.plan(expr.args[0]!);
    const [then, otherwise] = [branch(expr.args[1]!), branch(expr.args[2]!)];
    return (frame) => {
      const holds = condition(frame);
      if (typeof holds !== "boolean") throw new Fault("no such overload");
      return holds ? then(frame) : otherwise(frame);
    };
  }

  /** `a.or(b)` and `a.orValue(b)`: b only where a is empty. */
  #alternative(expr: Call): Step {
    const first = this.plan(expr.target!);
    const second = this.plan(expr.args[0]!);
    const value = expr.name === "orValue";
    return (frame) => {
      const optional = first(frame);
      if (!(optional instanceof Optional)) throw new Fault("no such overload");
      if (optional.value === undefined) return second(frame);
      return value ? optional.value : optional;
    };
  }

  #index({ name, args: [first, second] }: Call, free: boolean): Step {
    const container = this.#operand(first!, free);
    const key = this.plan(second!, true);
    const optional = name !== "_[_]";
    return (frame) => {
      const value = container(frame);
      const at = key(frame);
      if (optional || value instanceof Optional) return optionalStep(frame, value, at);
      frame.charge(NAME_COST);
      if (value instanceof CelMap) {
        const found = value.get(at);
        if (found === undefined) throw new Fault(`no such key: ${keyText(at)}`);
        return found;
      }
      if (!(value instanceof CelList)) throw new Fault("no such overload");
      const position = at instanceof Uint ? at.value : at;
      if (typeof position !== "bigint" && !(typeof position === "number" && Number.isInteger(position))) {
        throw new Fault(`unsupported index type '${keyText(at)}' in list`);
      }
      if (position < 0 || position >= value.length) throw new Fault(`index out of bounds: ${position}`);
      return value.at(Number(position));
    };
  }

  /** `x in ["a", "b"]` with constants: a look-up without cost, as cel-go's optimizer makes it. */
  #constantSet(expr: Call): Step | undefined {
    const [item, list] = expr.args as [Expr, Expr];
    if (list.kind !== "list" || list.items.length === 0 || list.optional.size > 0) return undefined;
    const keys = new Set<unknown>();
    for (const one of list.items) {
      const value = this.#constants.of(one);
      const key = value === undefined ? undefined : mapKey(value);
      if (key === undefined) return undefined;
      keys.add(key);
    }
    const operand = this.plan(item);
    return (frame) => {
      const key = mapKey(operand(frame));
      return key !== undefined && keys.has(key);
    };
  }

  #list(expr: ListExpr): Step {
    const items = expr.items.map((item) => this.plan(item));
    const { optional } = expr;
    return (frame) => {
      const values: Value[] = [];
      for (const [index, item] of items.entries()) {
        const value = item(frame);
        if (optional.has(index)) {
          const inner = optionalEntry(value);
          if (inner !== undefined) values.push(inner);
        } else values.push(value);
      }
      frame.charge(LIST_COST);
      return new ListValue(values);
    };
  }

  #map(expr: MapExpr): Step {
    const entries = expr.entries.map(
      ({ key, value, optional }) => [this.plan(key), this.plan(value), optional] as const,
    );
    return (frame) => {
      const map = new Map<unknown, readonly [Value, Value]>();
      for (const [keyStep, valueStep, optional] of entries) {
        const key = keyStep(frame);
        const value = optional ? optionalEntry(valueStep(frame)) : valueStep(frame);
        const id = mapKey(key);
        if (id === undefined) throw new Fault(`unsupported key type: ${keyText(key)}`);
        if (value !== undefined) map.set(id, [key, value]);
      }
      frame.charge(MAP_COST);
      return new MapValue(map);
    };
  }

  #struct(expr: StructExpr): Step {
    const fields = expr.fields.map(({ name, value, optional }) => [name, this.plan(value), optional] as const);
    const name = expr.type!.name;
    return (frame) => {
      const values = new Map<string, Value>();
      for (const [field, valueStep, optional] of fields) {
        const value = optional ? optionalEntry(valueStep(frame)) : valueStep(frame);
        if (value !== undefined) values.set(field, value);
      }
      frame.charge(STRUCT_COST);
      return new ObjectValue(name, values);
    };
  }

  #comprehension(expr: Comprehension): Step {
    const range = this.plan(expr.range);
    const init = this.plan(expr.init);
    const accumulator = this.#slot();
    this.#scopes.push([expr.accumulator, accumulator]);
    if (isBind(expr)) {
      const bound = this.plan(expr.result);
      this.#scopes.pop();
      return (frame) => {
        frame.locals[accumulator] = init(frame);
        return bound(frame);
      };
    }
    const first = this.#slot();
    const second = expr.variable2 === undefined ? undefined : this.#slot();
    this.#scopes.push([expr.variable, first]);
    if (second !== undefined) this.#scopes.push([expr.variable2!, second]);
    const planning = { plan: (part: Expr) => this.plan(part), constantOf: (part: Expr) => this.#constants.of(part) };
    const loop = buildingLoop(expr, planning) ?? foldingLoop(expr, accumulator, init, planning);
    this.#scopes.splice(second === undefined ? -1 : -2);
    const result = this.plan(expr.result);
    this.#scopes.pop();

    return (frame) => {
      const values = range(frame);
      const { locals } = frame;
      const run = loop(frame);
      if (values instanceof CelList) {
        const { length } = values;
        for (let index = 0; index < length; index += 1) {
          if (second === undefined) locals[first] = values.at(index);
          else [locals[first], locals[second]] = [BigInt(index), values.at(index)];
          if (!run.next()) break;
        }
      } else if (values instanceof CelMap) {
        for (const key of values.keys()) {
          locals[first] = key;
          if (second !== undefined) locals[second] = values.get(key)!;
          if (!run.next()) break;
        }
      } else throw new Fault("no such overload");
      locals[accumulator] = run.value();
      return result(frame);
    };
  }
}

const isBind = ({ condition, accumulator }: Comprehension): boolean =>
  condition.kind === "literal" && condition.value === false && accumulator !== ACCUMULATOR;
/** What cel-go resolves as one: a name with selections and indexes, or a choice between such. */
const isAttribute = (expr: Expr): boolean =>
  expr.kind === "ident" ||
  (expr.kind === "select" && !expr.testOnly) ||
  (expr.kind === "call" && ["_[_]", "_?._", "_[?_]", "_?_:_"].includes(expr.name));

/** An optional selection, which costs something where there is something. */
function optionalStep(frame: Frame, container: Value, key: Value): Optional {
  const found = optionalIndex(container, key);
  if (found.value !== undefined) frame.charge(NAME_COST);
  return found;
}

/** What an optional entry holds; undefined where it holds nothing. */
function optionalEntry(value: Value): Value | undefined {
  if (value instanceof Optional) return value.value;
  throw new Fault(`cannot initialize optional entry from non-optional value ${typeNameOf(value)}`);
}
