/**
 * etcd's role: a revisioned key-value store with watch, in the few shapes that the API server uses.
 *
 * - One revision counter for the whole store. Each committed write takes the next number; a number is never reused,
 *   also not after a crash.
 * - An acknowledged write is durable (in the durable backends) and visible to every later read.
 * - Events are delivered in revision order, each exactly once, without gaps, from the revision that was asked for.
 * - Keys are UTF-8 strings like `/registry/pods/default/web-0`; ranges and prefixes follow byte order.
 */
export interface Store {
  /** The newest committed revision; at least 1. */
  revision(): Promise<number>;
  /** One key. `atRevision` 0 or absent reads the newest. Throws CompactedError when that revision's history is gone. */
  get(key: string, atRevision?: number): Promise<ReadResult>;
  /** The keys that start with `prefix`, in byte order. */
  list(prefix: string, options?: ListOptions): Promise<ListResult>;
  /** How many live keys start with `prefix`. */
  count(prefix: string): Promise<number>;
  /**
   * Writes `value` if the key's modRevision is `expected` (0: the key must not exist); `value` null deletes. Resolves
   * only when the write is durable. On a mismatch nothing is written and the current entry is returned instead.
   * Deleting a key that does not exist (`expected` 0) succeeds without taking a revision. `value` is shared: it is in the
   * events and the result, and must not be changed afterwards. A rejection leaves open whether it was written, where the
   * connection to the store was lost meanwhile.
   */
  compareAndSwap(key: string, expected: number, value: Uint8Array | null, options?: SwapOptions): Promise<SwapResult>;
  /**
   * The changes under `prefix` after revision `after` (0: from now on), until `signal` is aborted or the watch is
   * closed. `onEvents` gets non-empty batches in order; one revision's events are never split over batches.
   * `onError` is called at most once, and ends the watch (CompactedError where `after` is too old).
   */
  watch(prefix: string, after: number, handlers: WatchHandlers, options?: WatchOptions): Watch;
  /** Drops history up to and including `revision`; reads and watches from before it throw CompactedError afterwards. */
  compact(revision: number): Promise<void>;
  /** Whether the store removes entries by itself that were written with a time to live. */
  readonly expires: boolean;
  status(): Promise<StoreStatus>;
  /** Gives the space of what was compacted back to the disk. Reads and writes may have to wait for it. */
  defragment(): Promise<void>;
  /** Flushes and releases everything. Later calls reject. */
  close(): Promise<void>;
  /**
   * Where values are encrypted below: whether a key's value would be stored otherwise if the same were written again, by a
   * newer key or another cipher.
   */
  stale?(key: string): Promise<boolean>;
  /** Why `value`, which this store has handed out, is not what was written: it can't be decrypted. */
  unreadable?(value: Uint8Array): Error | undefined;
}

/** A live key. The value's bytes are shared: never change them. */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** The revision that created the key, and the one that wrote this value. */
  readonly createRevision: number;
  readonly modRevision: number;
}

export interface ReadResult {
  /** Undefined where the key does not exist (at that revision). */
  entry: Entry | undefined;
  /** The store's revision at the time of the read. */
  revision: number;
}

export interface ListOptions {
  /** Read as of this revision; 0 or absent: the newest. */
  atRevision?: number;
  /** At most this many entries; 0 or absent: all. */
  limit?: number;
  /** Begin at this key (inclusive) instead of at the prefix. */
  from?: string;
}

export interface ListResult {
  entries: Entry[];
  /** The revision that the listing shows. */
  revision: number;
  /** Whether the limit cut the listing; the next page begins after the last key. */
  more: boolean;
  /** How many keys lie in the whole range, from `from` on. */
  count: number;
}

export interface SwapOptions {
  /**
   * The entry is deleted (an event like any other) when it was not written again for so long, or a little longer. Only
   * where `expires`; others throw a RangeError.
   */
  timeToLiveMs?: number;
}

export interface StoreStatus {
  revision: number;
  /** How much the store takes on its disk (of the member that was asked), and how much of that holds data. */
  bytes: number;
  bytesInUse: number;
  /** What stands behind it, for people: `etcd 3.5.21 at https://10.0.0.1:2379`. */
  backend: string;
}

export type SwapResult =
  | { swapped: true; revision: number; entry: Entry | undefined }
  | { swapped: false; revision: number; current: Entry | undefined };

/** One committed change. For a deletion `entry` is undefined; `previous` is the value before, where there was one. */
export interface StoreEvent {
  readonly revision: number;
  readonly key: string;
  readonly entry: Entry | undefined;
  readonly previous: Entry | undefined;
}

export interface WatchOptions {
  /** Whether events carry `previous`. Default true; without it a durable store is spared a read per change. */
  previous?: boolean;
}

/** Called one after another, and must not throw. */
export interface WatchHandlers {
  onEvents(events: readonly StoreEvent[]): void;
  onError(error: Error): void;
  /** Called now and then with a revision up to which all events have been delivered, when none were of interest. */
  onProgress?(revision: number): void;
}

export interface Watch {
  close(): void;
}

/** The revision asked for is below the oldest one whose history is kept. */
export class CompactedError extends Error {
  readonly oldestRevision: number;
  constructor(oldestRevision: number) {
    super(`required revision has been compacted; the oldest available is ${oldestRevision}`);
    this.name = "CompactedError";
    this.oldestRevision = oldestRevision;
  }
}

/** The revision asked for has not been reached yet. */
export class FutureRevisionError extends Error {
  readonly revision: number;
  constructor(revision: number) {
    super(`required revision is a future revision; the newest is ${revision}`);
    this.name = "FutureRevisionError";
    this.revision = revision;
  }
}

/** The store can't take writes: the disk is full or read-only, or the file is damaged. The message says which. */
export class StoreUnavailableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StoreUnavailableError";
  }
}

/** The store refused a request for a reason of its own, in its own words, which clients are shown as they are. */
export class StoreRefusedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StoreRefusedError";
  }
}

/** For the stores that keep no time of their own. */
export function refuseTimeToLive(options: SwapOptions | undefined): void {
  if (options?.timeToLiveMs !== undefined) throw new RangeError("this store does not remove entries by itself");
}
