import type { KubeObject, ResourceType } from "../../api/object.ts";
import type { OwnerReference } from "../../api/types/meta.v1.ts";

export const FOREGROUND = "foregroundDeletion";
export const ORPHAN = "orphan";

/** What the collector remembers of an object. */
export interface GraphNode {
  readonly type: ResourceType;
  readonly uid: string;
  readonly name: string;
  /** Undefined for cluster-scoped objects. */
  readonly namespace: string | undefined;
  readonly owners: readonly OwnerReference[];
  readonly beingDeleted: boolean;
  /** It is being deleted, and waits for its dependents to be deleted first. */
  readonly deletingDependents: boolean;
  /** It is being deleted, and waits for its dependents to be let go first. */
  readonly orphaning: boolean;
}

/** What has to be looked at after a change, by uid. */
export interface Consequences {
  readonly attemptToDelete: Set<string>;
  readonly attemptToOrphan: Set<string>;
}

/**
 * Who owns whom, over all resources. Built from events in any order: an owner that was never seen is known by its uid
 * from its dependents' references alone.
 */
export interface OwnerGraph {
  node(uid: string): GraphNode | undefined;
  dependents(uid: string): GraphNode[];
  /** An object was added or changed. */
  observe(type: ResourceType, object: KubeObject): Consequences;
  /** An object is gone. */
  remove(uid: string): Consequences;
}

export function ownerGraph(): OwnerGraph {
  const nodes = new Map<string, GraphNode>();
  const dependentsByOwner = new Map<string, Set<string>>();

  const link = (owner: string, dependent: string) => {
    const present = dependentsByOwner.get(owner);
    if (present) present.add(dependent);
    else dependentsByOwner.set(owner, new Set([dependent]));
  };
  const unlink = (owner: string, dependent: string) => {
    const present = dependentsByOwner.get(owner);
    if (present?.delete(dependent) && present.size === 0) dependentsByOwner.delete(owner);
  };
  const nothing = (): Consequences => ({ attemptToDelete: new Set(), attemptToOrphan: new Set() });

  return {
    node: (uid) => nodes.get(uid),
    dependents: (uid) => Array.from(dependentsByOwner.get(uid) ?? [], (dependent) => nodes.get(dependent)!),
    observe(type, object) {
      const found = nothing();
      const node = nodeOf(type, object);
      const old = nodes.get(node.uid);
      nodes.set(node.uid, node);

      const owners = new Set(node.owners.map((owner) => owner.uid));
      for (const owner of old?.owners ?? []) if (!owners.has(owner.uid)) unlink(owner.uid, node.uid);
      for (const owner of owners) {
        link(owner, node.uid);
        // An owner nobody has seen may not exist: it has to be asked for.
        if (!nodes.has(owner) && !old?.owners.some((one) => one.uid === owner)) found.attemptToDelete.add(owner);
      }
      // A reference that fits its uid's object in nothing else may lead nowhere: that is for the server to say.
      if (node.owners.some((owner) => isDoubtful(owner, node, nodes.get(owner.uid))))
        found.attemptToDelete.add(node.uid);
      if (!old) {
        for (const uid of dependentsByOwner.get(node.uid) ?? []) {
          const dependent = nodes.get(uid)!;
          if (dependent.owners.some((owner) => owner.uid === node.uid && isDoubtful(owner, dependent, node))) {
            found.attemptToDelete.add(uid);
          }
        }
      }
      // An owner that waits for this one may go on when it no longer blocks it.
      for (const owner of old?.owners ?? []) {
        const blocks = node.owners.some((one) => one.uid === owner.uid && one.blockOwnerDeletion);
        if (owner.blockOwnerDeletion && !blocks && nodes.get(owner.uid)?.deletingDependents) {
          found.attemptToDelete.add(owner.uid);
        }
      }
      // Owners that are being deleted in the foreground want their new dependent gone, too.
      for (const owner of owners) if (nodes.get(owner)?.deletingDependents) found.attemptToDelete.add(node.uid);

      if (node.orphaning && !old?.orphaning) found.attemptToOrphan.add(node.uid);
      if (node.deletingDependents && !old?.deletingDependents) {
        for (const dependent of dependentsByOwner.get(node.uid) ?? []) found.attemptToDelete.add(dependent);
        found.attemptToDelete.add(node.uid);
      }
      return found;
    },
    remove(uid) {
      const found = nothing();
      const node = nodes.get(uid);
      if (!node) return found;
      nodes.delete(uid);
      for (const owner of node.owners) {
        unlink(owner.uid, uid);
        if (nodes.get(owner.uid)?.deletingDependents) found.attemptToDelete.add(owner.uid);
      }
      for (const dependent of dependentsByOwner.get(uid) ?? []) found.attemptToDelete.add(dependent);
      return found;
    },
  };
}

function isDoubtful(reference: OwnerReference, dependent: GraphNode, owner: GraphNode | undefined): boolean {
  if (!owner) return false;
  const sameNamespace = owner.namespace === undefined || owner.namespace === dependent.namespace;
  return !sameNamespace || owner.name !== reference.name || owner.type.kind !== reference.kind;
}

function nodeOf(type: ResourceType, object: KubeObject): GraphNode {
  const { uid = "", name = "", namespace, ownerReferences = [], finalizers, deletionTimestamp } = object.metadata ?? {};
  const beingDeleted = deletionTimestamp !== undefined;
  return {
    type,
    uid,
    name,
    namespace,
    owners: ownerReferences,
    beingDeleted,
    deletingDependents: beingDeleted && (finalizers?.includes(FOREGROUND) ?? false),
    orphaning: beingDeleted && (finalizers?.includes(ORPHAN) ?? false),
  };
}
