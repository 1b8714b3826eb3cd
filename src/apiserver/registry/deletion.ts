import type { KubeObject } from "../../api/object.ts";
import type { DeleteOptions, ObjectMeta } from "../../api/types/meta.v1.ts";

/** The finalizers by which a deletion waits for the garbage collector. */
export const ORPHAN_FINALIZER = "orphan";
export const FOREGROUND_FINALIZER = "foregroundDeletion";

/** What a deletion comes to, decided from the object as it is. */
export type DeletionPlan =
  /** The object goes now. */
  | { readonly action: "remove" }
  /** The deletion is already under way, and this request changes nothing. */
  | { readonly action: "none" }
  /** The object stays for a while, with these fields (at the top level) replaced. */
  | { readonly action: "mark"; readonly changes: KubeObject & Record<string, unknown> };

export interface DeletionRules {
  /** ResourceDefinition.gracePeriodSeconds, bound to the object. Absent: deletions are not graceful. */
  readonly gracePeriodSeconds?: (requested: number | undefined) => number;
  readonly defaultPropagation: "Background" | "Orphan";
}

/** Plans a deletion by upstream's rules for grace periods, finalizers and propagation. `now` is wall time in ms. */
export function planDeletion(
  object: KubeObject,
  options: DeleteOptions,
  rules: DeletionRules,
  now: number,
): DeletionPlan {
  const metadata = object.metadata ?? {};
  const grace = planGrace(metadata, options, rules, now);
  if (grace === "none") return { action: "none" };

  const finalizers = collectorFinalizers(metadata.finalizers ?? [], options, rules.defaultPropagation);
  const changed = grace ?? {};
  if (finalizers.length > 0) {
    const marked = grace ? changed : markDeleting(metadata, now);
    return { action: "mark", changes: { metadata: { ...metadata, ...marked, finalizers } } };
  }
  if (grace && (grace.deletionGracePeriodSeconds ?? 0) > 0) {
    return { action: "mark", changes: { metadata: withFinalizers({ ...metadata, ...grace }, finalizers) } };
  }
  return { action: "remove" };
}

/** The metadata that graceful deletion changes; undefined where it plays no part, "none" where all is done already. */
function planGrace(
  metadata: ObjectMeta,
  options: DeleteOptions,
  rules: DeletionRules,
  now: number,
): Partial<ObjectMeta> | "none" | undefined {
  if (!rules.gracePeriodSeconds) return undefined;
  const requested =
    options.gracePeriodSeconds !== undefined && options.gracePeriodSeconds < 0 ? 1 : options.gracePeriodSeconds;
  if (metadata.deletionTimestamp) {
    const present = metadata.deletionGracePeriodSeconds;
    if (present === undefined) return undefined;
    // A deletion under way can only be made shorter; then its end moves back by as much.
    if (requested === undefined || requested >= present) return "none";
    const end = Date.parse(metadata.deletionTimestamp) - (present - requested) * 1000;
    return { deletionTimestamp: timestamp(end), deletionGracePeriodSeconds: requested };
  }
  const seconds = rules.gracePeriodSeconds(requested);
  return {
    deletionTimestamp: timestamp(now + seconds * 1000),
    deletionGracePeriodSeconds: seconds,
    ...nextGeneration(metadata),
  };
}

/** An object that is not deleted gracefully, but must wait for its finalizers. */
function markDeleting(metadata: ObjectMeta, now: number): Partial<ObjectMeta> {
  const present = metadata.deletionTimestamp;
  return {
    deletionTimestamp: present && Date.parse(present) <= now ? present : timestamp(now),
    deletionGracePeriodSeconds: 0,
    ...(present ? {} : nextGeneration(metadata)),
  };
}

/** The finalizers with those of the garbage collector added or taken away, as the options ask. */
export function collectorFinalizers(
  finalizers: readonly string[],
  options: DeleteOptions,
  defaultPropagation: "Background" | "Orphan",
): string[] {
  const others = finalizers.filter((one) => one !== ORPHAN_FINALIZER && one !== FOREGROUND_FINALIZER);
  const propagation = propagationOf(finalizers, options, defaultPropagation);
  if (propagation === "Orphan") others.push(ORPHAN_FINALIZER);
  else if (propagation === "Foreground") others.push(FOREGROUND_FINALIZER);
  return others;
}

/** What becomes of the dependents: the options decide, else a finalizer that is there already, else the kind's default. */
function propagationOf(
  finalizers: readonly string[],
  options: DeleteOptions,
  defaultPropagation: "Background" | "Orphan",
): string {
  if (options.orphanDependents !== undefined) return options.orphanDependents ? "Orphan" : "Background";
  if (options.propagationPolicy) return options.propagationPolicy;
  for (const finalizer of finalizers) {
    if (finalizer === ORPHAN_FINALIZER) return "Orphan";
    if (finalizer === FOREGROUND_FINALIZER) return "Foreground";
  }
  return defaultPropagation;
}

/** `metadata` with these finalizers; the field is absent where there are none. */
export function withFinalizers(metadata: ObjectMeta, finalizers: string[]): ObjectMeta {
  if (finalizers.length > 0) return { ...metadata, finalizers };
  const { finalizers: _, ...rest } = metadata;
  return rest;
}

const nextGeneration = (metadata: ObjectMeta): Partial<ObjectMeta> =>
  metadata.generation ? { generation: metadata.generation + 1 } : {};

/** A wall time in ms as metav1.Time: whole seconds. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
