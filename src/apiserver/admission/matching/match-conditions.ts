/**
 * Match conditions (KEP-3716) of webhooks and policies:
 *
 *     evaluateMatchConditions(conditions, attributes, shown, authorizer, params?): Promise<MatchOutcome>
 */
import { admissionVariables } from "../../../api/cel/admission-variables.ts";
import type { CelAuthorizer } from "../../../api/cel/cel.ts";
import type { MatchCondition } from "../../../api/types/admissionregistration.v1.ts";
import type { Authorizer } from "../../authorization.ts";
import type { AdmissionAttributes } from "../admission.ts";
import { BudgetExhausted, compileExpression, evaluateExpression } from "./evaluate-expression.ts";
import { expressionAuthorizer, requestResourceCheck } from "./expression-authorizer.ts";
import { requestVariable } from "./request-variable.ts";
import type { VersionedObjects } from "./versioned-objects.ts";

export interface MatchOutcome {
  /** Whether all conditions hold; undefined where none is false, but some could not be evaluated. */
  readonly matches: boolean | undefined;
  readonly errors: readonly Error[];
}

/**
 * Evaluates match conditions on a write, as `shown`. One that is false decides, whatever the others come to. All of them
 * share one cost budget. `authorizer` is the server's, or what expressions of the same request have asked before.
 * `params` is what a policy's parameters are (null: none of them); without it there is no such variable.
 */
export async function evaluateMatchConditions(
  conditions: readonly MatchCondition[],
  attributes: AdmissionAttributes,
  shown: VersionedObjects,
  authorizer: Authorizer | { readonly asked: CelAuthorizer },
  params?: object | null,
): Promise<MatchOutcome> {
  const { compileCel, RUNTIME_COST_BUDGET_MATCH_CONDITIONS } = await import("../../../api/cel/cel.ts");
  const asked = "asked" in authorizer ? authorizer.asked : expressionAuthorizer(authorizer, attributes.user);
  const bindings = {
    object: shown.object ?? null,
    oldObject: shown.oldObject ?? null,
    namespaceObject: null,
    request: requestVariable(attributes, shown),
    authorizer: asked,
    "authorizer.requestResource": requestResourceCheck(asked, attributes),
    params,
  };
  const variables = admissionVariables({ params: params !== undefined, authorizer: true });
  const budget = { remaining: RUNTIME_COST_BUDGET_MATCH_CONDITIONS };
  const errors: Error[] = [];
  for (const { expression } of conditions) {
    const compiled = compileExpression(compileCel, expression, variables, { resultTypes: ["bool"] });
    try {
      const { error, ...outcome } = await evaluateExpression(compiled, bindings, budget);
      if (error !== undefined) errors.push(new Error(error));
      else if ("value" in outcome && outcome.value === false) return { matches: false, errors };
    } catch (error) {
      if (error instanceof BudgetExhausted) return { matches: undefined, errors: [error] };
      throw error;
    }
  }
  return { matches: errors.length === 0 ? true : undefined, errors };
}
