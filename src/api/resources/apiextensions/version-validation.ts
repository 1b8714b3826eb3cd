import type { FieldError } from "../../resource-definition.ts";
import type {
  CustomResourceColumnDefinition,
  CustomResourceSubresources,
  JSONSchemaProps,
  SelectableField,
} from "../../types/apiextensions.v1.ts";
import { at, child, duplicate, invalid, required, tooMany } from "../field-errors.ts";

const COLUMN_TYPES = ["boolean", "date", "integer", "number", "string"];
const COLUMN_FORMATS = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
const MAX_SELECTABLE_FIELDS = 8;

export function validateColumns(
  columns: readonly CustomResourceColumnDefinition[],
  path: string,
  errors: FieldError[],
): void {
  for (const [index, { name, type, format, jsonPath }] of columns.entries()) {
    const column = at(path, index);
    if (!name) errors.push(required(child(column, "name")));
    const types = `must be one of ${COLUMN_TYPES.join(",")}`;
    if (!type) errors.push(required(child(column, "type"), types));
    else if (!COLUMN_TYPES.includes(type)) errors.push(invalid(child(column, "type"), type, types));
    if (format && !COLUMN_FORMATS.includes(format)) {
      errors.push(invalid(child(column, "format"), format, `must be one of ${COLUMN_FORMATS.join(",")}`));
    }
    if (!jsonPath) errors.push(required(child(column, "JSONPath")));
    else validateSimplePath(jsonPath, child(column, "JSONPath"), errors);
  }
}

/** Says whether the path is one. */
function validateSimplePath(text: string, path: string, errors: FieldError[]): boolean {
  if (text.startsWith(".")) return true;
  errors.push(invalid(path, text, "must be a simple json path starting with ."));
  return false;
}

export function validateSubresources({ scale }: CustomResourceSubresources, path: string, errors: FieldError[]): void {
  if (!scale) return;
  const check = (name: string, text: string, prefixes: readonly string[], detail: string) => {
    const field = child(path, "scale", name);
    if (!validateSimplePath(text, field, errors)) return;
    if (!prefixes.some((prefix) => text.startsWith(prefix))) errors.push(invalid(field, text, detail));
  };
  for (const [name, part] of [
    ["specReplicasPath", "spec"],
    ["statusReplicasPath", "status"],
  ] as const) {
    if (!scale[name]) errors.push(required(child(path, "scale", name)));
    else check(name, scale[name], [`.${part}.`], `should be a json path under .${part}`);
  }
  if (!scale.labelSelectorPath) return;
  const detail = "should be a json path under either .spec or .status";
  check("labelSelectorPath", scale.labelSelectorPath, [".spec.", ".status."], detail);
}

export function validateSelectableFields(
  fields: readonly SelectableField[],
  schema: JSONSchemaProps | undefined,
  path: string,
  errors: FieldError[],
): void {
  const seen = new Set<string>();
  for (const [index, { jsonPath }] of fields.entries()) {
    const field = child(at(path, index), "jsonPath");
    if (!jsonPath) {
      errors.push(required(field));
      continue;
    }
    const found = jsonPath.startsWith(".") ? fieldAt(schema, jsonPath.slice(1).split(".")) : undefined;
    if (!found) {
      errors.push(invalid(field, jsonPath, "is an invalid path: does not refer to a valid field"));
      continue;
    }
    if (jsonPath === ".metadata" || jsonPath.startsWith(".metadata.")) {
      errors.push(invalid(field, jsonPath, "must not point to fields in metadata"));
    }
    if (!["string", "boolean", "integer"].includes(found.type ?? "")) {
      const detail =
        "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
      errors.push(invalid(field, jsonPath, detail));
    }
    if (seen.has(jsonPath)) errors.push(duplicate(field, jsonPath));
    seen.add(jsonPath);
  }
  if (seen.size > MAX_SELECTABLE_FIELDS) errors.push(tooMany(path, seen.size, MAX_SELECTABLE_FIELDS));
}

function fieldAt(schema: JSONSchemaProps | undefined, names: readonly string[]): JSONSchemaProps | undefined {
  let current = schema;
  for (const name of names) current = current?.properties?.[name];
  return current;
}
