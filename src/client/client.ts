import type { KubeList, KubeObject, ResourceType, UnknownObject } from "../api/object.ts";
import type { DeleteOptions, Status } from "../api/types/meta.v1.ts";

/**
 * A client of the Kubernetes API. Works the same over HTTPS and in-process, against Knarr or upstream. Every failed
 * request rejects with a StatusError (see api/status-error.ts); a request that got no answer rejects with a
 * ConnectionError. There is no client-side rate limit: the server's flow control is what limits.
 */
export interface Client {
  /**
   * The verbs on one resource, typed by its objects. With `metadataOnly` reads ask for PartialObjectMetadata: objects
   * that carry nothing but their metadata, where the server can do so.
   */
  resource<T extends KubeObject>(type: ResourceType<T>, view?: { metadataOnly?: boolean }): ResourceClient<T>;
  /** Any path, for what has no resource: `/version`, `/livez`, discovery. Returns the parsed JSON, or the text of an answer that is none. */
  raw<T = unknown>(
    path: string,
    options?: { method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"; body?: unknown; signal?: AbortSignal },
  ): Promise<T>;
}

export interface RequestOptions {
  signal?: AbortSignal;
}
export interface WriteOptions extends RequestOptions {
  fieldManager?: string;
  dryRun?: boolean;
  fieldValidation?: "Strict" | "Warn" | "Ignore";
}
export interface ListOptions extends RequestOptions {
  /** Absent: all namespaces (or a cluster-scoped resource). */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
  resourceVersionMatch?: "Exact" | "NotOlderThan";
}
export interface WatchOptions extends RequestOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  resourceVersion?: string;
  allowWatchBookmarks?: boolean;
  /** Ask for the present objects as ADDED events, ended by a bookmark annotated `k8s.io/initial-events-end`. */
  sendInitialEvents?: boolean;
  timeoutSeconds?: number;
}
export type WatchEvent<T> =
  | { type: "ADDED" | "MODIFIED" | "DELETED"; object: T }
  /** Carries only the kind and the resource version. */
  | { type: "BOOKMARK"; object: KubeObject }
  | { type: "ERROR"; object: Status };

export type PatchType = "json" | "merge" | "strategic";

/** `namespace` must be given for namespaced resources and must be absent for others. */
export interface ResourceClient<T extends KubeObject> {
  readonly type: ResourceType<T>;
  get(name: string, namespace?: string, options?: RequestOptions & { resourceVersion?: string }): Promise<T>;
  list(options?: ListOptions): Promise<KubeList<T>>;
  /** The events until the server or `options.signal` ends the watch; an ERROR event ends it too, after it was yielded. */
  watch(options?: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /** Creates `object` in its `metadata.namespace`. */
  create(object: T, options?: WriteOptions): Promise<T>;
  /** Replaces the object named by its metadata; the resourceVersion in it, if any, must still be the newest. */
  update(object: T, options?: WriteOptions): Promise<T>;
  updateStatus(object: T, options?: WriteOptions): Promise<T>;
  patch(
    name: string,
    namespace: string | undefined,
    type: PatchType,
    patch: unknown,
    options?: WriteOptions & { subresource?: string },
  ): Promise<T>;
  /** Server-side apply of a partial object, which must carry apiVersion, kind and name. */
  apply(
    object: Partial<T> & KubeObject,
    options: WriteOptions & { fieldManager: string; force?: boolean; subresource?: string },
  ): Promise<T>;
  /** Resolves with the object where its deletion only began (finalizers, grace), or with a Status. */
  delete(name: string, namespace?: string, options?: DeleteOptions & RequestOptions): Promise<T | Status>;
  deleteCollection(list: ListOptions, options?: DeleteOptions): Promise<void>;
  /** GET, POST or PUT of a subresource: `scale`, `binding`, `eviction`, `token` and so on. */
  getSubresource<R = UnknownObject>(
    name: string,
    namespace: string | undefined,
    subresource: string,
    options?: RequestOptions,
  ): Promise<R>;
  createSubresource<R = UnknownObject>(
    name: string,
    namespace: string | undefined,
    subresource: string,
    body: unknown,
    options?: WriteOptions,
  ): Promise<R>;
  updateSubresource<R = UnknownObject>(
    name: string,
    namespace: string | undefined,
    subresource: string,
    body: unknown,
    options?: WriteOptions,
  ): Promise<R>;
}

/** The API server gave no answer: refused, reset, or timed out. The request may or may not have been carried out. */
export class ConnectionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ConnectionError";
  }
}
