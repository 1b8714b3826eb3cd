import { patternMessage } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import type { Condition } from "../types/meta.v1.ts";
import { at, child, duplicate, invalid, notSupported, required, tooLong } from "./field-errors.ts";
import { validateQualifiedName } from "./value-checks.ts";

const REASON = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?";
const reasonPattern = new RegExp(`^${REASON}$`);
const REASON_LIMIT = 1024;
const MESSAGE_LIMIT = 32 * 1024;

/** The conditions of a status that has them in the common form (KEP-1623). */
export function validateConditions(conditions: readonly Condition[] | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const types = new Set<string>();
  for (const [index, condition] of (conditions ?? []).entries()) {
    const field = at(path, index);
    if (types.has(condition.type)) errors.push(duplicate(child(field, "type"), condition.type));
    types.add(condition.type);
    validateCondition(condition, field, errors);
  }
  return errors;
}

function validateCondition(condition: Condition, path: string, errors: FieldError[]): void {
  const { type, status, observedGeneration, lastTransitionTime, reason, message } = condition;
  validateQualifiedName(type ?? "", child(path, "type"), errors);
  if (!["True", "False", "Unknown"].includes(status)) {
    errors.push(notSupported(child(path, "status"), status ?? "", ["False", "True", "Unknown"]));
  }
  if ((observedGeneration ?? 0) < 0) {
    const detail = "must be greater than or equal to zero";
    errors.push(invalid(child(path, "observedGeneration"), observedGeneration, detail));
  }
  if (!lastTransitionTime) errors.push(required(child(path, "lastTransitionTime")));
  if (!reason) errors.push(required(child(path, "reason")));
  else {
    if (!reasonPattern.test(reason)) {
      const rule =
        "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'";
      const examples = ["my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB"];
      errors.push(invalid(child(path, "reason"), reason, patternMessage(rule, REASON, ...examples)));
    }
    if (reason.length > REASON_LIMIT) errors.push(tooLong(child(path, "reason"), REASON_LIMIT));
  }
  if ((message?.length ?? 0) > MESSAGE_LIMIT) errors.push(tooLong(child(path, "message"), MESSAGE_LIMIT));
}
