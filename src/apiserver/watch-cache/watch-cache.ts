import type { UnknownObject } from "../../api/object.ts";
import type { StatusError } from "../../api/status-error.ts";

/**
 * What the API server reads from. Per resource (a key prefix of the store) a cache holds the present objects in key
 * order and a bounded history of changes. One watch of the store feeds all caches of a server; a cache loads its
 * objects on first use.
 *
 * - A read without a version shows every write that was acknowledged before the read began, by whichever server.
 * - A write through `compareAndSwap` is in the cache when it resolves.
 * - Objects are decoded on demand, at most once while they are remembered, and never copied: treat them as immutable.
 * - A watcher that does not take its events in time is ended; it never holds up a write or another watcher.
 *
 * Keys are `<prefix><name>` or `<prefix><namespace>/<name>`. Resource versions are store revisions, as numbers here and
 * as decimal strings in objects. Errors that a client should see are StatusErrors with upstream's wording; those of the
 * store (StoreUnavailableError) pass through. `watchCaches` in watch-caches.ts makes them.
 */
export interface WatchCaches {
  /**
   * The cache of one resource. The same prefix gives the same cache, and the options of the first call count. Nothing
   * is read before the first use.
   */
  open(options: ResourceCacheOptions): ResourceCache;
  /**
   * A further cache below a prefix, beside others: what it makes of the stored bytes is its own. For the versions of
   * custom resources, whose definitions change. To be closed by who opened it, which ends its watches.
   */
  openView(options: ResourceCacheOptions): { readonly cache: ResourceCache; close(): void };
  /** Ends the watches of a resource and forgets it. */
  drop(prefix: string): void;
  /** The newest store revision that all caches have taken in. */
  readonly revision: number;
  /** Ends every watch. Later calls reject. Does not close the store. */
  close(): void;
}

export interface ResourceCacheOptions {
  /** `/registry/pods/`: where the objects are, ending in a slash. */
  prefix: string;
  /** For error messages: `pods`. */
  resource: string;
  /**
   * The object that the stored bytes hold, without a resource version (the cache sets it). Default: JSON. Throws where
   * the bytes are damaged; a get or list that needs the object then fails, others go on.
   */
  decode?(value: Uint8Array, key: string): UnknownObject;
  /** What label and field selectors look at. Default: the labels, `metadata.name` and `metadata.namespace`. */
  attributes?(object: UnknownObject): Attributes;
  /**
   * Fields of `attributes().fields` by which many clients select one value each, such as `spec.nodeName`: lists and
   * watches that require a value (Selection.exact) then cost only what they find. Names and namespaces need no index.
   */
  indexedFields?: readonly string[];
  /** How long objects live after their last write, where the store removes them by itself (see Store.expires). */
  timeToLiveMs?: number;
}

/** Labels and selectable fields of an object. */
export interface Attributes {
  readonly labels: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
}

/** Which objects a list or a watch is about; without anything set: all. */
export interface Selection {
  namespace?: string;
  /** Exactly this `metadata.name`. */
  name?: string;
  /** The label and field selectors: whether an object with these attributes is wanted. Must be pure. */
  matches?(attributes: Attributes): boolean;
  /** Values that `matches` requires of fields. Only a hint that lets an index be used: `matches` still decides. */
  exact?: Readonly<Record<string, string>>;
}

/** One version of one object, shared by all who read it. */
export interface CachedObject {
  readonly key: string;
  /** Empty for a cluster-scoped object. */
  readonly namespace: string;
  readonly name: string;
  /** The revision of this version: what compareAndSwap expects, and `metadata.resourceVersion`. */
  readonly revision: number;
  readonly createRevision: number;
  /** The stored bytes, without a resource version. Never change them. */
  readonly value: Uint8Array;
  /**
   * The decoded object with `metadata.resourceVersion` set. Immutable. May be decoded anew after memory was freed: don't
   * compare by identity. Throws what `decode` throws.
   */
  readonly object: UnknownObject;
  /** The same, but not remembered from now on: for those who go through many objects once. */
  peek(): UnknownObject;
  readonly attributes: Attributes;
  /**
   * This object in another form, made by `encode` on the first call and shared while it is remembered. `format` names
   * everything that the bytes depend on: media type, version, `as=Table` and so on.
   */
  encoded(format: string, encode: (object: CachedObject) => Uint8Array): Uint8Array;
}

/** One resource's cache. Reads and watches load it where it has not been used yet; a write alone does not. */
export interface ResourceCache {
  readonly prefix: string;
  /** The key of an object. */
  key(name: string, namespace?: string): string;
  /**
   * One object, or undefined where there is none. `notOlderThan`: absent reads the newest; 0 takes what the cache has;
   * N waits until the cache has reached N (see ListOptions.resourceVersion).
   */
  get(key: string, notOlderThan?: number): Promise<CachedObject | undefined>;
  list(options?: ListOptions): Promise<CachedList>;
  /** How many objects there are, in all or in a namespace. Reads the newest. */
  count(namespace?: string): Promise<number>;
  /** The present objects of the cache without waiting for anything; empty before the first use. For metrics. */
  readonly size: number;
  /** How many bytes those objects take as they are stored. */
  readonly bytes: number;
  /**
   * Watches. The stream is one ERROR event where the version is too old (410), or with sendInitialEvents too far ahead
   * (504), as upstream's is. Rejects only where the cache can't be loaded or the watch caches are closed.
   */
  watch(options?: WatchOptions): Promise<Watcher>;
  /**
   * Writes through to the store (see Store.compareAndSwap; `value` null deletes). `object` is what `value` decodes to,
   * without a resource version, where the caller has it at hand: it saves a decoding. It must not be changed afterwards.
   */
  compareAndSwap(
    key: string,
    expected: number,
    value: Uint8Array | null,
    object?: UnknownObject,
  ): Promise<CompareAndSwapResult>;
  /** Whether an object should be written again though nothing of it has changed. See Store.stale. */
  stale(key: string): Promise<boolean> | false;
}

export type CompareAndSwapResult =
  /** `written` is undefined for a deletion. `revision` is the write's own, also for a deletion. */
  | { swapped: true; revision: number; written: CachedObject | undefined }
  /** Somebody else was first, or the key is not there: `current` is what the store holds. */
  | { swapped: false; revision: number; current: CachedObject | undefined };

export interface ListOptions extends Selection {
  /**
   * Absent: the newest. 0: whatever the cache has. N: not older than N, waiting up to 3 s for it (then a 504), or with
   * `exactVersion` precisely N (a 410 where that history is gone). Must be absent where `continue` is set.
   */
  resourceVersion?: number;
  exactVersion?: boolean;
  /** At most so many objects; 0 or absent: all. As upstream, it has no effect with `resourceVersion: 0`. */
  limit?: number;
  /** The token of the page before. A 400 where it makes no sense, a 410 with a fresh token where it is too old. */
  continue?: string;
}

export interface CachedList {
  /** In key order. */
  items: readonly CachedObject[];
  resourceVersion: number;
  /** The token of the next page; absent on the last one. */
  continue?: string;
  /** How many follow after this page; absent on the last page, and where a selector makes it unknown. */
  remainingItemCount?: number;
}

export interface WatchOptions extends Selection {
  /**
   * Absent or 0: first the present objects as ADDED (the newest, or for 0 whatever the cache has), then the changes. N:
   * the changes after N.
   */
  resourceVersion?: number;
  /**
   * True: first the present objects, at least as new as resourceVersion, as ADDED, then a bookmark with
   * `initialEventsEnd` (where bookmarks are wanted). False: no present objects; without a version the changes from now on. Absent: as above.
   */
  sendInitialEvents?: boolean;
  /** Whether BOOKMARK events are wanted: about once a minute, and shortly before the timeout. */
  bookmarks?: boolean;
  /** Ends the watch by itself after so long. Absent: never. */
  timeoutMs?: number;
  /** Ends the watch when aborted. */
  signal?: AbortSignal;
}

/**
 * A running watch: an iteration over non-empty batches of events, to be read by one reader. It ends when the watch is
 * over: timed out, aborted, closed, the resource dropped, or this reader too slow (then the client must watch again
 * from the last version it saw). Leaving the loop closes it.
 */
export interface Watcher extends AsyncIterable<readonly WatchEvent[]> {
  /** Ends the watch; the running or next read gets the end. Safe to call more than once. */
  close(): void;
}

export type WatchEvent = ChangeEvent | BookmarkEvent | ErrorEvent;

/** A change as one selection sees it. Shared by all watchers that see it the same way. */
export interface ChangeEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  /** For DELETED the last state, with the deletion's revision (or that of the change that made it leave the selection). */
  readonly object: CachedObject;
  /** This event in a wire form, made by `encode` on the first call and shared. `format` as in CachedObject.encoded. */
  encoded(format: string, encode: (event: ChangeEvent) => Uint8Array): Uint8Array;
}

/** All changes up to `revision` have been delivered. The object to send carries only kind, apiVersion and the version. */
export interface BookmarkEvent {
  readonly type: "BOOKMARK";
  readonly revision: number;
  /** Then the object is annotated `k8s.io/initial-events-end: "true"`. */
  readonly initialEventsEnd: boolean;
}

/** The last event of its watch. */
export interface ErrorEvent {
  readonly type: "ERROR";
  readonly error: StatusError;
}
