import { cloneJson } from "../../base/clone.ts";
import { setMember } from "../codec/json-text.ts";
import { hasAdditional, isJsonObject, itemsOf, type Json, propertyOf, type Schema, valuesOf } from "./structural.ts";

const isForbiddenNull = (value: unknown, schema: Schema | undefined): boolean =>
  value === null && schema !== undefined && !schema.nullable;
const hasDefault = (schema: Schema | undefined): boolean => schema?.default !== undefined && schema.default !== null;

/** Fills in, in place, the defaults of absent fields, and of fields that are null and may not be. */
export function setDefaults(value: unknown, schema: Schema | undefined): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    for (let index = 0; index < value.length; index++) {
      if (isForbiddenNull(value[index], items)) value[index] = hasDefault(items) ? cloneJson(items!.default) : null;
      setDefaults(value[index], items);
    }
    return;
  }
  if (!isJsonObject(value)) return;
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (!hasDefault(property)) continue;
    if (!Object.hasOwn(value, name) || isForbiddenNull(value[name], property)) {
      setMember(value, name, cloneJson(property.default));
    }
  }
  for (const key of Object.keys(value)) {
    const property = propertyOf(schema, key);
    if (property) setDefaults(value[key], property);
    else if (hasAdditional(schema)) {
      const values = valuesOf(schema);
      if (isForbiddenNull(value[key], values) && hasDefault(values)) setMember(value, key, cloneJson(values!.default));
      setDefaults(value[key], values);
    }
  }
}

/** Removes, in place, fields that are null, may not be, and have no default that will take the null's place. */
export function dropNulls(value: unknown, schema: Schema | undefined): void {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    for (const item of value) dropNulls(item, items);
    return;
  }
  if (!isJsonObject(value)) return;
  for (const key of Object.keys(value)) {
    const inner = propertyOf(schema, key) ?? valuesOf(schema);
    if (isForbiddenNull(value[key], inner) && !hasDefault(inner)) delete value[key];
    else dropNulls(value[key], inner);
  }
}

/** A place below a schema: the names of fields, `*` for the values of a map, `#` for the items of a list. */
type Place = readonly string[];

/**
 * The schema with its defaults pruned as if they stood in an object: `clean` brings an object with nothing but the default
 * in it into form. Shares what needs no change.
 */
export function withPrunedDefaults(root: Schema, clean: (object: Json) => void): Schema {
  return prunedBelow(root, [], clean);
}

function prunedBelow(schema: Schema, place: Place, clean: (object: Json) => void): Schema {
  const changes: Partial<Schema> = {};
  if (hasDefault(schema) && typeof schema.default === "object") {
    const [surrounding, read] = surround(cloneJson(schema.default), place);
    clean(surrounding);
    changes.default = read();
  }
  const values = valuesOf(schema);
  if (values) changes.additionalProperties = prunedBelow(values, [...place, "*"], clean);
  const items = itemsOf(schema);
  if (items) changes.items = prunedBelow(items, [...place, "#"], clean);
  if (schema.properties) {
    changes.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, one]) => [name, prunedBelow(one, [...place, name], clean)]),
    );
  }
  return { ...schema, ...changes };
}

/** An object in which `value` stands at `place`, and how to read it there. */
export function surround(value: unknown, place: Place): [object: Json, read: () => Schema["default"]] {
  const holder: Json = {};
  let target: Json | unknown[] = holder;
  let key: string | number = "";
  const steps = [...place];
  if (steps.length === 0) return [value as Json, () => value as Schema["default"]];
  key = steps.shift()!;
  for (const step of steps) {
    const next: Json | unknown[] = step === "#" ? [] : {};
    (target as Json)[key] = next;
    target = next;
    key = step === "#" ? 0 : step;
  }
  (target as Json)[key] = value;
  const last = target;
  const at = key;
  return [holder, () => (last as Json)[at] as Schema["default"]];
}
