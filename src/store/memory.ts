import { compareBytes, prefixEnd, SortedMap } from "../base/sorted-map.ts";
import { countPast, rewind, scanPast } from "./past.ts";
import type { Entry, ListOptions, ListResult, Store, StoreEvent, SwapResult, Watch, WatchHandlers } from "./store.ts";
import { CompactedError, FutureRevisionError, refuseTimeToLive } from "./store.ts";

interface Watching {
  readonly prefix: string;
  readonly handlers: WatchHandlers;
  /** Everything up to this revision has been delivered. */
  delivered: number;
  /** Set once the history it asked for has been replayed; from then on it gets each commit as it happens. */
  live: boolean;
}

export interface MemoryStoreOptions {
  /** What is in it at first, as a list of another store gave it. Without a history: what was before is compacted. */
  contents?: Pick<ListResult, "entries" | "revision">;
}

/**
 * A store that lives and dies with the process, for tests and simulations. History is the plain list of events since the
 * last compaction; a read at an older revision takes the present and undoes the events after that revision. Watchers
 * are called before the write that they see resolves.
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const live = new SortedMap<Entry>();
  const watchings = new Set<Watching>();
  /** The events after `compacted`, one per revision: that of revision r is at index r - compacted - 1. */
  let log: StoreEvent[] = [];
  let compacted = options.contents?.revision ?? 1;
  let revision = compacted;
  for (const entry of options.contents?.entries ?? []) live.set(entry.key, entry);
  let delivering = false;
  let closed = false;

  const assertOpen = () => {
    if (closed) throw new Error("the store is closed");
  };
  /** The events after `after`; throws where they are not all kept, or lie in the future. */
  const eventsAfter = (after: number): StoreEvent[] => {
    if (after > revision) throw new FutureRevisionError(revision);
    if (after < compacted) throw new CompactedError(compacted);
    return log.slice(after - compacted);
  };

  /** Brings a watcher up to date. Its own handlers may write, so it goes on until nothing new is left. */
  const deliver = (watching: Watching) => {
    while (watchings.has(watching) && watching.delivered < revision) {
      if (watching.delivered < compacted) {
        watchings.delete(watching);
        watching.handlers.onError(new CompactedError(compacted));
        return;
      }
      const upTo = revision;
      const events = eventsAfter(watching.delivered).filter((event) => event.key.startsWith(watching.prefix));
      watching.delivered = upTo;
      if (events.length > 0) watching.handlers.onEvents(events);
      else watching.handlers.onProgress?.(upTo);
    }
  };
  const deliverToAll = () => {
    if (delivering) return;
    delivering = true;
    try {
      for (let upTo = 0; upTo < revision; ) {
        upTo = revision;
        for (const watching of watchings) if (watching.live) deliver(watching);
      }
    } finally {
      delivering = false;
    }
  };

  return {
    async revision() {
      assertOpen();
      return revision;
    },
    async get(key, atRevision = 0) {
      assertOpen();
      if (atRevision === 0) return { entry: live.get(key), revision };
      const change = eventsAfter(atRevision).find((event) => event.key === key);
      return { entry: change ? change.previous : live.get(key), revision };
    },
    async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
      assertOpen();
      const at = options.atRevision || revision;
      const past = rewind(eventsAfter(at));
      const from = options.from && compareBytes(options.from, prefix) > 0 ? options.from : prefix;
      const to = prefixEnd(prefix);
      const limit = options.limit || Number.POSITIVE_INFINITY;
      const entries: Entry[] = [];
      let more = false;
      scanPast(live, past, from, to, (entry) => {
        more = entries.length === limit;
        if (!more) entries.push(entry);
        return !more;
      });
      return { entries, revision: at, more, count: countPast(live, past, from, to) };
    },
    async count(prefix) {
      assertOpen();
      return live.count(prefix, prefixEnd(prefix));
    },
    async compareAndSwap(key, expected, value, options): Promise<SwapResult> {
      assertOpen();
      refuseTimeToLive(options);
      const previous = live.get(key);
      if ((previous?.modRevision ?? 0) !== expected) return { swapped: false, revision, current: previous };
      if (value === null && !previous) return { swapped: true, revision, entry: undefined };
      const written = ++revision;
      const entry =
        value === null
          ? undefined
          : { key, value, createRevision: previous?.createRevision ?? written, modRevision: written };
      if (entry) live.set(key, entry);
      else live.delete(key);
      log.push({ revision: written, key, entry, previous });
      deliverToAll();
      return { swapped: true, revision: written, entry };
    },
    watch(prefix, after, handlers): Watch {
      assertOpen();
      const watching: Watching = { prefix, handlers, delivered: after === 0 ? revision : after, live: false };
      watchings.add(watching);
      // Not before the caller has got its Watch.
      queueMicrotask(() => {
        deliver(watching);
        watching.live = true;
      });
      return { close: () => void watchings.delete(watching) };
    },
    async compact(to) {
      assertOpen();
      if (to > revision) throw new FutureRevisionError(revision);
      if (to <= compacted) return;
      log = log.slice(to - compacted);
      compacted = to;
    },
    expires: false,
    async status() {
      assertOpen();
      let bytes = 0;
      live.scan("", undefined, ({ value }) => {
        bytes += value.length;
        return undefined;
      });
      return { revision, bytes, bytesInUse: bytes, backend: "memory" };
    },
    async defragment() {
      assertOpen();
    },
    async close() {
      closed = true;
      watchings.clear();
      live.clear();
      log = [];
    },
  };
}
