import type { KubeObject, ResourceType } from "../api/object.ts";

/**
 * A local copy of one resource, kept true by a reflector (list, then watch, again from where it left off). Handlers are
 * called one after another in the order of the changes; after a broken watch they are called for the differences.
 * The objects are shared: treat them as immutable.
 */
export interface Informer<T extends KubeObject> {
  readonly type: ResourceType<T>;
  /** Adds handlers; objects already known are replayed to `add`. Returns a function that removes them. */
  on(handlers: InformerHandlers<T>): () => void;
  /** Whether the first listing has been taken in and handed to the handlers. */
  readonly synced: boolean;
  /** The resource version that the copy has reached; empty before the first listing. Set before handlers are called. */
  readonly resourceVersion?: string;
  /** The object of `namespace/name` (or the bare name), as last seen. */
  get(key: string): T | undefined;
  /** All objects, or those of a namespace. */
  list(namespace?: string): T[];
  /** Adds an index: `values` names the index values of an object. Must be called before the informer starts. */
  addIndex(name: string, values: (object: T) => readonly string[]): void;
  /** The objects that carry `value` in the index `name`. Throws where there is no such index. */
  byIndex(name: string, value: string): T[];
}

export interface InformerHandlers<T> {
  add?(object: T): void;
  update?(old: T, object: T): void;
  /** `object` is the last known state; `final` is false where the deletion itself was missed. */
  delete?(object: T, final: boolean): void;
}

/** Makes and shares informers: one per resource and selector, however many ask for it. */
export interface InformerFactory {
  informer<T extends KubeObject>(type: ResourceType<T>, options?: InformerOptions): Informer<T>;
  /** Starts those that were not started yet. */
  start(): void;
  /** Resolves when all started informers are synced; rejects when `signal` is aborted. */
  synced(signal?: AbortSignal): Promise<void>;
  /** Ends all reflectors. */
  stop(): Promise<void>;
}

export interface InformerOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Keep nothing but the metadata of the objects. */
  metadataOnly?: boolean;
}
