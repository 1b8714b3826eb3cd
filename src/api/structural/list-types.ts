import type { FieldError } from "../resource-definition.ts";
import { at, child, duplicate, invalid } from "../resources/field-errors.ts";
import { isJsonObject, itemsOf, propertyOf, type Schema, valuesOf } from "./structural.ts";

/** Items of sets, and keys of the items of keyed lists, must not stand twice. */
export function validateListTypes(value: unknown, schema: Schema | undefined, path = ""): FieldError[] {
  const errors: FieldError[] = [];
  visit(value, schema, path, errors);
  return errors;
}

function visit(value: unknown, schema: Schema | undefined, path: string, errors: FieldError[]): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    const listType = schema["x-kubernetes-list-type"];
    if (listType === "set") reportRepeated(value, (item) => item, path, errors);
    else if (listType === "map") validateKeys(value, schema["x-kubernetes-list-map-keys"] ?? [], path, errors);
    const items = itemsOf(schema);
    if (items) value.forEach((item, index) => void visit(item, items, at(path, index), errors));
    return;
  }
  if (!isJsonObject(value)) return;
  for (const key of Object.keys(value)) {
    const property = propertyOf(schema, key);
    if (property) visit(value[key], property, child(path, key), errors);
    else visit(value[key], valuesOf(schema), at(path, key), errors);
  }
}

function validateKeys(items: readonly unknown[], keys: readonly string[], path: string, errors: FieldError[]): void {
  const odd = items.findIndex((item) => item !== null && !isJsonObject(item));
  if (odd >= 0) {
    errors.push(invalid(at(path, odd), items[odd], "must be an object for an array of list-type map"));
    return;
  }
  const keysOf = (item: unknown) => {
    const found: Record<string, unknown> = {};
    if (isJsonObject(item)) for (const key of keys) if (Object.hasOwn(item, key)) found[key] = item[key];
    return found;
  };
  reportRepeated(items, keysOf, path, errors);
}

/** Each thing that stands more than once is reported once, where it stands for the second time. */
function reportRepeated(
  items: readonly unknown[],
  identity: (item: unknown) => unknown,
  path: string,
  errors: FieldError[],
): void {
  const seen = new Map<string, number>();
  items.forEach((item, index) => {
    const shown = identity(item);
    const text = JSON.stringify(shown);
    const times = (seen.get(text) ?? 0) + 1;
    seen.set(text, times);
    if (times === 2) errors.push(duplicate(at(path, index), shown));
  });
}
