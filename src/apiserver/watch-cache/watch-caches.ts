import type { UnknownObject } from "../../api/object.ts";
import { internalError } from "../../api/status-error.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import { CompactedError, type Store, type StoreEvent, type Watch } from "../../store/store.ts";
import { BookmarkTicker } from "./bookmark-ticker.ts";
import { HISTORY_LIMITS, type HistoryLimits } from "./history.ts";
import { MemoBudget } from "./memo.ts";
import { Progress } from "./progress.ts";
import { type FedCache, openResourceCache } from "./resource-cache.ts";
import type { Attributes, ResourceCacheOptions, WatchCaches } from "./watch-cache.ts";

export interface WatchCachesOptions {
  store: Store;
  clock: Clock;
  logger: Logger;
  /** Bytes for decoded objects and encoded forms, all resources together. */
  memoBytes?: number;
  /** Events that a watcher may leave unread before it is ended. */
  watchBuffer?: number;
  history?: Partial<HistoryLimits>;
  /** Freezes decoded objects, so that whoever changes one is found out. For tests. */
  freeze?: boolean;
}

const RETRY_MS = { first: 100, most: 5_000 };

/** The caches of one server. Holds no timer and no watch of the store until one of them is used. */
export function watchCaches(options: WatchCachesOptions): WatchCaches {
  const { store, clock, logger } = options;
  const caches = new Map<string, FedCache>();
  const views = new Map<string, Set<FedCache>>();
  const memo = new MemoBudget(options.memoBytes ?? 16 * 2 ** 20);
  const progress = new Progress(clock);
  let started: Promise<void> | undefined;
  let watch: Watch | undefined;
  let retryMs = RETRY_MS.first;
  let closed = false;

  const start = (): Promise<void> => {
    if (closed) return Promise.reject(new Error("the watch caches are closed"));
    started ??= (async () => {
      progress.advance(await store.revision());
      if (!closed) follow();
    })().catch((error) => {
      started = undefined;
      throw error;
    });
    return started;
  };

  const follow = () => {
    watch = store.watch(
      "",
      progress.revision,
      {
        onEvents(events) {
          retryMs = RETRY_MS.first;
          take(events);
        },
        onProgress: (revision) => progress.advance(revision),
        onError: lost,
      },
      { previous: false },
    );
  };
  const take = (events: readonly StoreEvent[]) => {
    for (const event of events) {
      for (const cache of cachesOf(event.key)) cache.apply(event);
    }
    progress.advance(events.at(-1)!.revision);
  };
  /** The store's watch broke. It is taken up where it stopped; where the store has forgotten that, all begins anew on next use. */
  const lost = (error: Error) => {
    if (closed) return;
    logger.warn("lost the watch of the store", { error, retryMs });
    watch = undefined;
    if (error instanceof CompactedError) {
      started = undefined; // before anything is loaded again
      for (const cache of everyCache()) cache.reset();
      return;
    }
    clock.after(retryMs, () => {
      try {
        if (!closed) follow();
      } catch (again) {
        lost(again as Error);
      }
    });
    retryMs = Math.min(retryMs * 2, RETRY_MS.most);
  };

  /** Prefixes end in a slash, so only the beginnings of `key` up to one of its slashes have to be looked up. */
  const cachesOf = (key: string): Iterable<FedCache> => {
    for (let slash = key.indexOf("/", 1); slash > 0; slash = key.indexOf("/", slash + 1)) {
      const prefix = key.slice(0, slash + 1);
      const cache = caches.get(prefix);
      const viewing = views.get(prefix);
      if (viewing) return cache ? [cache, ...viewing] : viewing;
      if (cache) return [cache];
    }
    return [];
  };
  const bookmarks = new BookmarkTicker(clock);
  const everyCache = (): FedCache[] => [...caches.values(), ...[...views.values()].flatMap((each) => [...each])];
  const opened = (resource: ResourceCacheOptions): FedCache => {
    const { prefix } = resource;
    if (!/^\/.+\/$/.test(prefix)) throw new RangeError(`a prefix begins and ends with a slash: ${prefix}`);
    return openResourceCache({
      resource,
      reading: {
        prefix,
        decode: readable(store, resource.decode ?? decodeJson),
        attributes: resource.attributes ?? metadataAttributes,
        memo,
        given: new WeakMap(),
        freeze: options.freeze ?? false,
      },
      store,
      clock,
      logger,
      progress,
      start,
      bookmarks,
      watchBuffer: options.watchBuffer ?? 5_000,
      historyLimits: { ...HISTORY_LIMITS, ...options.history },
    });
  };

  return {
    open(resource) {
      const known = caches.get(resource.prefix);
      if (known) return known.cache;
      const made = opened(resource);
      caches.set(resource.prefix, made);
      return made.cache;
    },
    openView(resource) {
      const made = opened(resource);
      const { prefix } = resource;
      const beside = views.get(prefix) ?? new Set();
      beside.add(made);
      views.set(prefix, beside);
      return {
        cache: made.cache,
        close() {
          made.close();
          beside.delete(made);
          if (beside.size === 0 && views.get(prefix) === beside) views.delete(prefix);
        },
      };
    },
    drop(prefix) {
      caches.get(prefix)?.close();
      caches.delete(prefix);
    },
    get revision() {
      return progress.revision;
    },
    close() {
      closed = true;
      watch?.close();
      for (const cache of everyCache()) cache.close();
      caches.clear();
      views.clear();
      progress.fail(new Error("the watch caches are closed"));
    },
  };
}

/** As `decode`, but says so of a value that the store could not decrypt. */
function readable(store: Store, decode: Decode): Decode {
  if (!store.unreadable) return decode;
  return (value, key) => {
    const problem = store.unreadable!(value);
    if (problem) throw internalError(problem);
    return decode(value, key);
  };
}
type Decode = NonNullable<ResourceCacheOptions["decode"]>;

const decodeJson = (value: Uint8Array): UnknownObject =>
  JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8"));

const metadataAttributes = ({ metadata }: UnknownObject): Attributes => ({
  labels: metadata?.labels ?? {},
  fields: { "metadata.name": metadata?.name ?? "", "metadata.namespace": metadata?.namespace ?? "" },
});
