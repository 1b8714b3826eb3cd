import type { KubeObject } from "../../api/object.ts";
import type { OwnerReference } from "../../api/types/meta.v1.ts";
import { FOREGROUND, type GraphNode, ORPHAN } from "./owner-graph.ts";

/** What is known of an owner that a reference names. */
export type OwnerState = "present" | "absent" | "deletingDependents";

/** What has to happen to an object, given its owners. */
export type Verdict =
  | { action: "keep" }
  /** It has an owner that stays: references to the others are taken off. */
  | { action: "drop-references"; uids: string[] }
  | { action: "delete"; propagationPolicy: "Orphan" | "Foreground" | "Background"; unblock: boolean };

/** `dependents` are the object's own. */
export function judge(
  object: KubeObject,
  stateOf: (reference: OwnerReference) => OwnerState,
  dependents: readonly GraphNode[],
): Verdict {
  const references = object.metadata?.ownerReferences ?? [];
  if (references.length === 0) return { action: "keep" };
  const states = references.map((reference) => ({ uid: reference.uid, state: stateOf(reference) }));
  const going = states.filter(({ state }) => state !== "present").map(({ uid }) => uid);
  if (going.length < states.length) {
    return going.length === 0 ? { action: "keep" } : { action: "drop-references", uids: going };
  }
  const ownerWaits = states.some(({ state }) => state === "deletingDependents");
  if (ownerWaits && dependents.length > 0) {
    // Two that wait for each other would wait forever: the circle is cut by no longer blocking the owners.
    const unblock = dependents.some((dependent) => dependent.deletingDependents);
    return { action: "delete", propagationPolicy: "Foreground", unblock };
  }
  const finalizers = object.metadata?.finalizers ?? [];
  const propagationPolicy = finalizers.includes(ORPHAN)
    ? "Orphan"
    : finalizers.includes(FOREGROUND)
      ? "Foreground"
      : "Background";
  return { action: "delete", propagationPolicy, unblock: false };
}
