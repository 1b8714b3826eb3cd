import type { KubeObject } from "../../api/object.ts";
import { badRequest } from "../../api/status-error.ts";
import type { ObjectMeta, OwnerReference } from "../../api/types/meta.v1.ts";
import type { Random } from "../../base/random.ts";
import { timestamp } from "./deletion.ts";

/** Puts the object into the namespace of the request; one that names another namespace is refused (400). */
export function settleNamespace(object: KubeObject, namespace: string): void {
  object.metadata ??= {};
  const present = object.metadata.namespace ?? "";
  if (present === namespace) {
    if (namespace === "") delete object.metadata.namespace;
    return;
  }
  if (namespace === "") delete object.metadata.namespace;
  else if (present === "") object.metadata.namespace = namespace;
  else throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
}

/** Gives a new object what only the server may set, and takes away what a client may not. */
export function initialMetadata(metadata: ObjectMeta, tracksGeneration: boolean, now: number, random: Random): void {
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  delete metadata.resourceVersion;
  metadata.creationTimestamp = timestamp(now);
  metadata.uid = random.uuid();
  if (tracksGeneration) metadata.generation = 1;
}

/** Carries over from the stored object what an update can't change, or may leave out. */
export function carryMetadata(metadata: ObjectMeta, old: ObjectMeta): void {
  delete metadata.selfLink;
  restore(metadata, "creationTimestamp", old.creationTimestamp);
  restore(metadata, "generation", old.generation);
  metadata.name ||= old.name;
  if (old.namespace) metadata.namespace ||= old.namespace;
  metadata.uid ||= old.uid;
  if (old.deletionTimestamp) metadata.deletionTimestamp = old.deletionTimestamp;
  if (old.deletionGracePeriodSeconds !== undefined)
    metadata.deletionGracePeriodSeconds ??= old.deletionGracePeriodSeconds;
}

function restore<K extends "creationTimestamp" | "generation">(
  metadata: ObjectMeta,
  key: K,
  value: ObjectMeta[K],
): void {
  if (value === undefined) delete metadata[key];
  else metadata[key] = value;
}

/** Drops owner references of the same owner that came twice; returns the warning for it. */
export function dropDuplicateOwners(metadata: ObjectMeta): string | undefined {
  const owners = metadata.ownerReferences;
  if (!owners || owners.length < 2) return undefined;
  const kept: OwnerReference[] = [];
  const repeated = new Set<string>();
  for (const owner of owners) {
    if (kept.some((one) => sameOwner(one, owner))) repeated.add(owner.uid);
    else kept.push(owner);
  }
  if (repeated.size === 0) return undefined;
  metadata.ownerReferences = kept;
  const uids = [...repeated].join(", ");
  return `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${uids}`;
}

const sameOwner = (a: OwnerReference, b: OwnerReference) =>
  a.uid === b.uid &&
  a.name === b.name &&
  a.kind === b.kind &&
  a.apiVersion === b.apiVersion &&
  a.controller === b.controller &&
  a.blockOwnerDeletion === b.blockOwnerDeletion;
