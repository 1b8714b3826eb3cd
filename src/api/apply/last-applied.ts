/** The annotation in which client-side `kubectl apply` keeps its last configuration, as far as the server deals with it. */
import type { UnknownObject } from "../object.ts";
import { isObject } from "../patch/go-format.ts";
import type { StructType } from "../schema/schema.ts";
import { changedFields, compare } from "./compare.ts";
import { difference, type FieldSet } from "./field-set.ts";
import { ownedFields } from "./owned-fields.ts";

export const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** Annotations of an object may take up this many bytes together. */
const MOST_ANNOTATION_BYTES = 256 * 1024;

/**
 * The fields that client-side apply last set and that still have the value it gave them; undefined where it did not, or
 * where its configuration can't be read.
 */
export function lastAppliedFields(live: UnknownObject, schema: StructType | undefined): FieldSet | undefined {
  const text = live.metadata?.annotations?.[LAST_APPLIED];
  if (!text) return undefined;
  let configuration: unknown;
  try {
    configuration = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (!isObject(configuration)) return undefined;
  return difference(ownedFields(configuration, schema), changedFields(compare(live, configuration, schema)));
}

/** Keeps the annotation true where there is one, so that client-side apply can go on from there. */
export function annotateLastApplied(object: UnknownObject, applied: UnknownObject): UnknownObject {
  const annotations = object.metadata?.annotations;
  if (annotations?.[LAST_APPLIED] === undefined) return object;
  const { [LAST_APPLIED]: _, ...rest } = annotations;
  const text = `${JSON.stringify(sorted(applied))}\n`;
  const size = Object.entries({ ...rest, [LAST_APPLIED]: text }).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  const kept = size > MOST_ANNOTATION_BYTES ? rest : { ...rest, [LAST_APPLIED]: text };
  return { ...object, metadata: { ...object.metadata, annotations: kept } };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key])]));
}
