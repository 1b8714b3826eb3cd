import { mergeApplied } from "../../../api/apply/merge.ts";
import { checkTyped, isAtomicObject, keyedListOf, TypedError } from "../../../api/apply/typed.ts";
import type { UnknownObject } from "../../../api/object.ts";
import type { StructType, Type } from "../../../api/schema/schema.ts";

/**
 * An object with a configuration applied, as server-side apply merges it; nobody's ownership is noted. Throws an Error in
 * upstream's words where the configuration does not fit the schema, or would replace what is one thing as a whole: that
 * is how fields get lost by mistake.
 */
export function applyConfiguration(
  object: UnknownObject,
  configuration: UnknownObject,
  schema: StructType | undefined,
): unknown {
  const { apiVersion, kind } = object;
  const patch = { ...configuration, apiVersion, kind };
  try {
    checkTyped(patch, schema);
  } catch (error) {
    if (!(error instanceof TypedError)) throw error;
    throw failed(`failed to convert patch object to typed object: ${error.message}`);
  }
  const atomics = atomicParts(patch, schema, "");
  if (atomics.length > 0) {
    const text = `may not mutate atomic arrays, maps or structs: ${atomics.join(", ")}`;
    throw failed(`invalid ApplyConfiguration: ${text}`);
  }
  return mergeApplied(object, patch, schema);
}

const failed = (message: string): Error => new Error(`error applying patch: ${message}`);

/** The paths of what is one thing, by the schema. */
function atomicParts(value: unknown, type: Type | undefined, path: string): string[] {
  if (Array.isArray(value)) {
    if (type?.kind !== "list") return [];
    const own = keyedListOf(type) ? [] : [path];
    return [...own, ...value.flatMap((item, index) => atomicParts(item, type.items, `${path}[${index}]`))];
  }
  if (typeof value !== "object" || value === null) return [];
  if (type?.kind !== "struct" && type?.kind !== "map" && type?.kind !== "opaque") return [];
  const own = isAtomicObject(type) ? [path] : [];
  if (type.kind !== "struct") return own;
  const parts = Object.entries(value).flatMap(([name, item]) => {
    const field = type.fields.get(name);
    return field ? atomicParts(item, field.type, `${path}.${name}`) : [];
  });
  return [...own, ...parts];
}
