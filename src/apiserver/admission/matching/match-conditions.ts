import type { CelVariables } from "../../../api/cel/cel.ts";
import type { MatchCondition } from "../../../api/types/admissionregistration.v1.ts";
import type { Authorizer } from "../../authorization.ts";
import type { AdmissionAttributes } from "../admission.ts";
import { expressionAuthorizer, requestResourceCheck } from "./expression-authorizer.ts";
import { requestVariable } from "./request-variable.ts";
import type { VersionedObjects } from "./versioned-objects.ts";

/** What match conditions may speak of. */
const VARIABLES: CelVariables = {
  object: "dyn",
  oldObject: "dyn",
  request: "dyn",
  authorizer: "authorizer",
  "authorizer.requestResource": "resourceCheck",
};

export interface MatchOutcome {
  /** Whether all conditions hold; undefined where none is false, but some could not be evaluated. */
  readonly matches: boolean | undefined;
  readonly errors: readonly Error[];
}

/**
 * Evaluates match conditions (KEP-3716) on a write, as `shown`. One that is false decides, whatever the others come to.
 * All of them share one cost budget.
 */
export async function evaluateMatchConditions(
  conditions: readonly MatchCondition[],
  attributes: AdmissionAttributes,
  shown: VersionedObjects,
  authorizer: Authorizer,
): Promise<MatchOutcome> {
  const { compileCel, CelError, RUNTIME_COST_BUDGET_MATCH_CONDITIONS } = await import("../../../api/cel/cel.ts");
  const asked = expressionAuthorizer(authorizer, attributes.user);
  const bindings = {
    object: shown.object ?? null,
    oldObject: shown.oldObject ?? null,
    request: requestVariable(attributes, shown),
    authorizer: asked,
    "authorizer.requestResource": requestResourceCheck(asked, attributes),
  };
  const budget = { remaining: RUNTIME_COST_BUDGET_MATCH_CONDITIONS };
  const errors: Error[] = [];
  for (const { expression } of conditions) {
    try {
      const program = compileCel(expression, VARIABLES, { resultTypes: ["bool"] });
      const holds = await program.evaluateAsync(bindings, budget);
      if (holds === false) return { matches: false, errors };
      if (holds !== true) throw new CelError("evaluation", "must evaluate to bool");
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      if (error.kind === "cost") return { matches: undefined, errors: [error] };
      errors.push(worded(expression, error.kind, error));
    }
  }
  return { matches: errors.length === 0 ? true : undefined, errors };
}

function worded(expression: string, kind: string, error: Error): Error {
  const text =
    kind === "compile"
      ? `compilation error: ${error.message}`
      : `expression '${expression}' resulted in error: ${error.message}`;
  return new Error(text, { cause: error });
}
