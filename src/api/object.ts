import type { ListMeta, ObjectMeta } from "./types/meta.v1.ts";

/** What every stored API object has. Objects are shared and must be treated as immutable: copy before changing. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
}

/** An object whose type is not known at compile time. */
export interface UnknownObject extends KubeObject {
  [field: string]: unknown;
}

/** A list as the API returns it. */
export interface KubeList<T> {
  apiVersion?: string;
  kind?: string;
  metadata?: ListMeta;
  items: T[];
}

/** Names one served resource; `T` is the shape of its objects. The constants are in `resource-types.ts`. */
export interface ResourceType<T extends KubeObject = UnknownObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** The plural, as in the path. */
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Only carries the type; never present. */
  readonly __object?: T;
}

/** `v1`, or `apps/v1`. */
export function apiVersionOf(type: { group: string; version: string }): string {
  return type.group === "" ? type.version : `${type.group}/${type.version}`;
}

/** Splits an `apiVersion`; the group of `v1` is empty. */
export function parseApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf("/");
  return slash < 0
    ? { group: "", version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** The path of a resource, a namespace's share of it, one object, or a subresource of that, without a query. */
export function resourcePath(
  type: { group: string; version: string; resource: string },
  parts: { namespace?: string; name?: string; subresource?: string } = {},
): string {
  let path = type.group === "" ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  if (parts.namespace) path += `/namespaces/${encodeURIComponent(parts.namespace)}`;
  path += `/${type.resource}`;
  if (parts.name) path += `/${encodeURIComponent(parts.name)}`;
  if (parts.subresource) path += `/${parts.subresource}`;
  return path;
}

/** `namespace/name`, or the bare name of a cluster-scoped object: the key of work queues and caches. */
export function objectKey(object: KubeObject): string {
  const { namespace, name } = object.metadata ?? {};
  return namespace ? `${namespace}/${name}` : (name ?? "");
}

/** Undoes `objectKey`; the namespace of a cluster-scoped object is undefined. */
export function splitKey(key: string): { namespace?: string; name: string } {
  const slash = key.indexOf("/");
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
