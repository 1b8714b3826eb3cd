import type { KubeObject } from "../object.ts";
import type { ObjectMeta } from "../types/meta.v1.ts";

/** Metadata that a write through a status subresource may not change, for the kinds that guard all of it. */
const GUARDED = [
  "deletionTimestamp",
  "generation",
  "labels",
  "annotations",
  "finalizers",
  "ownerReferences",
] as const satisfies readonly (keyof ObjectMeta)[];

/** Puts the old metadata back, but for what identifies the object and its version. */
export function resetMetadataForStatus(object: KubeObject, old: KubeObject): void {
  object.metadata = object.metadata ?? {};
  const metadata = object.metadata as Record<string, unknown>;
  for (const field of GUARDED) {
    const value = old.metadata?.[field];
    if (value === undefined) delete metadata[field];
    else metadata[field] = value;
  }
}
