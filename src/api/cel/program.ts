import type { Expr } from "./ast.ts";
import { binderFor, CelValue } from "./bindings.ts";
import type { CelBudget, CelOptions, CelProgram, CelType, CelVariables } from "./cel.ts";
import { CelError } from "./cel-error.ts";
import { checkTypes, type Declarations } from "./checker.ts";
import { estimateCost } from "./cost-estimate.ts";
import { type Decisions, rememberIn } from "./decisions.ts";
import { variableType } from "./declared-types.ts";
import { functions } from "./environment.ts";
import { CostExceeded, Frame } from "./frame.ts";
import type { Functions } from "./functions.ts";
import type { Binder } from "./json-values.ts";
import { Pending } from "./library/authorizers.ts";
import { PER_CALL_LIMIT } from "./limits.ts";
import { checkLiterals } from "./literal-checks.ts";
import { mutationType } from "./mutation-types.ts";
import { parseCel } from "./parser.ts";
import { type Plan, planExpression } from "./planner.ts";
import { resultJson } from "./results.ts";
import { Source } from "./source.ts";
import { type CType, typeName } from "./types.ts";
import { Fault, type Value } from "./values.ts";

/** What variables of a kind compile to, shared by all programs that have them. */
interface Environment {
  readonly types: ReadonlyMap<string, CType>;
  readonly binders: ReadonlyMap<string, Binder>;
  readonly authorizers: readonly string[];
  readonly programs: Map<string, CelProgram>;
}
const environments = new WeakMap<CelVariables, Environment>();
/** Compiled programs that are kept for one set of variables; past that, all begin anew. */
const MAX_PROGRAMS = 1_000;

function environmentOf(variables: CelVariables): Environment {
  let environment = environments.get(variables);
  if (!environment) {
    const entries = Object.entries(variables);
    environment = {
      types: new Map(entries.map(([name, type]) => [name, variableType(type, TYPE_NAMES[name] ?? name)])),
      binders: new Map(entries.map(([name, type]) => [name, binderFor(type)])),
      authorizers: entries
        .filter(([, type]) => type === "authorizer" || type === "resourceCheck")
        .map(([name]) => name),
      programs: new Map(),
    };
    environments.set(variables, environment);
  }
  return environment;
}

/** `self` and `oldSelf` are of one type, as `object` and `oldObject` are. */
const TYPE_NAMES: Readonly<Record<string, string>> = { self: "selfType", oldSelf: "selfType", oldObject: "object" };

export function compileProgram(source: string, variables: CelVariables, options: CelOptions): CelProgram {
  const environment = environmentOf(variables);
  const key = JSON.stringify([source, options.resultTypes, options.perCallLimit, options.mutation]);
  const known = environment.programs.get(key);
  if (known) return known;
  const program = buildWithin(source, environment, options);
  if (environment.programs.size >= MAX_PROGRAMS) environment.programs.clear();
  environment.programs.set(key, program);
  return program;
}

/** Recursion is bounded by the depth of the tree; should a macro make it deeper than the stack, that is an error too. */
function buildWithin(text: string, environment: Environment, options: CelOptions): CelProgram {
  try {
    return build(text, environment, options);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CelError("compile", "ERROR: <input>:-1:0: max recursion depth exceeded");
  }
}

function build(text: string, environment: Environment, options: CelOptions): CelProgram {
  const source = new Source(text);
  const expr = parseCel(source);
  const { mutation = false } = options;
  const declarations: Declarations = {
    functions: functions(mutation),
    variables: environment.types,
    structType: (name) => (mutation ? mutationType(name) : undefined),
  };
  const type = checkTypes(expr, source, declarations);
  source.raise();
  checkLiterals(expr, source);
  source.raise();
  const resultType = typeName(type);
  checkResult(resultType, options.resultTypes);
  const plan = instantiate(expr, environment, declarations.functions);
  let estimate: number | undefined;
  return new Program(text, type, resultType, plan, environment, options.perCallLimit ?? PER_CALL_LIMIT, () => {
    estimate ??= estimateCost(expr, environment.types).max;
    return estimate;
  });
}

function instantiate(expr: Expr, environment: Environment, known: Functions): Plan {
  try {
    return planExpression(expr, environment.binders, known);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new CelError("compile", `program instantiation failed: ${error.message}`);
  }
}

function checkResult(resultType: string, wanted: readonly string[] | undefined): void {
  if (!wanted || wanted.includes(resultType)) return;
  const types = wanted.length === 1 ? wanted[0] : `one of [${wanted.join(" ")}]`;
  throw new CelError("compile", `must evaluate to ${types} but got ${resultType}`);
}

class Program implements CelProgram {
  readonly source: string;
  readonly resultType: string;
  readonly result: CelType;
  readonly #plan: Plan;
  readonly #environment: Environment;
  readonly #limit: number;
  readonly #estimate: () => number;

  constructor(
    source: string,
    type: CType,
    resultType: string,
    plan: Plan,
    environment: Environment,
    limit: number,
    estimate: () => number,
  ) {
    this.source = source;
    this.resultType = resultType;
    this.result = { checked: type };
    this.#plan = plan;
    this.#environment = environment;
    this.#limit = limit;
    this.#estimate = estimate;
  }

  get estimatedCost(): number {
    return this.#estimate();
  }

  uses(variable: string): boolean {
    return this.#plan.variables.has(variable);
  }

  evaluate(bindings: Readonly<Record<string, unknown>>, budget: CelBudget): unknown {
    try {
      return resultJson(this.#run(bindings, budget));
    } catch (error) {
      if (!(error instanceof Pending)) throw error;
      error.promise.catch(() => {});
      throw new CelError("evaluation", "the authorizer has not answered at once");
    }
  }

  evaluateAsync(bindings: Readonly<Record<string, unknown>>, budget: CelBudget): unknown {
    const value = this.#settle(bindings, budget);
    return value instanceof Promise ? value.then((settled) => resultJson(settled.value)) : resultJson(value.value);
  }

  evaluateToValue(bindings: Readonly<Record<string, unknown>>, budget: CelBudget): CelValue | Promise<CelValue> {
    return this.#settle(bindings, budget);
  }

  evaluateToValueNow(bindings: Readonly<Record<string, unknown>>, budget: CelBudget): CelValue {
    return new CelValue(this.#run(bindings, budget));
  }

  #settle(bindings: Readonly<Record<string, unknown>>, budget: CelBudget): CelValue | Promise<CelValue> {
    const asks = this.#environment.authorizers.some((name) => bindings[name] != null);
    if (!asks) return this.#settleWith(bindings, budget);
    const answers: Decisions = new Map();
    const remembering = Object.fromEntries(
      this.#environment.authorizers.map((name) => [name, rememberIn(answers, bindings[name])]),
    );
    return this.#settleWith({ ...bindings, ...remembering }, budget);
  }

  #settleWith(bindings: Readonly<Record<string, unknown>>, budget: CelBudget): CelValue | Promise<CelValue> {
    const before = budget.remaining;
    try {
      return new CelValue(this.#run(bindings, budget));
    } catch (error) {
      if (!(error instanceof Pending)) throw error;
      budget.remaining = before;
      return error.promise.then(() => this.#settleWith(bindings, budget));
    }
  }

  #run(bindings: Readonly<Record<string, unknown>>, budget: CelBudget): Value {
    const frame = new Frame(bindings, Math.min(this.#limit, Math.max(0, budget.remaining)), this.#plan.slots);
    try {
      return this.#plan.run(frame);
    } catch (error) {
      if (error instanceof Fault) throw new CelError("evaluation", error.message);
      if (error instanceof CostExceeded) {
        throw new CelError("cost", "operation cancelled: actual cost limit exceeded");
      }
      if (error instanceof RangeError) throw new CelError("evaluation", error.message);
      throw error;
    } finally {
      budget.remaining -= frame.cost;
    }
  }
}
