import type { FieldError } from "../../resource-definition.ts";
import { invalid } from "../field-errors.ts";

/** No element of the path leads upwards. */
export function validateNoBacksteps(target: string, path: string, errors: FieldError[]): void {
  if (target.includes("..") && target.split("/").includes("..")) {
    errors.push(invalid(path, target, "must not contain '..'"));
  }
}

/** A relative path that does not leave its root. */
export function validateLocalDescendingPath(target: string, path: string, errors: FieldError[]): void {
  if (target.startsWith("/")) errors.push(invalid(path, target, "must be a relative path"));
  validateNoBacksteps(target, path, errors);
}

/** The same, and it does not begin like the names that volumes keep for themselves. */
export function validateLocalNonReservedPath(target: string, path: string, errors: FieldError[]): void {
  validateLocalDescendingPath(target, path, errors);
  if (target.startsWith("..") && !target.startsWith("../")) {
    errors.push(invalid(path, target, "must not start with '..'"));
  }
}
