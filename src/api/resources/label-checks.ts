import { checkLabelValue, checkQualifiedName } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import type { LabelSelector } from "../types/meta.v1.ts";
import { at, child, forbidden, invalid, required, tooLong } from "./field-errors.ts";
import { addProblems } from "./value-checks.ts";

/** Keys are qualified names, values label values; both are reported at the map itself. */
export function validateLabels(
  labels: Record<string, string> | undefined | null,
  path: string,
  errors: FieldError[],
): void {
  for (const key in labels) {
    if (!isPlainKey(key)) addProblems(checkQualifiedName(key), path, key, errors);
    const value = labels[key]!;
    if (!isPlainValue(value)) addProblems(checkLabelValue(value), path, value, errors);
  }
}

/** Most labels are short and plain: one test settles them. */
const PLAIN = /^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/;
const isPlainKey = (key: string) => PLAIN.test(key);
const isPlainValue = (value: string) => value === "" || PLAIN.test(value);

/** All annotations of an object together, in bytes. */
const ANNOTATIONS_LIMIT = 256 * 1024;

/** Keys are qualified names in any case; all of it together is limited. */
export function validateAnnotations(
  annotations: Record<string, string> | undefined | null,
  path: string,
  errors: FieldError[],
): void {
  let size = 0;
  for (const key in annotations) {
    addProblems(checkQualifiedName(key.toLowerCase()), path, key, errors);
    size += Buffer.byteLength(key) + Buffer.byteLength(annotations[key]!);
  }
  if (size > ANNOTATIONS_LIMIT) errors.push(tooLong(path, ANNOTATIONS_LIMIT));
}

/** A selector of an API object. Absent is fine here; whether it must be there is the caller's question. */
export function validateLabelSelector(
  selector: LabelSelector | undefined | null,
  path: string,
  errors: FieldError[],
): void {
  if (!selector) return;
  validateLabels(selector.matchLabels, child(path, "matchLabels"), errors);
  for (const [index, { key, operator, values }] of (selector.matchExpressions ?? []).entries()) {
    const expression = at(child(path, "matchExpressions"), index);
    const count = values?.length ?? 0;
    switch (operator) {
      case "In":
      case "NotIn":
        if (count === 0) {
          errors.push(required(child(expression, "values"), "must be specified when `operator` is 'In' or 'NotIn'"));
        }
        break;
      case "Exists":
      case "DoesNotExist":
        if (count > 0) {
          errors.push(
            forbidden(
              child(expression, "values"),
              "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ),
          );
        }
        break;
      default:
        errors.push(invalid(child(expression, "operator"), operator ?? "", "not a valid selector operator"));
    }
    addProblems(checkQualifiedName(key ?? ""), child(expression, "key"), key ?? "", errors);
    for (const [position, value] of (values ?? []).entries()) {
      addProblems(checkLabelValue(value), at(child(expression, "values"), position), value, errors);
    }
  }
}

/** Whether a selector has no requirement at all. */
export function isEmptySelector(selector: LabelSelector | undefined | null): boolean {
  if (!selector) return true;
  for (const _key in selector.matchLabels) return false;
  return (selector.matchExpressions?.length ?? 0) === 0;
}
