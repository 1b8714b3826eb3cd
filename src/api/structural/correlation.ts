import { jsonEqual } from "../json-equal.ts";
import { isJsonObject, itemsOf, propertyOf, type Schema, valuesOf } from "./structural.ts";

/**
 * A value of an object that is being updated, beside what it was before; where that can't be told, there is no
 * correlation. It knows whether the two are equal (items of keyed lists may stand in another order), for what was
 * wrong before and did not change is let pass (KEP-4008).
 */
export class Correlation {
  readonly value: unknown;
  readonly old: unknown;
  readonly #schema: Schema;
  #equal: boolean | undefined;
  #oldItems: ReadonlyMap<string, unknown> | undefined;
  readonly #children = new Map<string | number, Correlation | undefined>();

  constructor(value: unknown, old: unknown, schema: Schema) {
    this.value = value;
    this.old = old;
    this.#schema = schema;
  }

  /** The named field, where both objects have it and the schema specifies it. */
  key(name: string): Correlation | undefined {
    if (this.#children.has(name)) return this.#children.get(name);
    const { value, old } = this;
    if (!isJsonObject(value) || !isJsonObject(old)) return undefined;
    if (!Object.hasOwn(value, name) || !Object.hasOwn(old, name)) return undefined;
    const schema = propertyOf(this.#schema, name) ?? valuesOf(this.#schema);
    if (!schema) return undefined;
    const made = new Correlation(value[name], old[name], schema);
    this.#children.set(name, made);
    return made;
  }

  /** The item of a list whose items have keys. */
  index(index: number): Correlation | undefined {
    if (this.#children.has(index)) return this.#children.get(index);
    const schema = itemsOf(this.#schema);
    if (!Array.isArray(this.value) || !Array.isArray(this.old) || index >= this.value.length || !schema)
      return undefined;
    this.#oldItems ??= keyedItems(this.#schema, this.old);
    const key = itemKey(this.#schema, this.value[index]);
    const old = key === undefined ? undefined : this.#oldItems.get(key);
    if (old === undefined || old === null) return undefined;
    const made = new Correlation(this.value[index], old, schema);
    this.#children.set(index, made);
    return made;
  }

  get isEqual(): boolean {
    this.#equal ??= this.#compare();
    return this.#equal;
  }

  #compare(): boolean {
    const { value, old } = this;
    if (value === null || old === null) return value === old;
    if (Array.isArray(value) && Array.isArray(old)) {
      if (value.length !== old.length) return false;
      if (this.#schema["x-kubernetes-list-type"] !== "map") return jsonEqual(value, old);
      return value.every((_, index) => this.index(index)?.isEqual ?? false);
    }
    if (isJsonObject(value) && isJsonObject(old)) {
      const keys = Object.keys(value);
      return keys.length === Object.keys(old).length && keys.every((key) => this.key(key)?.isEqual ?? false);
    }
    return value === old;
  }
}

/** The items of a list by their keys; empty for lists whose items have none. The first of equal keys counts. */
export function keyedItems(schema: Schema, items: readonly unknown[]): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>();
  for (const item of items) {
    const key = itemKey(schema, item);
    if (key !== undefined && !found.has(key)) found.set(key, item);
  }
  return found;
}

/** What tells an item of a keyed list from the others; undefined where nothing does. */
export function itemKey(schema: Schema, item: unknown): string | undefined {
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  if (schema["x-kubernetes-list-type"] !== "map" || keys.length === 0 || !isJsonObject(item)) return undefined;
  return JSON.stringify(keys.map((key) => item[key] ?? null));
}
