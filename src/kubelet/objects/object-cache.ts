import type { KubeObject, ResourceType } from "../../api/object.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { Clock } from "../../base/clock.ts";
import { deadline } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Random } from "../../base/random.ts";
import type { Client } from "../../client/client.ts";
import { reflect } from "../../client/reflector.ts";

/**
 * The ConfigMaps or Secrets that this node's pods refer to, each kept true by a watch of its own, since a node may not
 * list them all. An object is watched while some pod refers to it; an immutable one is watched no longer once seen.
 */
export interface ObjectCache<T extends KubeObject> {
  /** Says which objects a pod refers to; those it no longer refers to are let go. */
  retain(podUid: string, namespace: string, names: ReadonlySet<string>): void;
  release(podUid: string): void;
  /** The object, or undefined where there is none. Rejects where the API can't be asked in time. */
  get(namespace: string, name: string): Promise<T | undefined>;
  stop(): void;
}

export interface ObjectCacheOptions<T extends KubeObject> {
  client: Client;
  type: ResourceType<T>;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Called with the pods that refer to an object after it changed. */
  onChange(podUids: readonly string[]): void;
}

interface Entry<T> {
  pods: Set<string>;
  object: T | undefined;
  synced: boolean;
  readonly ready: Promise<void>;
  end(): void;
}

/** How long a pod waits for the first look at an object before it reports a failure and tries again later. */
const SYNC_TIMEOUT_MS = 10_000;

export function objectCache<T extends KubeObject & { immutable?: boolean }>(
  options: ObjectCacheOptions<T>,
): ObjectCache<T> {
  const { clock, random, logger, type } = options;
  const resource = options.client.resource(type);
  const entries = new Map<string, Entry<T>>();
  const keysOf = new Map<string, Set<string>>();

  const watch = (namespace: string, name: string): Entry<T> => {
    const ended = new AbortController();
    const ready = Promise.withResolvers<void>();
    const entry: Entry<T> = {
      pods: new Set(),
      object: undefined,
      synced: false,
      ready: ready.promise,
      end: () => ended.abort(),
    };
    const changed = (object: T | undefined) => {
      const first = !entry.synced;
      const same = entry.object?.metadata?.resourceVersion === object?.metadata?.resourceVersion;
      entry.object = object;
      entry.synced = true;
      ready.resolve();
      if (object?.immutable) ended.abort();
      if (!first && !same) options.onChange([...entry.pods]);
    };
    const only = (objects: readonly T[]) => objects.find((object) => object.metadata?.name === name);
    void reflect<T>({
      resource,
      namespace,
      fieldSelector: `metadata.name=${name}`,
      target: {
        replace: (objects) => changed(only(objects)),
        change: (kind, object) => changed(kind === "DELETED" ? undefined : object),
      },
      clock,
      random,
      logger,
      signal: ended.signal,
    });
    return entry;
  };

  const letGo = (key: string, podUid: string) => {
    const entry = entries.get(key);
    if (!entry) return;
    entry.pods.delete(podUid);
    if (entry.pods.size > 0) return;
    entry.end();
    entries.delete(key);
  };

  return {
    retain(podUid, namespace, names) {
      const wanted = new Set([...names].map((name) => `${namespace}/${name}`));
      const held = keysOf.get(podUid);
      for (const key of held ?? []) if (!wanted.has(key)) letGo(key, podUid);
      for (const name of names) {
        const key = `${namespace}/${name}`;
        let entry = entries.get(key);
        if (!entry) {
          entry = watch(namespace, name);
          entries.set(key, entry);
        }
        entry.pods.add(podUid);
      }
      if (wanted.size > 0) keysOf.set(podUid, wanted);
      else keysOf.delete(podUid);
    },
    release(podUid) {
      for (const key of keysOf.get(podUid) ?? []) letGo(key, podUid);
      keysOf.delete(podUid);
    },
    async get(namespace, name) {
      const entry = entries.get(`${namespace}/${name}`);
      if (!entry) throw new Error(`object "${namespace}/${name}" not registered`);
      if (!entry.synced) {
        const limit = deadline(clock, SYNC_TIMEOUT_MS);
        const late = new Promise<never>((_, reject) =>
          limit.signal.addEventListener("abort", () =>
            reject(new Error(`failed to sync ${type.kind.toLowerCase()} cache: timed out waiting for the condition`)),
          ),
        );
        await Promise.race([entry.ready, late]).finally(limit.dispose);
      }
      if (entry.object) return entry.object;
      // The watch may lag behind a create that the pod's author did just before: ask before saying that there is none.
      try {
        return await resource.get(name, namespace);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    stop() {
      for (const entry of entries.values()) entry.end();
      entries.clear();
      keysOf.clear();
    },
  };
}
