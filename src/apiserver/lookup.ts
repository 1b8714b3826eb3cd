import type { KubeObject, ResourceType } from "../api/object.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { CachedObject, ResourceCache } from "./watch-cache/watch-cache.ts";

/**
 * How authentication, authorization and admission read other objects: from the server's own memory, without a request.
 * Objects are shared and immutable. Types are given in their storage version.
 */
export interface Lookup {
  /**
   * One object, or undefined. Shows every write that this server has acknowledged; one made by another server may be
   * missing for a moment unless `fresh` is set, so ask again with `fresh` before refusing something for its absence.
   */
  get<T extends KubeObject>(
    type: ResourceType<T>,
    name: string,
    namespace?: string,
    options?: { fresh?: boolean },
  ): Promise<T | undefined>;
  /** The objects of a type, or of one of its namespaces, or those with a value in an indexed field (`spec.nodeName`). */
  list<T extends KubeObject>(
    type: ResourceType<T>,
    selection?: { namespace?: string; field?: { name: string; value: string } },
  ): Promise<readonly T[]>;
  /**
   * Hands over all objects of a type, and each change from then on. Resolves when the present objects were handed over.
   * Goes on, catching up with what it missed, until `stop` is called.
   */
  follow<T extends KubeObject>(type: ResourceType<T>, follower: Follower<T>): Promise<Following>;
}

export interface Follower<T> {
  /** A new object, or a new state of a known one. `stored` reads it again where `object` is too large to be kept. */
  put(object: T, key: string, stored: CachedObject): void;
  /** The object of `key` is gone. */
  remove(key: string): void;
}

export interface Following {
  stop(): void;
}

/** How long to wait before a broken watch is tried again. */
const RETRY_MS = 200;

/** A Lookup that reads from the watch caches; `cacheOf` gives the cache of a type. */
export function cacheLookup(options: {
  cacheOf: (type: ResourceType<KubeObject>) => ResourceCache;
  clock: Clock;
  logger: Logger;
}): Lookup {
  const { cacheOf, clock, logger } = options;
  return {
    async get<T extends KubeObject>(
      type: ResourceType<T>,
      name: string,
      namespace?: string,
      { fresh = false }: { fresh?: boolean } = {},
    ) {
      const cache = cacheOf(type);
      const found = await cache.get(cache.key(name, namespace), fresh ? undefined : 0);
      return found?.object as KubeObject | undefined as T | undefined;
    },
    async list<T extends KubeObject>(
      type: ResourceType<T>,
      { namespace, field }: { namespace?: string; field?: { name: string; value: string } } = {},
    ) {
      const { items } = await cacheOf(type).list({
        resourceVersion: 0,
        ...(namespace ? { namespace } : {}),
        ...(field
          ? { matches: ({ fields }) => fields[field.name] === field.value, exact: { [field.name]: field.value } }
          : {}),
      });
      return items.map((item) => item.object as KubeObject as T);
    },
    async follow<T extends KubeObject>(type: ResourceType<T>, follower: Follower<T>) {
      const cache = cacheOf(type);
      const ending = new AbortController();
      const known = new Set<string>();
      /** One watch, from its present objects to its end. */
      const watchOnce = async (onInitial: () => void) => {
        const watcher = await cache.watch({ sendInitialEvents: true, bookmarks: true, signal: ending.signal });
        let unseen: Set<string> | undefined = new Set(known);
        for await (const batch of watcher) {
          for (const event of batch) {
            if (ending.signal.aborted) return;
            if (event.type === "ERROR") throw event.error;
            if (event.type === "BOOKMARK") {
              if (!event.initialEventsEnd || !unseen) continue;
              for (const key of unseen) {
                known.delete(key);
                follower.remove(key);
              }
              unseen = undefined;
              onInitial();
              continue;
            }
            const key = event.object.key.slice(cache.prefix.length);
            unseen?.delete(key);
            if (event.type === "DELETED") {
              known.delete(key);
              follower.remove(key);
            } else {
              known.add(key);
              follower.put(event.object.object as KubeObject as T, key, event.object);
            }
          }
        }
      };
      const run = (onInitial: () => void): void => {
        if (ending.signal.aborted) return;
        watchOnce(onInitial).then(
          () => run(onInitial),
          (error: unknown) => {
            if (ending.signal.aborted) return;
            logger.warn("following a resource broke off, trying again", { resource: type.resource, error });
            clock.after(RETRY_MS, () => run(onInitial));
          },
        );
      };
      await new Promise<void>((resolve) => run(resolve));
      return { stop: () => ending.abort() };
    },
  };
}
