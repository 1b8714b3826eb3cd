import { type KubeObject, objectKey, type ResourceType } from "../api/object.ts";
import type { Logger } from "../base/logger.ts";
import type { Informer, InformerHandlers } from "./informer.ts";
import { type ObjectStore, objectStore } from "./object-store.ts";
import type { ReflectorTarget } from "./reflector.ts";

/** An informer and the side of it that a reflector feeds. */
export interface SharedInformer<T extends KubeObject> {
  readonly informer: Informer<T>;
  readonly target: ReflectorTarget<T>;
  /** Resolves once the informer is synced. */
  readonly whenSynced: Promise<void>;
}

/** `transform` changes each object before it is stored; it must not change its argument. */
export function sharedInformer<T extends KubeObject>(
  type: ResourceType<T>,
  options: { logger: Logger; transform?: (object: T) => T },
): SharedInformer<T> {
  const { logger, transform = (object: T) => object } = options;
  const store: ObjectStore<T> = objectStore<T>();
  const handlers = new Set<InformerHandlers<T>>();
  const { promise: whenSynced, resolve: nowSynced } = Promise.withResolvers<void>();
  let synced = false;
  let resourceVersion = "";

  /** One handler's mistake must not keep the change from the others, nor end the reflector. */
  const call = (action: () => void) => {
    try {
      action();
    } catch (error) {
      logger.error("an informer's handler failed", { resource: type.resource, error });
    }
  };
  const put = (object: T) => {
    const old = store.set(object);
    // The same name with another uid is another object: the old one's deletion was missed.
    const replaced = old !== undefined && old.metadata?.uid !== object.metadata?.uid;
    for (const handler of [...handlers]) {
      if (old === undefined) call(() => handler.add?.(object));
      else if (!replaced) call(() => handler.update?.(old, object));
      else {
        call(() => handler.delete?.(old, false));
        call(() => handler.add?.(object));
      }
    }
  };
  const remove = (last: T, final: boolean) => {
    store.delete(objectKey(last));
    for (const handler of [...handlers]) call(() => handler.delete?.(last, final));
  };

  return {
    whenSynced,
    informer: {
      type,
      on(handler) {
        handlers.add(handler);
        for (const object of store.list()) call(() => handler.add?.(object));
        return () => void handlers.delete(handler);
      },
      get synced() {
        return synced;
      },
      get resourceVersion() {
        return resourceVersion;
      },
      get: (key) => store.get(key),
      list: (namespace) => store.list(namespace),
      addIndex: (name, values) => store.addIndex(name, values),
      byIndex: (name, value) => store.byIndex(name, value),
    },
    target: {
      replace(objects, version) {
        resourceVersion = version;
        const seen = new Set<string>();
        for (const object of objects) seen.add(objectKey(object));
        for (const key of [...store.keys()]) if (!seen.has(key)) remove(store.get(key)!, false);
        for (const object of objects) {
          const version = store.get(objectKey(object))?.metadata?.resourceVersion;
          if (version === undefined || version !== object.metadata?.resourceVersion) put(transform(object));
        }
        synced = true;
        nowSynced();
      },
      reached(version) {
        resourceVersion = version;
      },
      change(kind, object) {
        resourceVersion = object.metadata?.resourceVersion ?? resourceVersion;
        if (kind === "DELETED") remove(transform(object), true);
        else put(transform(object));
      },
    },
  };
}
