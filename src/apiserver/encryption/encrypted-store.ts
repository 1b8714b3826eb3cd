import type { Entry, Store, StoreEvent, Watch, WatchHandlers } from "../../store/store.ts";
import { CompactedError } from "../../store/store.ts";
import { storageContext } from "./ciphers.ts";
import type { Encryption } from "./encryption.ts";
import type { ResourceOfKey } from "./resource-of-key.ts";
import { type PlainValue, type StorageContext, type Transformer, TransientError } from "./transformer.ts";

/**
 * A store whose values are encrypted in another one. Callers see plain values only, so everything above (the watch cache
 * most of all) keeps them once, as it would without encryption; and a server that encrypts nothing doesn't have this layer.
 *
 * `storedKey` gives the key as it is in the end, where that is another one (`--etcd-prefix`): values are bound to it.
 *
 * - Revisions, ranges and the order of events are those of the store below.
 * - Values that this server wrote are not decrypted again when their events come back.
 * - A value that can't be decrypted (no such key, damaged) is passed on as it is stored, and `unreadable` tells why: the
 *   one object fails, others don't. Where the configuration changes afterwards, watches end with a CompactedError, so that
 *   everything is read anew.
 * - Where a KMS plugin can't be asked, the read or watch fails as a whole, and may be tried again.
 */
export function encryptedStore(
  store: Store,
  encryption: Encryption,
  resourceOf: ResourceOfKey,
  storedKey: (key: string) => string = (key) => key,
): Store {
  /** Plain values by what is stored of them, as long as somebody holds the latter. */
  const plainOf = new WeakMap<Uint8Array, Uint8Array>();
  const problems = new WeakMap<Uint8Array, Error>();
  const watches = new Set<{ end(error: Error): void }>();
  let anyUnreadable = false;

  const transformerFor = (key: string): { transformer: Transformer; context: StorageContext } | undefined => {
    const resource = resourceOf(key);
    if (!resource) return undefined;
    const name = resource.group === "" ? resource.resource : `${resource.resource}.${resource.group}`;
    return {
      transformer: encryption.transformerOf(resource.group, resource.resource),
      context: storageContext(storedKey(key), name),
    };
  };
  /** The entry with its plain value. Rejects where it may be readable another time. */
  const open = (entry: Entry): Entry | Promise<Entry> => {
    const known = plainOf.get(entry.value);
    if (known) return { ...entry, value: known };
    const found = transformerFor(entry.key);
    if (!found) return entry;
    const done = ({ plain }: PlainValue): Entry => {
      if (plain === entry.value) return entry;
      plainOf.set(entry.value, plain);
      return { ...entry, value: plain };
    };
    const failed = (error: unknown): Entry => {
      if (error instanceof TransientError) throw error;
      problems.set(
        entry.value,
        new Error(`unable to transform key ${JSON.stringify(entry.key)}: ${(error as Error).message}`, {
          cause: error,
        }),
      );
      anyUnreadable = true;
      return entry;
    };
    try {
      const result = found.transformer.fromStorage(entry.value, found.context);
      return result instanceof Promise ? result.then(done, failed) : done(result);
    } catch (error) {
      return failed(error);
    }
  };
  const openMaybe = (entry: Entry | undefined) => entry && open(entry);

  /** Events with plain values; no promise where nobody has to be asked. */
  const openEvents = (events: readonly StoreEvent[]): readonly StoreEvent[] | Promise<readonly StoreEvent[]> => {
    let waiting = false;
    const opened = events.map((event) => {
      const [entry, previous] = [openMaybe(event.entry), openMaybe(event.previous)];
      if (!(entry instanceof Promise) && !(previous instanceof Promise)) return { ...event, entry, previous };
      waiting = true;
      return Promise.all([entry, previous]).then(([entry, previous]) => ({ ...event, entry, previous }));
    });
    return waiting ? Promise.all(opened) : (opened as StoreEvent[]);
  };

  encryption.onChange(() => {
    if (!anyUnreadable) return;
    anyUnreadable = false;
    for (const watch of [...watches]) watch.end(new CompactedError(0));
  });

  return {
    revision: () => store.revision(),
    count: (prefix) => store.count(prefix),
    compact: (revision) => store.compact(revision),
    expires: store.expires,
    status: () => store.status(),
    defragment: () => store.defragment(),
    close: () => store.close(),
    unreadable: (value) => problems.get(value),
    async get(key, atRevision) {
      const { entry, revision } = await store.get(key, atRevision);
      return { entry: await openMaybe(entry), revision };
    },
    async list(prefix, options) {
      const { entries, ...rest } = await store.list(prefix, options);
      const opened: Entry[] = [];
      for (const entry of entries) {
        const plain = open(entry);
        opened.push(plain instanceof Promise ? await plain : plain);
      }
      return { ...rest, entries: opened };
    },
    async compareAndSwap(key, expected, value, options) {
      const found = value && transformerFor(key);
      const stored = found ? await found.transformer.toStorage(value, found.context) : value;
      if (value && stored && stored !== value) plainOf.set(stored, value);
      const result = await store.compareAndSwap(key, expected, stored, options);
      if (result.swapped) return { ...result, entry: await openMaybe(result.entry) };
      return { ...result, current: await openMaybe(result.current) };
    },
    async stale(key) {
      const found = transformerFor(key);
      const { entry } = found ? await store.get(key) : { entry: undefined };
      if (!found || !entry) return false;
      return (await found.transformer.fromStorage(entry.value, found.context)).stale;
    },
    watch(prefix, after, handlers, options) {
      const watch = orderedWatch(handlers, openEvents, (ended) => watches.delete(ended));
      watches.add(watch);
      watch.follow(store.watch(prefix, after, watch.handlers, options));
      return { close: () => watch.close() };
    },
  };
}

interface OrderedWatch {
  readonly handlers: WatchHandlers;
  /** Gives it the watch of the store below, to be closed along with it. */
  follow(watch: Watch): void;
  end(error: Error): void;
  close(): void;
}

/** Hands events on in their order, also where some take time to be opened. Stays synchronous as long as none does. */
function orderedWatch(
  target: WatchHandlers,
  openEvents: (events: readonly StoreEvent[]) => readonly StoreEvent[] | Promise<readonly StoreEvent[]>,
  onEnd: (watch: OrderedWatch) => void,
): OrderedWatch {
  let below: Watch | undefined;
  let ended = false;
  /** Set while something is being opened; what comes then waits its turn. */
  let turn: Promise<void> | undefined;
  const inTurn = (act: () => void | Promise<void>) => {
    if (ended) return;
    if (!turn) {
      try {
        const acting = act();
        if (!acting) return;
        queue(acting);
      } catch (error) {
        watch.end(error as Error);
      }
      return;
    }
    queue(turn.then(() => (ended ? undefined : act())));
  };
  const queue = (acting: Promise<void>) => {
    const mine: Promise<void> = acting
      .catch((error: Error) => watch.end(error))
      .finally(() => {
        if (turn === mine) turn = undefined;
      });
    turn = mine;
  };
  const watch: OrderedWatch = {
    handlers: {
      onEvents: (events) =>
        inTurn(() => {
          const opened = openEvents(events);
          if (!(opened instanceof Promise)) return target.onEvents(opened);
          return opened.then((all) => (ended ? undefined : target.onEvents(all)));
        }),
      onProgress: (revision) => inTurn(() => target.onProgress?.(revision)),
      onError: (error) => inTurn(() => watch.end(error)),
    },
    follow(watching) {
      below = watching;
      if (ended) watching.close();
    },
    end(error) {
      if (ended) return;
      watch.close();
      target.onError(error);
    },
    close() {
      ended = true;
      below?.close();
      onEnd(watch);
    },
  };
  return watch;
}
