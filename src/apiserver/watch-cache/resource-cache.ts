import type { Clock } from "../../base/clock.ts";
import { nextTurn } from "../../base/event-loop.ts";
import type { Logger } from "../../base/logger.ts";
import { prefixEnd, SortedMap } from "../../base/sorted-map.ts";
import type { Entry, Store, StoreEvent } from "../../store/store.ts";
import type { BookmarkTicker } from "./bookmark-ticker.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { FieldIndex } from "./field-index.ts";
import { History, type HistoryLimits } from "./history.ts";
import { listVersions } from "./list.ts";
import type { Progress } from "./progress.ts";
import { Change } from "./selection.ts";
import { type Reading, Version } from "./version.ts";
import { tooLarge } from "./version-errors.ts";
import { startWatch } from "./watch.ts";
import type { ResourceCache, ResourceCacheOptions } from "./watch-cache.ts";

/** A cache as the feed sees it. */
export interface FedCache {
  readonly cache: ResourceCache;
  /** Takes in the next change of the store under this cache's prefix. */
  apply(event: StoreEvent): void;
  /** Ends all watches and forgets everything; the next use loads it again. */
  reset(): void;
  /** Like `reset`, for good. */
  close(): void;
}

export interface CacheParts {
  resource: ResourceCacheOptions;
  reading: Reading;
  store: Store;
  clock: Clock;
  logger: Logger;
  progress: Progress;
  /** Resolves when the feed is running. */
  start(): Promise<void>;
  bookmarks: BookmarkTicker;
  watchBuffer: number;
  historyLimits: HistoryLimits;
}

/** What is loaded: the present, the latest changes, and who watches. */
export interface Loaded {
  readonly present: SortedMap<Version>;
  readonly history: History;
  readonly dispatcher: Dispatcher;
  /** By field; made on first use. */
  readonly indexes: Map<string, FieldIndex>;
  /** Changes up to here were in the listing already. */
  readonly since: number;
  /** What the present objects take. */
  bytes: number;
}

/** Objects that are put in place before others get their turn: some 5 ms. */
const LOADED_PER_TURN = 5_000;

/** How long a reader waits for a version that this server has not seen yet, as upstream. */
const WAIT_MS = 3_000;

export function openResourceCache(parts: CacheParts): FedCache {
  const { resource, reading, store, clock, progress } = parts;
  const { prefix } = resource;
  let loaded: Loaded | undefined;
  let loading: Promise<Loaded> | undefined;
  /** The changes that arrive while the listing is under way. */
  let early: StoreEvent[] | undefined;
  let closed = false;

  const gone = () => new Error(`${resource.resource} is not served any more`);
  const load = async (): Promise<Loaded> => {
    try {
      for (;;) {
        const state = await attempt();
        if (state) return state;
      }
    } finally {
      loading = undefined;
    }
  };
  /** Undefined where the cache was reset meanwhile. */
  const attempt = async (): Promise<Loaded | undefined> => {
    if (closed) throw gone();
    await parts.start();
    const arrived: StoreEvent[] = [];
    early = arrived;
    try {
      const { entries, revision } = await store.list(prefix);
      if (early !== arrived) return undefined;
      const present = new SortedMap<Version>();
      let bytes = 0;
      for (const [index, entry] of entries.entries()) {
        present.set(entry.key, new Version(reading, entry));
        bytes += entry.value.length;
        if (index % LOADED_PER_TURN === LOADED_PER_TURN - 1) await nextTurn();
      }
      if (early !== arrived) return undefined;
      const state: Loaded = {
        present,
        history: new History(revision, parts.historyLimits),
        dispatcher: new Dispatcher(resource.indexedFields ?? []),
        indexes: new Map(),
        since: revision,
        bytes,
      };
      for (const event of arrived) take(state, event);
      loaded = state;
      return state;
    } finally {
      if (early === arrived) early = undefined;
    }
  };
  const use = (): Promise<Loaded> => {
    if (closed) return Promise.reject(gone());
    if (loaded) return Promise.resolve(loaded);
    loading ??= load();
    return loading;
  };
  const take = (state: Loaded, event: StoreEvent) => {
    if (event.revision <= state.since) return;
    const current = event.entry && new Version(reading, event.entry);
    const previous = current ? state.present.set(event.key, current) : state.present.delete(event.key);
    if (!current && !previous) return;
    state.bytes += (current?.value.length ?? 0) - (previous?.value.length ?? 0);
    const change = new Change(event.revision, event.key, previous, current);
    state.history.push(change, clock.monotonic());
    for (const index of state.indexes.values()) index.apply(change);
    state.dispatcher.dispatch(change);
  };

  /** The newest revision that `state` shows. */
  const revisionOf = (state: Loaded) => Math.max(progress.revision, state.since);
  const reach = async (state: Loaded, revision: number) => {
    if (revisionOf(state) >= revision || (await progress.reach(revision, WAIT_MS))) return;
    throw tooLarge(revision, revisionOf(state));
  };
  /** The state, showing at least all that was acknowledged before the call; or at least `notOlderThan`. */
  const read = async (notOlderThan?: number): Promise<Loaded> => {
    if (notOlderThan !== undefined) {
      const state = await use();
      await reach(state, notOlderThan);
      return loaded ?? use();
    }
    // What is loaded from now on is new enough by itself.
    const fresh = loaded || loading ? await store.revision() : 0;
    const state = await use();
    await reach(state, fresh);
    return loaded ?? use();
  };
  const context = { parts, read, revisionOf };
  const { timeToLiveMs } = resource;
  const lifetime = store.expires && timeToLiveMs !== undefined ? { timeToLiveMs } : undefined;

  const cache: ResourceCache = {
    prefix,
    key: (name, namespace) => (namespace ? `${prefix}${namespace}/${name}` : prefix + name),
    get size() {
      return loaded?.present.size ?? 0;
    },
    get bytes() {
      return loaded?.bytes ?? 0;
    },
    async get(key, notOlderThan) {
      // The way of nearly all: what is loaded is new enough.
      const state = loaded;
      const wanted = notOlderThan ?? (state ? await store.revision() : 0);
      if (state && state === loaded && revisionOf(state) >= wanted) return state.present.get(key);
      return (await read(notOlderThan)).present.get(key);
    },
    async count(namespace) {
      const from = namespace === undefined ? prefix : `${prefix}${namespace}/`;
      return (await read()).present.count(from, prefixEnd(from));
    },
    list: (options = {}) => listVersions(context, options),
    watch: (options = {}) => startWatch(context, options),
    async compareAndSwap(key, expected, value, object) {
      if (!key.startsWith(prefix)) throw new RangeError(`${key} does not belong to ${prefix}`);
      if (value && object) reading.given.set(value, object);
      const result = await store.compareAndSwap(key, expected, value, value ? lifetime : undefined);
      if (!result.swapped) {
        if (value) reading.given.delete(value);
        return { swapped: false, revision: result.revision, current: versionOf(result.current) };
      }
      // A store of this process publishes a write before it acknowledges it; etcd's watch may come a little later.
      if (loaded && progress.revision < result.revision) await progress.reach(result.revision, WAIT_MS);
      return { swapped: true, revision: result.revision, written: versionOf(result.entry) };
    },
    stale: (key) => store.stale?.(key) ?? false,
  };
  /** The cached version of `entry`; one of its own where the cache has another one by now. */
  const versionOf = (entry: Entry | undefined): Version | undefined => {
    if (!entry) return undefined;
    const cached = loaded?.present.get(entry.key);
    return cached?.revision === entry.modRevision ? cached : new Version(reading, entry);
  };

  const reset = () => {
    const ended = loaded;
    loaded = undefined;
    early = undefined;
    ended?.dispatcher.close();
  };
  return {
    cache,
    apply(event) {
      if (loaded) take(loaded, event);
      else early?.push(event);
    },
    reset,
    close() {
      closed = true;
      reset();
    },
  };
}
