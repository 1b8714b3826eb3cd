/**
 * That the expressions of policies and webhooks compile, and come to the type they must have. Each is compiled with the
 * variables that it will be evaluated with.
 */
import { type AdmissionVariables, admissionVariables } from "../../cel/admission-variables.ts";
import type { CelOptions, CelVariables, NamedProgram } from "../../cel/cel.ts";
import { CelError } from "../../cel/cel-error.ts";
import { cel } from "../../cel/load.ts";
import type { FieldError } from "../../resource-definition.ts";
import type {
  MatchCondition,
  MutatingAdmissionPolicy,
  ValidatingAdmissionPolicy,
  Variable,
} from "../../types/admissionregistration.v1.ts";
import { at, child, invalid } from "../field-errors.ts";
import { isBlank } from "./expression-checks.ts";

const BOOL: CelOptions = { resultTypes: ["bool"] };
const STRING: CelOptions = { resultTypes: ["string"] };
const ANNOTATION: CelOptions = { resultTypes: ["string", "null_type"] };
export const MUTATIONS = {
  ApplyConfiguration: { resultTypes: ["Object"], mutation: true },
  JSONPatch: { resultTypes: ["list(JSONPatch)"], mutation: true },
} as const satisfies Record<string, CelOptions>;

export function validateConditionExpressions(
  conditions: readonly MatchCondition[] | undefined,
  params: boolean,
  path: string,
  errors: FieldError[],
): void {
  for (const [index, { expression }] of (conditions ?? []).entries()) {
    if (isBlank(expression)) continue;
    const field = child(at(path, index), "expression");
    compile(expression.trim(), admissionVariables({ params, authorizer: true }), BOOL, field, errors);
  }
}

export function validateValidatingExpressions({ spec = {} }: ValidatingAdmissionPolicy): FieldError[] {
  const errors: FieldError[] = [];
  const scope = new PolicyScope(spec, errors);
  for (const [index, { expression, messageExpression }] of (spec.validations ?? []).entries()) {
    const path = at("spec.validations", index);
    scope.check(expression, true, BOOL, child(path, "expression"));
    scope.check(messageExpression, false, STRING, child(path, "messageExpression"));
  }
  for (const [index, { valueExpression }] of (spec.auditAnnotations ?? []).entries()) {
    scope.check(valueExpression, true, ANNOTATION, child(at("spec.auditAnnotations", index), "valueExpression"));
  }
  return errors;
}

export function validateMutatingExpressions({ spec = {} }: MutatingAdmissionPolicy): FieldError[] {
  const errors: FieldError[] = [];
  const scope = new PolicyScope(spec, errors);
  for (const [index, { applyConfiguration, jsonPatch, patchType }] of (spec.mutations ?? []).entries()) {
    const path = at("spec.mutations", index);
    if (patchType === "ApplyConfiguration") {
      const field = child(child(path, "applyConfiguration"), "expression");
      scope.check(applyConfiguration?.expression, true, MUTATIONS.ApplyConfiguration, field);
    } else if (patchType === "JSONPatch") {
      scope.check(jsonPatch?.expression, true, MUTATIONS.JSONPatch, child(child(path, "jsonPatch"), "expression"));
    }
  }
  return errors;
}

interface Spec {
  readonly paramKind?: object;
  readonly matchConditions?: MatchCondition[];
  readonly variables?: Variable[];
}

/** The variables that the expressions of one policy have. */
class PolicyScope {
  readonly #errors: FieldError[];
  readonly #scopes: Readonly<Record<"true" | "false", CelVariables>>;

  constructor({ paramKind, matchConditions, variables = [] }: Spec, errors: FieldError[]) {
    const params = paramKind != null;
    this.#errors = errors;
    validateConditionExpressions(matchConditions, params, "spec.matchConditions", errors);
    const defined: NamedProgram[] = [];
    const base = (authorizer: boolean): CelVariables => {
      const plain = admissionVariables({ params, authorizer } satisfies AdmissionVariables);
      return variables.length === 0 ? plain : cel().withVariables(plain, defined);
    };
    for (const [index, { name, expression }] of variables.entries()) {
      if (isBlank(expression)) continue;
      const field = child(at("spec.variables", index), "expression");
      const program = compile(expression, base(true), {}, field, errors);
      if (!isBlank(name)) defined.push({ name, program });
    }
    this.#scopes = { true: base(true), false: base(false) };
  }

  check(expression: string | undefined, authorizer: boolean, options: CelOptions, field: string): void {
    if (!isBlank(expression)) compile(expression!, this.#scopes[`${authorizer}`], options, field, this.#errors);
  }
}

function compile(
  expression: string,
  variables: CelVariables,
  options: CelOptions,
  field: string,
  errors: FieldError[],
): NamedProgram["program"] {
  try {
    return cel().compileCel(expression, variables, options);
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    errors.push(invalid(field, expression, error.detail));
    return error;
  }
}
