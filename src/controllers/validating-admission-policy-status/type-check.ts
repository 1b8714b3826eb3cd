/**
 * Type checking of the expressions of a ValidatingAdmissionPolicy against the kinds that it matches (KEP-3488): what it
 * finds are warnings, for the expressions are evaluated on objects whose types are not known before.
 */
import { admissionVariables } from "../../api/cel/admission-variables.ts";
import type { CelType, CelVariables, NamedProgram } from "../../api/cel/cel.ts";
import { CelError } from "../../api/cel/cel-error.ts";
import { cel } from "../../api/cel/load.ts";
import type { StructType } from "../../api/schema/schema.ts";
import type {
  ExpressionWarning,
  RuleWithOperations,
  ValidatingAdmissionPolicy,
} from "../../api/types/admissionregistration.v1.ts";

export interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}
export interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}
export interface TypedKind extends Kind {
  readonly type: StructType;
}

/** More kinds than these are not checked. */
export const MAX_KINDS = 10;

/** The resources that the rules of a policy name; those with wildcards name none, and neither do subresources. */
export function namedResources({ spec }: ValidatingAdmissionPolicy): readonly GroupVersionResource[] {
  return (spec?.matchConstraints?.resourceRules ?? []).flatMap((rule) => resourcesOf(rule));
}

function resourcesOf({ apiGroups = [], apiVersions = [], resources = [] }: RuleWithOperations): GroupVersionResource[] {
  if ([...apiGroups, ...apiVersions].some((name) => name.includes("*"))) return [];
  const plain = resources.filter((name) => !/[*/]/.test(name)).sort();
  return [...apiGroups]
    .sort()
    .flatMap((group) =>
      [...apiVersions].sort().flatMap((version) => plain.map((resource) => ({ group, version, resource }))),
    );
}

/** What is wrong with the expressions for each of the kinds. The compiler must have been loaded. */
export function typeCheck(
  policy: ValidatingAdmissionPolicy,
  kinds: readonly TypedKind[],
  params: StructType | undefined,
): ExpressionWarning[] {
  const ordered = [...kinds].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  const scopes = ordered.map((kind) => ({ kind, variables: scopeOf(policy, kind, params) }));
  const warnings: ExpressionWarning[] = [];
  const check = (expression: string | undefined, fieldRef: string): void => {
    if (!expression) return;
    const found = scopes.flatMap(({ kind, variables }) => {
      const problem = problemOf(expression, variables);
      return problem === undefined ? [] : [`${kindText(kind)}: ${problem}\n`];
    });
    if (found.length > 0) warnings.push({ fieldRef, warning: found.join("\n") });
  };
  for (const [index, { expression, messageExpression }] of (policy.spec?.validations ?? []).entries()) {
    check(expression, `spec.validations[${index}].expression`);
    check(messageExpression, `spec.validations[${index}].messageExpression`);
  }
  return warnings;
}

const sortKey = ({ group, version, kind }: Kind): string => [group, version, kind].join("\0");
const kindText = ({ group, version, kind }: Kind): string => `${group}/${version}, Kind=${kind}`;

/** The variables of a policy for objects of one kind; those made of expressions that don't compile are dyn. */
function scopeOf(
  { spec }: ValidatingAdmissionPolicy,
  { type }: TypedKind,
  params: StructType | undefined,
): CelVariables {
  const objectType: CelType = { schema: type };
  const base = admissionVariables({
    params: spec?.paramKind != null,
    authorizer: true,
    objectType,
    ...(params ? { paramsType: { schema: params } } : {}),
  });
  const { compileCel, withVariables } = cel();
  const defined: NamedProgram[] = [];
  for (const { name, expression } of spec?.variables ?? []) {
    let program: NamedProgram["program"];
    try {
      program = compileCel(expression, withVariables(base, defined));
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      program = error;
    }
    defined.push({ name, program });
  }
  return withVariables(base, defined);
}

function problemOf(expression: string, variables: CelVariables): string | undefined {
  try {
    cel().compileCel(expression, variables);
    return undefined;
  } catch (error) {
    if (error instanceof CelError) return error.message;
    throw error;
  }
}
