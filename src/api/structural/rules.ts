/**
 * Validation rules (x-kubernetes-validations, KEP-2876) as upstream evaluates them: each where the schema has it, with
 * `self` and, in an update, `oldSelf`; what a rule says of a part that did not change becomes a warning. Call `loadCel`
 * before the first rule is compiled.
 */

import type { CelBudget, CelProgram, CelVariables } from "../cel/cel.ts";
import { CelError } from "../cel/cel-error.ts";
import { cel } from "../cel/load.ts";
import type { FieldError } from "../resource-definition.ts";
import { at, child, duplicate, forbidden, formatValue, goQuote, invalid, required } from "../resources/field-errors.ts";
import type { ValidationRule } from "../types/apiextensions.v1.ts";
import { type Correlation, itemKey, keyedItems } from "./correlation.ts";
import { followRulePath, RulePathError } from "./rule-path.ts";
import { ruleType } from "./rule-type.ts";
import { isEmbedded, isJsonObject, itemsOf, propertyOf, type Schema, valuesOf } from "./structural.ts";

/** A rule, compiled. */
export interface CompiledRule {
  readonly rule: ValidationRule;
  /** Or what is wrong with it. */
  readonly program: CelProgram | CelError;
  readonly message: CelProgram | CelError | undefined;
  readonly usesOldSelf: boolean;
  /** Where the error is told of, below the value. */
  readonly fieldPath: string;
}

/** Compiles a schema's own rules. Undefined where rules can't see its values. */
export function compileRules(schema: Schema, isResource: boolean): readonly CompiledRule[] | undefined {
  const type = ruleType(schema, isResource);
  if (!type) return undefined;
  const plain: CelVariables = { self: { schema: type }, oldSelf: { schema: type } };
  const optional: CelVariables = { self: { schema: type }, oldSelf: { optional: { schema: type } } };
  return (schema["x-kubernetes-validations"] ?? []).map((rule): CompiledRule => {
    const variables = rule.optionalOldSelf ? optional : plain;
    const program = compile(rule.rule, variables, "bool");
    const message = rule.messageExpression ? compile(rule.messageExpression, variables, "string") : undefined;
    return {
      rule,
      program,
      message,
      usesOldSelf: !(program instanceof CelError) && program.uses("oldSelf"),
      fieldPath: pathOf(rule, schema),
    };
  });
}

function compile(source: string, variables: CelVariables, resultType: string): CelProgram | CelError {
  try {
    return cel().compileCel(source, variables, { resultTypes: [resultType] });
  } catch (error) {
    if (error instanceof CelError) return error;
    throw error;
  }
}

function pathOf({ fieldPath }: ValidationRule, schema: Schema): string {
  if (!fieldPath) return "";
  try {
    return followRulePath(fieldPath, schema).path;
  } catch (error) {
    if (error instanceof RulePathError) return "";
    throw error;
  }
}

/** Where a schema and what is below it have rules. */
interface RuleNode {
  readonly schema: Schema;
  readonly isResource: boolean;
  /** Compiled when they are needed first. */
  rules: readonly CompiledRule[] | undefined;
  readonly items: RuleNode | undefined;
  readonly values: RuleNode | undefined;
  readonly properties: ReadonlyMap<string, RuleNode>;
}

function nodeOf(schema: Schema, isResource: boolean): RuleNode | undefined {
  if (!ruleType(schema, isResource)) return undefined;
  const below = (inner: Schema | undefined) => inner && nodeOf(inner, isEmbedded(inner));
  const properties = new Map<string, RuleNode>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const node = below(property);
    if (node) properties.set(name, node);
  }
  const items = below(itemsOf(schema));
  const values = below(valuesOf(schema));
  const own = schema["x-kubernetes-validations"]?.length ?? 0;
  if (own === 0 && !items && !values && properties.size === 0) return undefined;
  return { schema, isResource, rules: undefined, items, values, properties };
}

export interface RuleOutcome {
  readonly errors: FieldError[];
  /** What would be errors, had the objects not been so before. */
  readonly warnings: string[];
}

/** Evaluates the rules of a schema. */
export class RuleValidator {
  readonly #root: RuleNode | undefined;

  /** `isResource`: the schema is that of a whole object. */
  constructor(schema: Schema, isResource: boolean) {
    this.#root = nodeOf(schema, isResource);
  }

  get hasRules(): boolean {
    return this.#root !== undefined;
  }

  /** All rules of a value together have the budget of one request. */
  validate(value: unknown, old: unknown, options: { path?: string; correlation?: Correlation } = {}): RuleOutcome {
    const outcome: RuleOutcome = { errors: [], warnings: [] };
    if (!this.#root) return outcome;
    const budget: CelBudget = { remaining: cel().RUNTIME_COST_BUDGET };
    const run = new Run(budget, outcome);
    run.node(this.#root, value, old, options.path ?? "", { current: options.correlation, parent: undefined });
    return outcome;
  }
}

/** The value's correlation, and that of the nearest value above that has one. */
interface Place {
  readonly current: Correlation | undefined;
  readonly parent: Correlation | undefined;
}

class Run {
  readonly #budget: CelBudget;
  readonly #outcome: RuleOutcome;
  /** Set when no further rule may run. */
  #over = false;

  constructor(budget: CelBudget, outcome: RuleOutcome) {
    this.#budget = budget;
    this.#outcome = outcome;
  }

  node(node: RuleNode, value: unknown, old: unknown, path: string, place: Place): void {
    // A rule is about values that are there: whether they may be null is for the schema around to say.
    if (this.#over || value === null || value === undefined) return;
    if (node.schema["x-kubernetes-validations"]?.length) this.#rules(node, value, old ?? undefined, path, place);
    if (Array.isArray(value)) this.#items(node, value, old, path, place);
    else if (isJsonObject(value)) this.#members(node, value, old, path, place);
  }

  #items(node: RuleNode, value: readonly unknown[], old: unknown, path: string, { current, parent }: Place): void {
    const { items, schema } = node;
    if (!items) return;
    const oldItems = Array.isArray(old) ? keyedItems(schema, old) : undefined;
    value.forEach((item, index) => {
      const key = oldItems && itemKey(schema, item);
      const place = current ? { current: current.index(index), parent: current } : { current, parent };
      this.node(items, item, key === undefined ? undefined : oldItems?.get(key), at(path, index), place);
    });
  }

  #members(node: RuleNode, value: Record<string, unknown>, old: unknown, path: string, place: Place): void {
    const before = isJsonObject(old) ? old : {};
    for (const key of Object.keys(value)) {
      const property = node.properties.get(key);
      const inner = property ?? (propertyOf(node.schema, key) ? undefined : node.values);
      if (!inner) continue;
      const oldValue = Object.hasOwn(before, key) ? before[key] : undefined;
      this.node(inner, value[key], oldValue, property ? child(path, key) : at(path, key), below(place, key));
    }
  }

  #rules(node: RuleNode, value: unknown, old: unknown, path: string, place: Place): void {
    const { errors } = this.#outcome;
    const field = path || NOWHERE;
    const { type = "" } = node.schema;
    if (this.#budget.remaining <= 0) {
      this.#stop(invalid(field, type, OUT_OF_BUDGET));
      return;
    }
    node.rules ??= compileRules(node.schema, node.isResource) ?? [];
    for (const compiled of node.rules) {
      const { rule, program, usesOldSelf } = compiled;
      if (program instanceof CelError) {
        errors.push(invalid(field, type, `rule compile error: ${program.detail}`));
        continue;
      }
      // A rule on a transition waits for one, unless it says that it can do without.
      if (usesOldSelf && old === undefined && !rule.optionalOldSelf) continue;
      const bindings = { self: value, oldSelf: old };
      let holds: unknown;
      try {
        holds = program.evaluate(bindings, this.#budget);
      } catch (error) {
        if (!(error instanceof CelError)) throw error;
        if (this.#failed(error, field, type, rule)) return;
        continue;
      }
      if (this.#budget.remaining < 0) {
        this.#stop(invalid(field, type, OUT_OF_BUDGET));
        return;
      }
      if (holds === true) continue;
      this.#refuse(compiled, value, bindings, path, type, place);
      if (this.#over) return;
    }
  }

  /** Tells of a rule that could not be evaluated. True: none can any more. */
  #failed(error: CelError, field: string, type: string, rule: ValidationRule): boolean {
    const text = (rule.message || rule.rule).trim();
    if (this.#budget.remaining < 0) {
      this.#stop(invalid(field, type, OUT_OF_BUDGET));
      return true;
    }
    if (error.kind === "cost") {
      const detail = `'${error.message}': no further validation rules will be run due to call cost exceeds limit for rule: ${text}`;
      this.#stop(invalid(field, type, detail));
      return true;
    }
    const detail = error.message.startsWith("no such overload")
      ? `'${error.message}': call arguments did not match a supported operator, function or macro signature for rule: ${text}`
      : `${error.message} evaluating rule: ${text}`;
    this.#outcome.errors.push(invalid(field, type, detail));
    return false;
  }

  #refuse(
    { rule, message, usesOldSelf, fieldPath }: CompiledRule,
    value: unknown,
    bindings: Readonly<Record<string, unknown>>,
    path: string,
    type: string,
    place: Place,
  ): void {
    const field = (fieldPath ? child(path, fieldPath) : path) || NOWHERE;
    const unchanged = (place.current ?? place.parent)?.isEqual ?? false;
    const add = (error: FieldError) => {
      if (usesOldSelf || !unchanged) this.#outcome.errors.push(error);
      else this.#outcome.warnings.push(`${error.field}: ${error.message}`);
    };
    let detail = rule.message ? rule.message.trim() : `failed rule: ${rule.rule.trim()}`;
    if (message && !(message instanceof CelError)) {
      const told = this.#message(message, bindings);
      if ("stop" in told) {
        add(invalid(field, type, told.stop));
        this.#over = true;
        return;
      }
      detail = told.text ?? detail;
    }
    const isWhole = type === "object" || type === "array";
    add(errorFor(rule.reason, field, isWhole ? undefined : value, detail));
  }

  /** What the rule's own expression says; nothing where that fails, which is no reason not to tell of the rule. */
  #message(
    program: CelProgram,
    bindings: Readonly<Record<string, unknown>>,
  ): { text: string | undefined } | { stop: string } {
    let made: unknown;
    try {
      made = program.evaluate(bindings, this.#budget);
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      if (error.kind === "cost" && this.#budget.remaining >= 0) {
        return {
          stop: `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${goQuote(program.source)}`,
        };
      }
      if (this.#budget.remaining >= 0) return { text: undefined };
    }
    if (this.#budget.remaining < 0) {
      return {
        stop: "messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run",
      };
    }
    const text = typeof made === "string" ? made.trim() : "";
    const usable = text !== "" && Buffer.byteLength(text) <= LONGEST_MESSAGE && !text.includes("\n");
    return { text: usable ? text : undefined };
  }

  #stop(error: FieldError): void {
    this.#outcome.errors.push(error);
    this.#over = true;
  }
}

/** How Go prints the path of the object itself. */
const NOWHERE = "<nil>";
const OUT_OF_BUDGET = "validation failed due to running out of cost budget, no further validation rules will be run";
const LONGEST_MESSAGE = 5 * 1024;

function below({ current, parent }: Place, key: string): Place {
  if (!current) return { current, parent };
  // What the kind and version were in the store can't be seen any more.
  if (!parent && (key === "apiVersion" || key === "kind")) return { current: undefined, parent: undefined };
  return { current: current.key(key), parent: current };
}

/** `value` undefined leaves it out of the text. */
function errorFor(reason: string | undefined, field: string, value: unknown, detail: string): FieldError {
  switch (reason) {
    case "FieldValueForbidden":
      return forbidden(field, detail);
    case "FieldValueRequired":
      return required(field, detail);
    case "FieldValueDuplicate":
      return value === undefined
        ? { type: "FieldValueDuplicate", field, message: "Duplicate value" }
        : duplicate(field, value);
    default: {
      const shown = value === undefined ? "Invalid value" : `Invalid value: ${formatValue(value)}`;
      return { type: "FieldValueInvalid", field, message: `${shown}: ${detail}` };
    }
  }
}
