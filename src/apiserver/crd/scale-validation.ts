import type { UnknownObject } from "../../api/object.ts";
import type { FieldError } from "../../api/resource-definition.ts";
import { invalid } from "../../api/resources/field-errors.ts";
import { isJsonObject } from "../../api/structural/structural.ts";
import type { CustomResourceSubresourceScale } from "../../api/types/apiextensions.v1.ts";

const MOST_REPLICAS = 2 ** 31 - 1;

/** What stands where the scale subresource looks: numbers of replicas, and a selector as text. */
export function validateScale(
  object: UnknownObject,
  scale: CustomResourceSubresourceScale | undefined,
  withSpec: boolean,
): FieldError[] {
  if (!scale) return [];
  const errors: FieldError[] = [];
  if (withSpec) validateReplicas(object, scale.specReplicasPath, errors);
  validateReplicas(object, scale.statusReplicasPath, errors);
  if (scale.labelSelectorPath) {
    const { value, problem } = nested(object, scale.labelSelectorPath);
    const detail =
      problem ??
      (value === undefined || typeof value === "string"
        ? undefined
        : typeError(scale.labelSelectorPath, value, "string"));
    if (detail) errors.push(invalid(scale.labelSelectorPath, "", detail));
  }
  return errors;
}

function validateReplicas(object: UnknownObject, path: string, errors: FieldError[]): void {
  const { value, problem } = nested(object, path);
  if (problem) errors.push(invalid(path, 0, problem));
  else if (value === undefined) return;
  else if (!Number.isInteger(value)) errors.push(invalid(path, 0, typeError(path, value, "int64")));
  else if ((value as number) < 0) errors.push(invalid(path, value, "should be a non-negative integer"));
  else if ((value as number) > MOST_REPLICAS) {
    errors.push(invalid(path, value, `should be less than or equal to ${MOST_REPLICAS}`));
  }
}

/** The value at a plain path; a problem where something on the way is no object. */
function nested(object: UnknownObject, path: string): { value?: unknown; problem?: string } {
  let value: unknown = object;
  const names = path.replace(/^\./, "").split(".");
  for (const [index, name] of names.entries()) {
    if (!isJsonObject(value)) {
      const place = `.${names.slice(0, index).join(".")}`;
      return {
        problem: `${place} accessor error: ${shown(value)} is of the type ${goType(value)}, expected map[string]interface{}`,
      };
    }
    if (!Object.hasOwn(value, name)) return {};
    value = value[name];
  }
  return { value };
}

const typeError = (path: string, value: unknown, wanted: string) =>
  `${path} accessor error: ${shown(value)} is of the type ${goType(value)}, expected ${wanted}`;

const shown = (value: unknown) =>
  value === null ? "<nil>" : typeof value === "object" ? JSON.stringify(value) : String(value);

function goType(value: unknown): string {
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return "[]interface {}";
  if (typeof value === "object") return "map[string]interface {}";
  if (typeof value === "number") return Number.isInteger(value) ? "int64" : "float64";
  return typeof value === "boolean" ? "bool" : "string";
}
