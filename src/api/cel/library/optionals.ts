import type { Library } from "../functions.ts";
import { CelList, CelMap, Duration, Fault, ListValue, Optional, Timestamp, Uint, type Value } from "../values.ts";
import { indexValue } from "./operators.ts";

/** The empty value of a type. */
function isZero(value: Value): boolean {
  if (value === null || value === false || value === 0 || value === 0n || value === "") return true;
  if (typeof value !== "object") return false;
  if (value instanceof CelList || value instanceof Uint8Array) return value.length === 0;
  if (value instanceof CelMap) return value.size === 0;
  if (value instanceof Uint) return value.value === 0n;
  if (value instanceof Duration || value instanceof Timestamp) return value.nanos === 0n;
  return value instanceof Optional && value.value === undefined;
}

function held({ value }: Optional): Value {
  if (value === undefined) throw new Fault("optional.none() dereference");
  return value;
}

/** The field or item of a value, or of the value in an optional, where it is there. */
export function optionalIndex(container: Value, key: Value): Optional {
  const inner = container instanceof Optional ? container.value : container;
  if (inner === undefined) return Optional.none;
  if (inner instanceof CelMap) {
    const found = inner.get(key);
    return found === undefined ? Optional.none : new Optional(found);
  }
  if (!(inner instanceof CelList)) throw new Fault("no such overload");
  if (typeof key !== "bigint" && !(key instanceof Uint) && typeof key !== "number") {
    throw new Fault("no such overload");
  }
  const position = Number(key instanceof Uint ? key.value : key);
  return position >= 0 && position < inner.length ? new Optional(indexValue(inner, key)) : Optional.none;
}

/** What selecting from an optional gives: an optional again. */
export const throughOptional = (optional: Optional, key: Value): Optional => optionalIndex(optional, key);

const unwrap = (list: CelList): CelList =>
  new ListValue(
    [...list].flatMap((item) => (item instanceof Optional && item.value !== undefined ? [item.value] : [])),
  );

/** cel-go's optional types; `or`, `orValue` and the selections are evaluated lazily by the planner. */
export const optionals: Library = {
  "optional.none(): optional(A)": () => Optional.none,
  "optional.of(A): optional(A)": (value: Value) => new Optional(value),
  "optional.ofNonZeroValue(A): optional(A)": (value: Value) => (isZero(value) ? Optional.none : new Optional(value)),
  "optional.unwrap(list(optional(A))): list(A)": unwrap,
  "list(optional(A)) -> unwrapOpt(): list(A)": unwrap,
  "optional(A) -> value(): A": held,
  "optional(A) -> hasValue(): bool": ({ value }: Optional) => value !== undefined,
  "optional_or_optional | optional(A) -> or(optional(A)): optional(A)": (a: Optional, b: Optional) =>
    a.value === undefined ? b : a,
  "optional_orValue_value | optional(A) -> orValue(A): A": ({ value }: Optional, other: Value) =>
    value === undefined ? other : value,
  "_?._(dyn, string): optional(dyn)": optionalIndex,
  "_[?_](list(A), int): optional(A)": optionalIndex,
  "_[?_](optional(list(A)), int): optional(A)": optionalIndex,
  "_[?_](map(A, B), A): optional(B)": optionalIndex,
  "_[?_](optional(map(A, B)), A): optional(B)": optionalIndex,
  "_[_](optional(list(A)), int): optional(A)": throughOptional,
  "_[_](optional(map(A, B)), A): optional(B)": throughOptional,
};
