import type { CelBudget, CelOptions, CelProgram, CelVariables } from "../../../api/cel/cel.ts";
import { CelError } from "../../../api/cel/cel-error.ts";

/** An expression of admission, compiled; an error where it does not compile, which is told when it is to be evaluated. */
export interface CompiledExpression {
  readonly expression: string;
  readonly program: CelProgram | CelError;
}

/** What an expression came to. */
export type Outcome = { readonly value: unknown; readonly error?: undefined } | { readonly error: string };

/** The budget that the expressions of a request share is used up. */
export class BudgetExhausted extends Error {
  constructor() {
    super("validation failed due to running out of cost budget, no further validation rules will be run");
    this.name = "BudgetExhausted";
  }
}

type Compile = (expression: string, variables: CelVariables, options?: CelOptions) => CelProgram;

export function compileExpression(
  compile: Compile,
  expression: string,
  variables: CelVariables,
  options: CelOptions,
): CompiledExpression {
  try {
    return { expression, program: compile(expression, variables, options) };
  } catch (error) {
    if (error instanceof CelError) return { expression, program: error };
    throw error;
  }
}

/** Evaluates in upstream's words for what fails. Throws BudgetExhausted. */
export async function evaluateExpression(
  { expression, program }: CompiledExpression,
  bindings: Readonly<Record<string, unknown>>,
  budget: CelBudget,
): Promise<Outcome> {
  if (program instanceof CelError) return { error: `compilation error: ${program.detail}` };
  try {
    const running = program.evaluateAsync(bindings, budget);
    const value = running instanceof Promise ? await running : running;
    if (budget.remaining < 0) throw new BudgetExhausted();
    return { value };
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    if (budget.remaining < 0) throw new BudgetExhausted();
    return { error: `expression '${expression}' resulted in error: ${error.message}` };
  }
}
