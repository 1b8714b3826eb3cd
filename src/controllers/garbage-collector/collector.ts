import { type KubeObject, parseApiVersion, type ResourceType } from "../../api/object.ts";
import { isConflict, isNotFound } from "../../api/status-error.ts";
import type { OwnerReference } from "../../api/types/meta.v1.ts";
import type { Client } from "../../client/client.ts";
import { recentlyUsed } from "../../client/event-correlation.ts";
import { judge, type OwnerState } from "./owner-classes.ts";
import { FOREGROUND, type GraphNode, ORPHAN, type OwnerGraph } from "./owner-graph.ts";

/** Acts on single objects: deletes those without an owner, lets go of dependents, takes finalizers off. */
export interface Collector {
  /** Looks at an object and deletes it if nobody owns it any more. Resolves false where that can't be told yet. */
  attemptToDelete(uid: string, signal: AbortSignal): Promise<boolean>;
  /** Takes the owner's references off its dependents, then its finalizer. */
  attemptToOrphan(uid: string, signal: AbortSignal): Promise<void>;
}

export interface CollectorOptions {
  client: Client;
  graph: OwnerGraph;
  resolve(group: string, kind: string): ResourceType | undefined;
  /** These may be without an owner now. */
  enqueue(uids: Iterable<string>): void;
  /** Told where a reference can't be right: the owner lives in another namespace. */
  onWrongNamespace(dependent: GraphNode, reference: OwnerReference): void;
}

/** References whose owner is known to be absent. An uid is never used again, so this stays true. */
const REMEMBERED_ABSENT = 500;

export function collector(options: CollectorOptions): Collector {
  const { client, graph, enqueue } = options;
  const absent = recentlyUsed<true>(REMEMBERED_ABSENT);

  const metadataOf = (type: ResourceType) => client.resource(type, { metadataOnly: true });
  const getIfThere = async (
    type: ResourceType,
    name: string,
    namespace: string | undefined,
    uid: string,
    signal: AbortSignal,
  ): Promise<KubeObject | undefined> => {
    const object = await metadataOf(type).get(name, namespace, { signal }).catch(ifGone);
    return object?.metadata?.uid === uid ? object : undefined;
  };
  const read = (node: GraphNode, signal: AbortSignal) =>
    getIfThere(node.type, node.name, node.namespace, node.uid, signal);
  const patch = (node: Pick<GraphNode, "type" | "name" | "namespace">, metadata: object, signal: AbortSignal) =>
    client.resource(node.type).patch(node.name, node.namespace, "merge", { metadata }, { signal }).catch(ifGone);

  /** Whether the owner that a dependent in `namespace` refers to is there. Asks the server: caches may lag behind. */
  async function ownerState(dependent: GraphNode, reference: OwnerReference, signal: AbortSignal): Promise<OwnerState> {
    const { group } = parseApiVersion(reference.apiVersion);
    const type = options.resolve(group, reference.kind);
    if (!type) throw new Error(`unknown kind of owner: ${reference.apiVersion} ${reference.kind}`);
    const namespace = type.namespaced ? dependent.namespace : undefined;
    if (type.namespaced && namespace === undefined) throw new ImpossibleOwnerError(dependent, reference);
    const key = JSON.stringify([type.group, type.resource, namespace, reference.name, reference.uid]);
    if (absent.get(key)) return "absent";
    const owner = await getIfThere(type, reference.name, namespace, reference.uid, signal);
    if (!owner) {
      absent.set(key, true);
      const elsewhere = graph.node(reference.uid);
      if (elsewhere && elsewhere.namespace !== namespace) options.onWrongNamespace(dependent, reference);
      return "absent";
    }
    const waits = owner.metadata?.deletionTimestamp && owner.metadata.finalizers?.includes(FOREGROUND);
    return waits ? "deletingDependents" : "present";
  }

  /** An owner that no watch has shown: if it is not there, its dependents have to be looked at. */
  async function attemptUnseen(uid: string, signal: AbortSignal): Promise<boolean> {
    let seen = true;
    for (const dependent of graph.dependents(uid)) {
      for (const reference of dependent.owners.filter((owner) => owner.uid === uid)) {
        if ((await ownerState(dependent, reference, signal)) === "absent") enqueue([dependent.uid]);
        else seen = false;
      }
    }
    return seen;
  }

  async function removeFinalizer(node: GraphNode, finalizer: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const object = await read(node, signal);
      const finalizers = object?.metadata?.finalizers;
      if (!finalizers?.includes(finalizer)) return;
      const { resourceVersion } = object!.metadata!;
      const left = finalizers.filter((one) => one !== finalizer);
      try {
        await patch(node, { resourceVersion, finalizers: left }, signal);
        return;
      } catch (error) {
        if (!isConflict(error)) throw error;
      }
    }
  }

  async function dropReferences(node: GraphNode, uids: readonly string[], signal: AbortSignal): Promise<void> {
    const object = await read(node, signal);
    const references = object?.metadata?.ownerReferences ?? [];
    const left = references.filter((reference) => !uids.includes(reference.uid));
    if (!object || left.length === references.length) return;
    const { uid, resourceVersion } = object.metadata!;
    await patch(node, { uid, resourceVersion, ownerReferences: left }, signal);
  }

  return {
    async attemptToDelete(uid, signal) {
      const node = graph.node(uid);
      if (!node) return attemptUnseen(uid, signal);
      if (node.beingDeleted && !node.deletingDependents) return true;
      if (node.deletingDependents) {
        const blocking = graph
          .dependents(uid)
          .filter((dependent) => dependent.owners.some((owner) => owner.uid === uid && owner.blockOwnerDeletion));
        if (blocking.length === 0) await removeFinalizer(node, FOREGROUND, signal);
        else enqueue(blocking.filter((dependent) => !dependent.deletingDependents).map((dependent) => dependent.uid));
        return true;
      }
      const object = await read(node, signal);
      // Gone, or another of the same name: the watch will tell.
      if (!object) return true;
      const states = new Map<string, OwnerState>();
      for (const reference of object.metadata?.ownerReferences ?? []) {
        states.set(reference.uid, await ownerState(node, reference, signal));
      }
      const verdict = judge(object, (reference) => states.get(reference.uid)!, graph.dependents(uid));
      if (verdict.action === "drop-references") await dropReferences(node, verdict.uids, signal);
      if (verdict.action !== "delete") return true;
      let { resourceVersion } = object.metadata!;
      if (verdict.unblock) {
        const ownerReferences = object.metadata!.ownerReferences!.map((one) => ({ ...one, blockOwnerDeletion: false }));
        const patched = await patch(node, { uid, resourceVersion, ownerReferences }, signal);
        resourceVersion = patched?.metadata?.resourceVersion;
      }
      // The version pins the references that were judged: one that got an owner meanwhile is spared.
      const preconditions = { uid, resourceVersion };
      const { propagationPolicy } = verdict;
      await client
        .resource(node.type)
        .delete(node.name, node.namespace, { preconditions, propagationPolicy, signal })
        .catch(ifGone);
      return true;
    },
    async attemptToOrphan(uid, signal) {
      const node = graph.node(uid);
      if (!node?.orphaning) return;
      await Promise.all(graph.dependents(uid).map((dependent) => dropReferences(dependent, [uid], signal)));
      await removeFinalizer(node, ORPHAN, signal);
    },
  };
}

const ifGone = (error: unknown): undefined => {
  if (!isNotFound(error)) throw error;
};

/** A cluster-scoped object names a namespaced owner: there is no telling which, now or ever. */
export class ImpossibleOwnerError extends Error {
  constructor(dependent: GraphNode, reference: OwnerReference) {
    super(`${dependent.type.kind} ${dependent.name} is cluster-scoped, but its owner ${reference.kind} is namespaced`);
    this.name = "ImpossibleOwnerError";
  }
}
