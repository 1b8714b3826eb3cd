import { controllerOf, controllerRef } from "../api/controller-ref.ts";
import type { Selector } from "../api/label-selector.ts";
import { type KubeObject, objectKey } from "../api/object.ts";
import { isInvalid, isNotFound } from "../api/status-error.ts";
import type { ObjectMeta } from "../api/types/meta.v1.ts";
import type { ResourceClient } from "../client/client.ts";
import type { Informer } from "../client/informer.ts";

const OWNER_INDEX = "controllerUid";
const orphansOf = (namespace: string | undefined) => `orphans/${namespace ?? ""}`;

/** Adds the index by which `ownedOrOrphaned` finds objects. */
export function indexByOwner<T extends KubeObject>(informer: Informer<T>): void {
  informer.addIndex(OWNER_INDEX, (object) => [controllerOf(object)?.uid ?? orphansOf(object.metadata?.namespace)]);
}

/** The objects that `owner` controls. */
export function ownedBy<T extends KubeObject>(informer: Informer<T>, owner: KubeObject): T[] {
  return informer.byIndex(OWNER_INDEX, owner.metadata?.uid ?? "");
}

/** The objects that `owner` controls, and those of its namespace that nobody controls. */
export function ownedOrOrphaned<T extends KubeObject>(informer: Informer<T>, owner: KubeObject): T[] {
  return [...ownedBy(informer, owner), ...informer.byIndex(OWNER_INDEX, orphansOf(owner.metadata?.namespace))];
}

export type Claim = "keep" | "adopt" | "release" | "ignore";

/** What an owner does about an object: it keeps and adopts what its selector matches, and releases what it no longer does. */
export function claimOf(owner: KubeObject, selector: Selector, object: KubeObject): Claim {
  const controller = controllerOf(object);
  const matches = selector.matches(object.metadata?.labels);
  const ownerLeaves = owner.metadata?.deletionTimestamp !== undefined;
  if (controller) {
    if (controller.uid !== owner.metadata?.uid) return "ignore";
    if (matches) return "keep";
    return ownerLeaves ? "ignore" : "release";
  }
  return matches && !ownerLeaves && !object.metadata?.deletionTimestamp ? "adopt" : "ignore";
}

/**
 * Carries out the claims of `owner` on `objects` and returns those that are now its own. The cached owner may be out of
 * date, so before the first adoption it is read once more: an owner that is going away adopts nothing.
 */
export async function claimObjects<T extends KubeObject, O extends KubeObject>(claiming: {
  owner: O;
  ownerResource: ResourceClient<O>;
  selector: Selector;
  objects: readonly T[];
  resource: ResourceClient<T>;
  /** Put on objects that are adopted. */
  adoptionFinalizers?: readonly string[];
  signal?: AbortSignal;
}): Promise<T[]> {
  const { owner, ownerResource, selector, objects, resource, adoptionFinalizers = [], signal } = claiming;
  const { name = "", namespace, uid } = owner.metadata ?? {};
  let mayAdopt: Promise<boolean> | undefined;
  const checkAdoption = async () => {
    const live = await ownerResource.get(name, namespace, { signal }).catch(undefinedIfGone);
    return live?.metadata?.uid === uid && live?.metadata?.deletionTimestamp === undefined;
  };
  const withMetadata = (object: T, metadata: Pick<ObjectMeta, "ownerReferences" | "finalizers">) => {
    const { name = "", namespace, uid, resourceVersion } = object.metadata ?? {};
    const patch = { metadata: { uid, resourceVersion, ...metadata } };
    return resource.patch(name, namespace, "merge", patch, { signal }).catch(undefinedIfGone);
  };
  const settle = async (object: T): Promise<T | undefined> => {
    const references = object.metadata?.ownerReferences ?? [];
    switch (claimOf(owner, selector, object)) {
      case "keep":
        return object;
      case "adopt": {
        mayAdopt ??= checkAdoption();
        if (!(await mayAdopt)) return undefined;
        const ownerReferences = [...references, controllerRef(ownerResource.type, owner)];
        if (adoptionFinalizers.length === 0) return withMetadata(object, { ownerReferences });
        const finalizers = [...new Set([...(object.metadata?.finalizers ?? []), ...adoptionFinalizers])];
        return withMetadata(object, { ownerReferences, finalizers });
      }
      case "release": {
        const left = references.filter((reference) => reference.uid !== uid);
        await withMetadata(object, { ownerReferences: left }).catch((error) => {
          // The object may have been changed such that it cannot be written: then it is not ours to repair.
          if (!isInvalid(error)) throw error;
        });
        return undefined;
      }
      case "ignore":
        return undefined;
    }
  };
  const settled = await Promise.all(objects.map(settle));
  return settled.filter((object) => object !== undefined);
}

const undefinedIfGone = (error: unknown): undefined => {
  if (!isNotFound(error)) throw error;
};

/**
 * Calls `enqueue` with the owners that a change of an owned object concerns: its controller, its former one, and for an
 * orphan all those whose selector matches it.
 */
export function followOwned<T extends KubeObject, O extends KubeObject>(following: {
  owned: Informer<T>;
  owners: Informer<O>;
  selectorOf(owner: O): Selector;
  enqueue(owner: O): void;
  /** Called for a changed object that has an owner, after `enqueue`. */
  onUpdate?(owner: O, old: T, object: T): void;
  onDelete?(owner: O, object: T): void;
}): void {
  const { owned, owners, selectorOf, enqueue } = following;
  const ownerOf = (object: T) => resolveController(object, owners);
  const enqueueMatching = (object: T) => {
    for (const owner of owners.list(object.metadata?.namespace)) {
      const selector = selectorOf(owner);
      if (!selector.empty && selector.matches(object.metadata?.labels)) enqueue(owner);
    }
  };
  const enqueueOwner = (object: T): O | undefined => {
    const owner = ownerOf(object);
    if (owner) enqueue(owner);
    return owner;
  };
  owned.on({
    add(object) {
      if (controllerOf(object)) enqueueOwner(object);
      else if (!object.metadata?.deletionTimestamp) enqueueMatching(object);
    },
    update(old, object) {
      const [before, after] = [controllerOf(old)?.uid, controllerOf(object)?.uid];
      if (before !== undefined && before !== after) enqueueOwner(old);
      if (after !== undefined) {
        const owner = enqueueOwner(object);
        if (owner) following.onUpdate?.(owner, old, object);
      } else if (before !== after || !sameLabels(old, object)) enqueueMatching(object);
    },
    delete(object) {
      const owner = enqueueOwner(object);
      if (owner) following.onDelete?.(owner, object);
    },
  });
}

/** The controller of `object`, if it is of the kind that `owners` holds and still the same object. */
export function resolveController<O extends KubeObject>(object: KubeObject, owners: Informer<O>): O | undefined {
  const reference = controllerOf(object);
  if (!reference || reference.kind !== owners.type.kind) return undefined;
  if (groupOf(reference.apiVersion) !== owners.type.group) return undefined;
  const { namespace } = object.metadata ?? {};
  const owner = owners.get(objectKey({ metadata: { name: reference.name, ...(namespace ? { namespace } : {}) } }));
  return owner?.metadata?.uid === reference.uid ? owner : undefined;
}

const groupOf = (apiVersion: string) => (apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "");

function sameLabels(a: KubeObject, b: KubeObject): boolean {
  const [left, right] = [a.metadata?.labels ?? {}, b.metadata?.labels ?? {}];
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key]);
}
