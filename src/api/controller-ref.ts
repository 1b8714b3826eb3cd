import { apiVersionOf, type KubeObject, type ResourceType } from "./object.ts";
import type { OwnerReference } from "./types/meta.v1.ts";

/** The reference by which a controlled object names its controller. `owner` must be stored (it needs a uid). */
export function controllerRef(
  type: Pick<ResourceType, "group" | "version" | "kind">,
  owner: KubeObject,
): OwnerReference {
  return { ...ownerRef(type, owner), controller: true, blockOwnerDeletion: true };
}

/** A reference to an owner that is not the controller. */
export function ownerRef(type: Pick<ResourceType, "group" | "version" | "kind">, owner: KubeObject): OwnerReference {
  const { name, uid } = owner.metadata ?? {};
  if (!name || !uid) throw new TypeError(`an owner needs a name and a uid: ${type.kind} ${name ?? ""}`);
  return { apiVersion: apiVersionOf(type), kind: type.kind, name, uid };
}

/** The one reference that is marked as the controller's. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata?.ownerReferences?.find((reference) => reference.controller === true);
}

/** Whether `owner` (by uid) is the controller of `object`. */
export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  const uid = owner.metadata?.uid;
  return uid !== undefined && controllerOf(object)?.uid === uid;
}

/** Whether `owner` (by uid) is among the owners of `object`. */
export function isOwnedBy(object: KubeObject, owner: KubeObject): boolean {
  const uid = owner.metadata?.uid;
  return uid !== undefined && (object.metadata?.ownerReferences?.some((one) => one.uid === uid) ?? false);
}
