import type { KubeObject, ResourceType, UnknownObject } from "../api/object.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import type { Client } from "./client.ts";
import type { Informer, InformerFactory, InformerOptions } from "./informer.ts";
import { reflect } from "./reflector.ts";
import { type SharedInformer, sharedInformer } from "./shared-informer.ts";

export interface InformerFactoryOptions {
  client: Client;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Keep `metadata.managedFields`, which make up much of an object and which next to nobody reads. Default false. */
  keepManagedFields?: boolean;
}

interface Entry {
  shared: SharedInformer<UnknownObject>;
  run(): Promise<void>;
  running?: Promise<void>;
}

/** Informers over one client. They do not resync: handlers hear of changes only. */
export function informerFactory(options: InformerFactoryOptions): InformerFactory {
  const { client, clock, random, logger } = options;
  const entries = new Map<string, Entry>();
  const stopped = new AbortController();

  const make = <T extends KubeObject>(type: ResourceType<T>, scope: InformerOptions): Entry => {
    const shared = sharedInformer<T>(type, {
      logger,
      ...(options.keepManagedFields ? {} : { transform: withoutManagedFields<T> }),
    });
    const { metadataOnly, ...selectors } = scope;
    return {
      shared: shared as unknown as SharedInformer<UnknownObject>,
      run: () =>
        reflect<T>({
          resource: client.resource<T>(type, metadataOnly ? { metadataOnly } : {}),
          ...selectors,
          target: shared.target,
          clock,
          random,
          logger,
          signal: stopped.signal,
        }),
    };
  };

  return {
    informer<T extends KubeObject>(type: ResourceType<T>, scope: InformerOptions = {}): Informer<T> {
      const key = JSON.stringify([
        type.group,
        type.version,
        type.resource,
        scope.namespace,
        scope.labelSelector,
        scope.fieldSelector,
        scope.metadataOnly === true,
      ]);
      let entry = entries.get(key);
      if (!entry) {
        entry = make(type, scope);
        entries.set(key, entry);
      }
      return entry.shared.informer as unknown as Informer<T>;
    },
    start() {
      if (stopped.signal.aborted) return;
      for (const entry of entries.values()) entry.running ??= entry.run();
    },
    async synced(signal) {
      const started = [...entries.values()].filter((entry) => entry.running !== undefined);
      const all = Promise.all(started.map((entry) => entry.shared.whenSynced));
      if (!signal) return void (await all);
      signal.throwIfAborted();
      const aborted = Promise.withResolvers<never>();
      const onAbort = () => aborted.reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        await Promise.race([all, aborted.promise]);
      } finally {
        signal.removeEventListener("abort", onAbort);
      }
    },
    async stop() {
      stopped.abort();
      await Promise.all([...entries.values()].map((entry) => entry.running));
    },
  };
}

function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (!object.metadata?.managedFields) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
