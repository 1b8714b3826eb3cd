import { checkDnsLabel, checkDnsSubdomain, checkQualifiedName } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import { invalid, notSupported, required } from "./field-errors.ts";
import { parseQuantity } from "./quantities.ts";

/**
 * Checks that many kinds share. Each adds what it finds to `errors`; none looks at a value that is absent unless it
 * says so.
 */

export const NOT_NEGATIVE = "must be greater than or equal to 0";
export const NOT_POSITIVE = "must be greater than zero";
export const IMMUTABLE = "field is immutable";
const MAX_INT32 = 2_147_483_647;

/** One Invalid error for each of `problems`, as the checks of names return them. */
export function addProblems(problems: readonly string[], path: string, value: unknown, errors: FieldError[]): void {
  for (const problem of problems) errors.push(invalid(path, value, problem));
}

export function validateNonNegative(value: number | undefined | null, path: string, errors: FieldError[]): void {
  if (typeof value === "number" && value < 0) errors.push(invalid(path, value, NOT_NEGATIVE));
}

export function validateLabelName(value: string, path: string, errors: FieldError[]): void {
  addProblems(checkDnsLabel(value), path, value, errors);
}

export function validateSubdomain(value: string, path: string, errors: FieldError[]): void {
  addProblems(checkDnsSubdomain(value), path, value, errors);
}

export function validateQualifiedName(value: string, path: string, errors: FieldError[]): void {
  addProblems(checkQualifiedName(value), path, value, errors);
}

/** A required value of a closed set, listed in the order given. */
export function validateEnum(
  value: string | undefined | null,
  supported: readonly string[],
  path: string,
  errors: FieldError[],
): void {
  if (!value) errors.push(required(path));
  else if (!supported.includes(value)) errors.push(notSupported(path, value, supported));
}

/** As validateEnum, where the value may be absent. */
export function validateOptionalEnum(
  value: string | undefined | null,
  supported: readonly string[],
  path: string,
  errors: FieldError[],
): void {
  if (value !== undefined && value !== null && !supported.includes(value)) {
    errors.push(notSupported(path, value, supported));
  }
}

/** A quantity that can be read and is not below zero. */
export function validateNonNegativeQuantity(text: string, path: string, errors: FieldError[]): void {
  const quantity = parseQuantity(text);
  if (!quantity) errors.push(invalid(path, text, QUANTITY_FORM));
  else if (quantity.sign < 0) errors.push(invalid(path, text, NOT_NEGATIVE));
}

/** A quantity that can be read and is above zero. */
export function validatePositiveQuantity(text: string, path: string, errors: FieldError[]): void {
  const quantity = parseQuantity(text);
  if (!quantity) errors.push(invalid(path, text, QUANTITY_FORM));
  else if (quantity.sign <= 0) errors.push(invalid(path, text, NOT_POSITIVE));
}

export const QUANTITY_FORM =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** An int32 between `low` and `high`, both included. */
export function validateRange(value: number, low: number, high: number, path: string, errors: FieldError[]): void {
  if (value < low || value > high) errors.push(invalid(path, value, rangeMessage(low, high)));
}

export function rangeMessage(low: number, high: number): string {
  return `must be between ${low} and ${high}, inclusive`;
}

/** Users and groups are numbers of 31 bits. */
export function validateUserId(value: number | undefined | null, path: string, errors: FieldError[]): void {
  if (value !== undefined && value !== null) validateRange(value, 0, MAX_INT32, path, errors);
}

const PERCENT = /^[0-9]+%$/;

/** A whole number not below zero, or a percentage. */
export function validateNonNegativeIntOrPercent(
  value: number | string | undefined | null,
  path: string,
  errors: FieldError[],
): void {
  if (value === undefined || value === null) return;
  if (typeof value === "number") validateNonNegative(value, path, errors);
  else if (!PERCENT.test(value)) {
    errors.push(
      invalid(
        path,
        value,
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
      ),
    );
  }
}

/** A percentage above 100 makes no sense where this is called. */
export function validateNotOver100Percent(
  value: number | string | undefined | null,
  path: string,
  errors: FieldError[],
): void {
  const percent = percentOf(value);
  if (percent !== undefined && percent > 100) errors.push(invalid(path, value, "must not be greater than 100%"));
}

/** The number before the percent sign; undefined where there is none. */
export function percentOf(value: number | string | undefined | null): number | undefined {
  return typeof value === "string" && PERCENT.test(value) ? Number.parseInt(value, 10) : undefined;
}

/** Whether an int-or-percent is zero of either. */
export function isZeroIntOrPercent(value: number | string | undefined | null): boolean {
  return (percentOf(value) ?? value ?? 0) === 0;
}
