import type { FieldError } from "../../resource-definition.ts";
import type { MatchCondition, Variable } from "../../types/admissionregistration.v1.ts";
import { at, child, duplicate, invalid, required, tooMany } from "../field-errors.ts";
import { validateQualifiedName } from "../value-checks.ts";

/** What surrounds the expressions of policies and webhooks. The expressions themselves are compiled where they are run. */

const MAX_CONDITIONS = 64;

export function validateMatchConditions(
  conditions: readonly MatchCondition[] | undefined,
  path: string,
  errors: FieldError[],
): void {
  const count = conditions?.length ?? 0;
  if (count > MAX_CONDITIONS) errors.push(tooMany(path, count, MAX_CONDITIONS));
  const names = new Set<string>();
  for (const [index, { name, expression }] of (conditions ?? []).entries()) {
    const field = at(path, index);
    if (isBlank(expression)) errors.push(required(child(field, "expression")));
    if (!name) {
      errors.push(required(child(field, "name")));
      continue;
    }
    validateQualifiedName(name, child(field, "name"), errors);
    if (names.has(name)) errors.push(duplicate(child(field, "name"), name));
    names.add(name);
  }
}

const IDENTIFIER = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
/** Words that the grammar of CEL keeps. */
const RESERVED = new Set(
  "true false null in as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
);

export function validateVariables(
  variables: readonly Variable[] | undefined,
  path: string,
  errors: FieldError[],
): void {
  for (const [index, { name, expression }] of (variables ?? []).entries()) {
    const field = at(path, index);
    if (isBlank(name)) errors.push(required(child(field, "name"), "name is not specified"));
    else if (!IDENTIFIER.test(name) || RESERVED.has(name)) {
      errors.push(invalid(child(field, "name"), name, "name is not a valid CEL identifier"));
    }
    if (isBlank(expression)) errors.push(required(child(field, "expression"), "expression is not specified"));
  }
}

export function isBlank(text: string | undefined | null): boolean {
  return !text || text.trim() === "";
}
