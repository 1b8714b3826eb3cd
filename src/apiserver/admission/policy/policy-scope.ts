import { admissionVariables } from "../../../api/cel/admission-variables.ts";
import type { CelOptions, CelVariables, NamedProgram } from "../../../api/cel/cel.ts";
import { cel } from "../../../api/cel/load.ts";
import { type CompiledExpression, compileExpression } from "../matching/evaluate-expression.ts";
import type { PolicyObject } from "./registered-policies.ts";

/** The variables of a policy's expressions, compiled; the compiler must have been loaded. */
export class PolicyScope {
  readonly variables: readonly NamedProgram[];
  readonly #withAuthorizer: CelVariables;
  readonly #withoutAuthorizer: CelVariables;

  constructor({ spec }: PolicyObject) {
    const { withVariables } = cel();
    const params = spec?.paramKind != null;
    const defined: NamedProgram[] = [];
    const base = admissionVariables({ params, authorizer: true });
    for (const { name, expression } of spec?.variables ?? []) {
      const { program } = compileExpression(cel().compileCel, expression, withVariables(base, defined), {});
      defined.push({ name, program });
    }
    this.variables = defined;
    this.#withAuthorizer = withVariables(base, defined);
    this.#withoutAuthorizer = withVariables(admissionVariables({ params, authorizer: false }), defined);
  }

  compile(expression: string, options: CelOptions, { authorizer = true } = {}): CompiledExpression {
    const variables = authorizer ? this.#withAuthorizer : this.#withoutAuthorizer;
    return compileExpression(cel().compileCel, expression, variables, options);
  }
}
