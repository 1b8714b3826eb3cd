/**
 * Kubernetes' CEL, the environment of 1.36: the language with optional types, two-variable comprehensions and the
 * libraries of k8s.io/apiserver/pkg/cel, type-checked against Knarr's schema types, with upstream's cost units.
 *
 * - A program is compiled once and kept: `compileCel` caches by source, options and the variables object, so keep that.
 *   Evaluating it changes nothing but the budget.
 * - Values are bound by their schema when they are looked at; objects are never copied.
 * - Import this module lazily (`await import`) where expressions are rare.
 *
 * The language: https://github.com/google/cel-spec; Kubernetes' use: https://kubernetes.io/docs/reference/using-api/cel/
 */
import type { Type } from "../schema/schema.ts";
import type { CelValue } from "./bindings.ts";
import { compileProgram } from "./program.ts";
import type { CType } from "./types.ts";

export { CelValue } from "./bindings.ts";
export { CelError, type CelErrorKind, type CelIssue } from "./cel-error.ts";
export { type NamedProgram, variablesBinding, withVariables } from "./composition.ts";
export { rememberDecisions } from "./decisions.ts";
export { PER_CALL_LIMIT, RUNTIME_COST_BUDGET, RUNTIME_COST_BUDGET_MATCH_CONDITIONS } from "./limits.ts";
export { patchValues, typeNameProblem } from "./mutation-types.ts";

/** The declared type of a variable. */
export type CelType =
  /** A schema type: structs are objects with declared fields, `opaque` and preserved unknown fields are dyn. */
  | { readonly schema: Type }
  /** An object with these fields, such as `request` or `variables`; a binding may have getters, which run when read. */
  | { readonly object: string; readonly fields: Readonly<Record<string, CelType>> }
  /** `optional_type(T)`; bound to `undefined` where there is no value. */
  | { readonly optional: CelType }
  /** The type of another program's result. */
  | { readonly checked: CType }
  | { readonly list: CelType }
  /** Keys are strings. */
  | { readonly map: CelType }
  | "dyn"
  | "string"
  | "bool"
  | "int"
  | "uint"
  | "double"
  | "bytes"
  | "timestamp"
  | "duration"
  | "null_type"
  /** `kubernetes.authorization.Authorizer`; bound to a CelAuthorizer. */
  | "authorizer"
  /** `kubernetes.authorization.ResourceCheck`; bound to a CelResourceCheck. */
  | "resourceCheck";

export interface CelVariables {
  readonly [name: string]: CelType;
}

/** What `authorizer.….check(verb)` asks: a path or a resource, and the user, where a service account is named. */
export interface CelAuthorizationRequest {
  readonly verb: string;
  readonly path?: string;
  readonly group?: string;
  readonly version?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  /** `authorizer.serviceAccount(namespace, name)`; absent: the user of the request. */
  readonly serviceAccount?: { readonly namespace: string; readonly name: string };
}

export interface CelDecision {
  readonly allowed: boolean;
  readonly reason?: string;
  /** What the authorizer failed with, where it did. */
  readonly error?: string;
}

/** The authorizer as expressions see it. It may answer later: see CelProgram.evaluateAsync. */
export interface CelAuthorizer {
  authorize(request: CelAuthorizationRequest): CelDecision | Promise<CelDecision>;
}

/** Bound to `authorizer.requestResource`. */
export interface CelResourceCheck {
  readonly authorizer: CelAuthorizer;
  readonly request: Omit<CelAuthorizationRequest, "verb">;
}

/** Cost units left for the evaluations that share this budget; below 0 when it is used up. */
export interface CelBudget {
  remaining: number;
}

export interface CelProgram {
  readonly source: string;
  /** The static result type, for a variable that holds the result. */
  readonly result: CelType;
  /** CEL name of the static result type: "bool", "string", "list(string)", "dyn", … */
  readonly resultType: string;
  /** Upper bound of the evaluation cost, upstream's units; Infinity where unbounded. */
  readonly estimatedCost: number;
  /** Whether the expression reads this variable. */
  uses(variable: string): boolean;
  /**
   * `bindings` are plain JSON values (or an authorizer); the result is plain JSON (int as number where safe, else
   * bigint; timestamps and durations as their texts). Charges `budget`; throws CelError ("evaluation", "cost"). An
   * authorizer that answers later is an error here.
   */
  evaluate(bindings: Readonly<Record<string, unknown>>, budget: CelBudget): unknown;
  /**
   * As `evaluate`; a promise only where an authorizer answered with one. The expression is then evaluated again with
   * the decision known (each question is asked once), and only the last evaluation is charged.
   */
  evaluateAsync(bindings: Readonly<Record<string, unknown>>, budget: CelBudget): unknown;
  /**
   * As `evaluateAsync`, for a result that becomes a binding of another program as it is: a timestamp stays one. Give the
   * CelValue where the JSON would be.
   */
  evaluateToValue(bindings: Readonly<Record<string, unknown>>, budget: CelBudget): CelValue | Promise<CelValue>;
  /** As `evaluateToValue`, inside of another evaluation, which is interrupted where an authorizer has to be waited for. */
  evaluateToValueNow(bindings: Readonly<Record<string, unknown>>, budget: CelBudget): CelValue;
}

export interface CelOptions {
  /** Result types to accept, by their CEL names (dyn is one of its own). Otherwise `must evaluate to bool but got int`. */
  readonly resultTypes?: readonly string[];
  /** What one evaluation may cost; PER_CALL_LIMIT unless told. */
  readonly perCallLimit?: number;
  /** Whether literals may name `Object`, `Object.spec`, … and JSONPatch, and JSON patches have their library. */
  readonly mutation?: boolean;
}

/**
 * Compiles an expression. Throws CelError ("compile") with cel-go's text:
 * `ERROR: <input>:1:5: undeclared reference to 'foo' (in container '')` and the line with a mark below it.
 */
export function compileCel(source: string, variables: CelVariables, options: CelOptions = {}): CelProgram {
  return compileProgram(source, variables, options);
}
