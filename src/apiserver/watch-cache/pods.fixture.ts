import type { UnknownObject } from "../../api/object.ts";
import { silentLogger } from "../../base/logger.ts";
import { type VirtualClock, virtualClock } from "../../base/virtual-clock.ts";
import { memoryStore } from "../../store/memory.ts";
import type { Store, StoreEvent, Watch, WatchHandlers } from "../../store/store.ts";
import type { CachedObject, ResourceCache, WatchCaches, WatchEvent, Watcher } from "./watch-cache.ts";
import { type WatchCachesOptions, watchCaches } from "./watch-caches.ts";

/** A cache of pods over a memory store, and short words for what tests do with it. */
export interface Pods {
  store: Store;
  clock: VirtualClock;
  caches: WatchCaches;
  cache: ResourceCache;
  /** How often bytes were decoded. */
  decoded(): number;
  create(name: string, namespace?: string, options?: PodOptions): Promise<CachedObject>;
  update(name: string, namespace?: string, options?: PodOptions): Promise<CachedObject>;
  /** The revision of the deletion. */
  remove(name: string, namespace?: string): Promise<number>;
}
export interface PodOptions {
  labels?: Record<string, string>;
  node?: string;
  /** Hands the object to the cache along with its bytes. */
  given?: boolean;
}

export function pods(options: Partial<WatchCachesOptions> = {}): Pods {
  const clock = virtualClock();
  const store = options.store ?? memoryStore();
  const caches = watchCaches({ clock, logger: silentLogger, freeze: true, ...options, store });
  let decodings = 0;
  const cache = caches.open({
    prefix: "/registry/pods/",
    resource: "pods",
    indexedFields: ["spec.nodeName"],
    decode(value) {
      decodings++;
      return JSON.parse(new TextDecoder().decode(value));
    },
    attributes: ({ metadata, spec }) => ({
      labels: metadata?.labels ?? {},
      fields: {
        "metadata.name": metadata?.name ?? "",
        "metadata.namespace": metadata?.namespace ?? "",
        "spec.nodeName": (spec as { nodeName?: string }).nodeName ?? "",
      },
    }),
  });
  const write = async (name: string, namespace: string, expected: number, { labels, node, given }: PodOptions) => {
    const object: UnknownObject = {
      metadata: { name, namespace, ...(labels ? { labels } : {}) },
      spec: node ? { nodeName: node } : {},
    };
    const value = new TextEncoder().encode(JSON.stringify(object));
    const result = await cache.compareAndSwap(cache.key(name, namespace), expected, value, given ? object : undefined);
    if (!result.swapped) throw new Error(`${namespace}/${name} is at ${result.current?.revision}`);
    return result.written!;
  };
  const revisionOf = async (key: string) => (await store.get(key)).entry?.modRevision ?? 0;
  return {
    store,
    clock,
    caches,
    cache,
    decoded: () => decodings,
    create: (name, namespace = "default", pod = {}) => write(name, namespace, 0, pod),
    update: async (name, namespace = "default", pod = {}) =>
      write(name, namespace, await revisionOf(cache.key(name, namespace)), pod),
    async remove(name, namespace = "default") {
      const key = cache.key(name, namespace);
      const result = await cache.compareAndSwap(key, await revisionOf(key), null);
      if (!result.swapped) throw new Error(`${key} is at ${result.current?.revision}`);
      return result.revision;
    },
  };
}

export const names = (list: { items: readonly CachedObject[] }) => list.items.map(({ name }) => name);

/** `ADDED default/a@3`, `BOOKMARK@4`, `ERROR 410 ...`. */
export function show(event: WatchEvent): string {
  if (event.type === "BOOKMARK") return `BOOKMARK@${event.revision}${event.initialEventsEnd ? " end" : ""}`;
  if (event.type === "ERROR") return `ERROR ${event.error.code} ${event.error.message}`;
  const { namespace, name, revision, object } = event.object;
  if (object.metadata?.resourceVersion !== String(revision)) throw new Error(`${name} has a wrong resourceVersion`);
  return `${event.type} ${namespace}/${name}@${revision}`;
}

/** Reads a watcher along: `shown` has what came so far, `ended` resolves at its end. */
export function follow(watcher: Watcher) {
  const events: WatchEvent[] = [];
  const ended = (async () => {
    for await (const batch of watcher) events.push(...batch);
  })();
  return {
    events,
    get shown() {
      return events.map(show);
    },
    ended,
    /** Lets everything that is due arrive. */
    async settled() {
      await new Promise<void>((resolve) => setImmediate(resolve));
      return events.map(show);
    },
  };
}

/** A store whose watches are behind until `release` is called, and can be broken: as one in another process may be. */
export function remoteStore() {
  const store = memoryStore();
  let held: StoreEvent[] = [];
  let handlers: WatchHandlers | undefined;
  let inner: Watch | undefined;
  const remote: Store = {
    ...store,
    watch(prefix, after, given, options) {
      // Only what feeds the caches is held.
      if (prefix !== "") return store.watch(prefix, after, given, options);
      handlers = given;
      inner = store.watch(prefix, after, { ...given, onEvents: (events) => void held.push(...events) }, options);
      return inner;
    },
  };
  return {
    store: remote,
    direct: store,
    release() {
      const due = held;
      held = [];
      if (due.length > 0) handlers?.onEvents(due);
    },
    /** Loses what is held, and ends the watch. */
    fail(error: Error) {
      held = [];
      inner?.close();
      handlers?.onError(error);
    },
  };
}
