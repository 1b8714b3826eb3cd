import type { FieldError } from "../resource-definition.ts";
import { child, invalid, notSupported, required, tooLong, tooMany, typeInvalid } from "../resources/field-errors.ts";

/** A problem of a value, before it becomes a cause of a 422. */
export interface Problem {
  /** "plain" is about nothing in particular: its field is that of the whole value. */
  readonly kind: "type" | "required" | "tooLong" | "enum" | "tooMany" | "invalid" | "plain";
  readonly path: string;
  /** `spec.replicas in body must be of type integer: "string"`. */
  readonly message: string;
  readonly value: unknown;
  /** The limit that was passed. */
  readonly limit?: number;
  /** The values of an enum. */
  readonly allowed?: readonly unknown[];
}

export function problem(
  kind: Problem["kind"],
  path: string,
  text: string,
  value: unknown = "",
  limit?: number,
): Problem {
  const message = kind === "plain" ? text : `${path} in body ${text}`;
  return { kind, path, message, value, ...(limit === undefined ? {} : { limit }) };
}

/** The problems as field errors; `path` is where the validated value stands. */
export function fieldErrors(problems: readonly Problem[], path: string): FieldError[] {
  return problems.map((one) => {
    const own = one.path.replace(/^\./, "");
    const field = own === "" ? path || NOWHERE : child(path, own);
    const { value, message, limit = -1 } = one;
    switch (one.kind) {
      case "required":
        return required(field);
      case "enum": {
        const allowed = (one.allowed ?? []).map((each) => (typeof each === "string" ? each : JSON.stringify(each)));
        return notSupported(field, value, allowed);
      }
      case "tooLong":
        return tooLong(field, limit);
      case "tooMany":
        return tooMany(field, Number(value), limit);
      case "type":
        return typeInvalid(field, value, message);
      case "plain":
        return invalid(path || NOWHERE, "", message);
      default:
        return invalid(field, value ?? "", message);
    }
  });
}

/** How Go prints the path of the object itself. */
const NOWHERE = "<nil>";
