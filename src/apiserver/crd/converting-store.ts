import { CompactedError, type Entry, type Store, type StoreEvent } from "../../store/store.ts";

/** How the objects below a prefix are read and written in one version. */
export interface StoreConversion {
  readonly prefix: string;
  /** Stored values as they are in this version, in the same order. */
  read(values: readonly Uint8Array[]): Promise<readonly Uint8Array[]>;
  /** A value of this version as it is to be stored. */
  write(value: Uint8Array): Promise<Uint8Array>;
  /** Told when a change could not be converted: then readers have to begin anew. */
  onFailure(error: unknown): void;
}

/** So many objects are converted in one call. */
const BATCH = 500;

/**
 * A store in which the objects of one prefix are in another version than below, where that takes calls to somebody else:
 * conversion happens once for each state of an object, before a cache takes it in, and not for each reader. Everything
 * keeps its order and its revision. Not for other prefixes.
 */
export function convertingStore(store: Store, conversion: StoreConversion): Store {
  const { prefix } = conversion;
  const readAll = async (values: readonly Uint8Array[]): Promise<Uint8Array[]> => {
    const converted: Uint8Array[] = [];
    for (let from = 0; from < values.length; from += BATCH) {
      const batch = values.slice(from, from + BATCH);
      for (const value of batch) {
        const problem = store.unreadable?.(value);
        if (problem) throw problem;
      }
      converted.push(...(await conversion.read(batch)));
    }
    return converted;
  };
  const entriesOf = async (entries: readonly Entry[]): Promise<Entry[]> => {
    const values = await readAll(entries.map(({ value }) => value));
    return entries.map((entry, index) => ({ ...entry, value: values[index]! }));
  };
  const entryOf = async (entry: Entry | undefined) => entry && (await entriesOf([entry]))[0];

  return {
    expires: store.expires,
    revision: () => store.revision(),
    count: (below) => store.count(below),
    compact: (revision) => store.compact(revision),
    status: () => store.status(),
    defragment: () => store.defragment(),
    // The store below is somebody else's.
    close: async () => {},
    ...(store.stale ? { stale: (key: string) => store.stale!(key) } : {}),
    async get(key, atRevision) {
      const { entry, revision } = await store.get(key, atRevision);
      return { entry: await entryOf(entry), revision };
    },
    async list(below, options) {
      const listed = await store.list(below, options);
      return { ...listed, entries: await entriesOf(listed.entries) };
    },
    async compareAndSwap(key, expected, value, options) {
      const written = value === null ? null : await conversion.write(value);
      const result = await store.compareAndSwap(key, expected, written, options);
      if (!result.swapped) return { ...result, current: await entryOf(result.current) };
      return { ...result, entry: result.entry && value ? { ...result.entry, value } : undefined };
    },
    watch(_below, after, handlers, options) {
      let closed = false;
      /** What is being converted, in order. */
      let queue: Promise<void> | undefined;
      const fail = (error: unknown) => {
        if (closed) return;
        closed = true;
        watch.close();
        // As if the history had been forgotten: whoever reads next begins anew, and meets the error himself.
        handlers.onError(new CompactedError(0));
        conversion.onFailure(error);
      };
      const deliver = async (events: readonly StoreEvent[]) => {
        const entries = events.flatMap(({ entry }) => (entry ? [entry] : []));
        const converted = await entriesOf(entries);
        let at = 0;
        const delivered = events.map((event): StoreEvent => {
          return event.entry
            ? { ...event, entry: converted[at++], previous: undefined }
            : { ...event, previous: undefined };
        });
        if (!closed) handlers.onEvents(delivered);
      };
      /** Runs at once where nothing is before it. */
      const inOrder = (work: () => Promise<void> | void) => {
        if (closed) return;
        if (!queue) {
          const running = work();
          if (running) enqueue(running);
          return;
        }
        enqueue(queue.then(() => (closed ? undefined : work())));
      };
      const enqueue = (running: Promise<void>) => {
        const mine = running.catch(fail).finally(() => {
          if (queue === mine) queue = undefined;
        });
        queue = mine;
      };
      const watch = store.watch(
        "",
        after,
        {
          onEvents(events) {
            const own = events.filter(({ key }) => key.startsWith(prefix));
            const { revision } = events.at(-1)!;
            if (own.length > 0) inOrder(() => deliver(own));
            inOrder(() => handlers.onProgress?.(revision));
          },
          onProgress: (revision) => inOrder(() => handlers.onProgress?.(revision)),
          onError(error) {
            if (closed) return;
            closed = true;
            handlers.onError(error);
          },
        },
        { ...options, previous: false },
      );
      return {
        close() {
          closed = true;
          watch.close();
        },
      };
    },
  };
}
