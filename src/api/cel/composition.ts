/**
 * Variables that are made of expressions (KEP-3488's `variables`): each is evaluated when it is first read, and at most
 * once for what reads it. One may read those before it.
 */
import type { CelBudget, CelProgram, CelType, CelValue, CelVariables } from "./cel.ts";
import { CelError } from "./cel-error.ts";
import { Pending } from "./library/authorizers.ts";
import { Fault } from "./values.ts";

export interface NamedProgram {
  readonly name: string;
  /** An error where the expression does not compile: then reading the variable fails. */
  readonly program: CelProgram | CelError;
}

/** `base` with `variables`; one that does not compile is dyn. */
export function withVariables(base: CelVariables, variables: readonly NamedProgram[]): CelVariables {
  const fields = variables.map(({ name, program }): [string, CelType] => [
    name,
    program instanceof CelError ? "dyn" : program.result,
  ]);
  return { ...base, variables: { object: "kubernetes.variables", fields: Object.fromEntries(fields) } };
}

/** What to bind to `variables`. The variables read `bindings` (and this itself) and charge `budget`. */
export function variablesBinding(
  variables: readonly NamedProgram[],
  bindings: Readonly<Record<string, unknown>>,
  budget: CelBudget,
): object {
  const self = {};
  const all = { ...bindings, variables: self };
  for (const { name, program } of variables) {
    let known: CelValue | Fault | undefined;
    Object.defineProperty(self, name, {
      enumerable: true,
      get() {
        known ??= read(name, program, all, budget);
        if (known instanceof Fault) throw known;
        return known;
      },
    });
  }
  return self;
}

/** Throws a Pending where an authorizer has to be waited for. */
function read(
  name: string,
  program: CelProgram | CelError,
  bindings: Readonly<Record<string, unknown>>,
  budget: CelBudget,
): CelValue | Fault {
  const quoted = JSON.stringify(name);
  if (program instanceof CelError) {
    return new Fault(`composited variable ${quoted} fails to compile: ${program.detail}`);
  }
  try {
    return program.evaluateToValueNow(bindings, budget);
  } catch (error) {
    if (error instanceof Pending || !(error instanceof CelError)) throw error;
    return new Fault(`composited variable ${quoted} fails to evaluate: ${error.message}`);
  }
}
