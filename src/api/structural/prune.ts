import {
  hasAdditional,
  isEmbedded,
  itemsOf,
  preservesUnknown,
  propertyOf,
  RESOURCE_FIELDS,
  type Schema,
  valuesOf,
} from "./structural.ts";

/**
 * Removes, in place, what the schema does not specify; what lies in a part that preserves unknown fields stays.
 * `unknown` gets the paths of what was removed, sorted: `spec.items[0].typo`.
 */
export function prune(value: unknown, schema: Schema | undefined, unknown?: string[]): void {
  const found: string[] = [];
  new Pruning(unknown ? found : undefined).value(value, schema, "");
  unknown?.push(...found.sort());
}

class Pruning {
  readonly #unknown: string[] | undefined;

  constructor(unknown: string[] | undefined) {
    this.#unknown = unknown;
  }

  value(value: unknown, schema: Schema | undefined, path: string): void {
    if (typeof value !== "object" || value === null) return;
    if (schema && preservesUnknown(schema)) {
      this.#preserved(value, schema, path);
      return;
    }
    if (Array.isArray(value)) {
      const items = itemsOf(schema);
      value.forEach((item, index) => {
        this.value(item, items, `${path}[${index}]`);
      });
      return;
    }
    const object = value as Record<string, unknown>;
    for (const key of Object.keys(object)) {
      if (schema && isEmbedded(schema) && RESOURCE_FIELDS.has(key)) continue;
      const inner = path === "" ? key : `${path}.${key}`;
      const property = propertyOf(schema, key);
      if (property) this.value(object[key], property, inner);
      else if (schema && hasAdditional(schema)) this.value(object[key], valuesOf(schema), inner);
      else {
        if (!RESOURCE_FIELDS.has(key) || path !== "") this.#unknown?.push(inner);
        delete object[key];
      }
    }
  }

  /** Inside a part that keeps what it does not know, what it does specify is still pruned. */
  #preserved(value: object, schema: Schema | undefined, path: string): void {
    if (!schema) return;
    if (Array.isArray(value)) {
      const items = itemsOf(schema);
      value.forEach((item, index) => {
        if (typeof item === "object" && item !== null) this.#preserved(item, items, `${path}[${index}]`);
      });
      return;
    }
    const object = value as Record<string, unknown>;
    for (const key of Object.keys(object)) {
      if (isEmbedded(schema) && RESOURCE_FIELDS.has(key)) continue;
      const inner = path === "" ? key : `${path}.${key}`;
      const property = propertyOf(schema, key);
      if (property) this.value(object[key], property, inner);
      else if (hasAdditional(schema)) this.value(object[key], valuesOf(schema), inner);
    }
  }
}
