import { jsonEqual } from "../api/json-equal.ts";
import type { KubeObject } from "../api/object.ts";

/** Which changes of an object count; what is absent counts always. */
export interface Predicate<T extends KubeObject> {
  created?(object: T): boolean;
  updated?(old: T, object: T): boolean;
  deleted?(object: T): boolean;
}

/** Everything counts. */
export const always: Predicate<KubeObject> = {};

/** Only changes of what is asked for: those that raise `metadata.generation`, and the beginning of a deletion. */
export const generationChanged: Predicate<KubeObject> = {
  updated: (old, object) =>
    old.metadata?.generation !== object.metadata?.generation ||
    old.metadata?.deletionTimestamp !== object.metadata?.deletionTimestamp,
};

export const labelsChanged: Predicate<KubeObject> = {
  updated: (old, object) => !jsonEqual(old.metadata?.labels ?? {}, object.metadata?.labels ?? {}),
};

export const annotationsChanged: Predicate<KubeObject> = {
  updated: (old, object) => !jsonEqual(old.metadata?.annotations ?? {}, object.metadata?.annotations ?? {}),
};

/** What any of `predicates` counts. */
export function anyOf<T extends KubeObject>(...predicates: readonly Predicate<T>[]): Predicate<T> {
  return {
    created: (object) => predicates.some((one) => one.created?.(object) ?? true),
    updated: (old, object) => predicates.some((one) => one.updated?.(old, object) ?? true),
    deleted: (object) => predicates.some((one) => one.deleted?.(object) ?? true),
  };
}

/** What all of `predicates` count. */
export function allOf<T extends KubeObject>(...predicates: readonly Predicate<T>[]): Predicate<T> {
  return {
    created: (object) => predicates.every((one) => one.created?.(object) ?? true),
    updated: (old, object) => predicates.every((one) => one.updated?.(old, object) ?? true),
    deleted: (object) => predicates.every((one) => one.deleted?.(object) ?? true),
  };
}
