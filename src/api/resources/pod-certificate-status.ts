import type { FieldError } from "../resource-definition.ts";
import type { Condition } from "../types/meta.v1.ts";
import { validateConditions } from "./condition-checks.ts";
import { invalid, notSupported } from "./field-errors.ts";

const FINAL = ["Issued", "Denied", "Failed"];

/** At most one of the known conditions may be there, and only as true. */
export function validateRequestConditions(conditions: readonly Condition[] = []): FieldError[] {
  const errors: FieldError[] = [];
  let known = 0;
  for (const [index, { type, status }] of conditions.entries()) {
    // Upstream puts a dot before the index.
    const path = `status.conditions.[${index}]`;
    if (!FINAL.includes(type)) {
      errors.push(notSupported(`${path}.type`, type, FINAL));
      continue;
    }
    known++;
    if (known > 1) {
      const detail = 'There may be at most one condition with type "Issued", "Denied", or "Failed"';
      errors.push(invalid(`${path}.type`, type, detail));
    }
    if (status !== "True") errors.push(notSupported(`${path}.status`, status, ["True"]));
  }
  return [...errors, ...validateConditions(conditions, "status.conditions")];
}
