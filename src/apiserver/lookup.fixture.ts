import { type KubeObject, objectKey, type ResourceType, type UnknownObject } from "../api/object.ts";
import type { Follower, Lookup } from "./lookup.ts";
import { detachedObject } from "./registry/detached-object.ts";

/** A Lookup over objects that a test puts in place. */
export interface MemoryLookup extends Lookup {
  put<T extends KubeObject>(type: ResourceType<T>, ...objects: T[]): void;
  remove<T extends KubeObject>(type: ResourceType<T>, object: T): void;
}

export function memoryLookup(): MemoryLookup {
  const stores = new Map<string, { objects: Map<string, KubeObject>; followers: Set<Follower<KubeObject>> }>();
  const store = ({ group, resource }: ResourceType<KubeObject>) => {
    const key = `${resource}.${group}`;
    let found = stores.get(key);
    if (!found) {
      found = { objects: new Map(), followers: new Set() };
      stores.set(key, found);
    }
    return found;
  };
  const read = (object: unknown, path: string): unknown =>
    path.split(".").reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], object);
  return {
    async get<T extends KubeObject>(type: ResourceType<T>, name: string, namespace?: string) {
      return store(type).objects.get(namespace ? `${namespace}/${name}` : name) as T | undefined;
    },
    async list<T extends KubeObject>(
      type: ResourceType<T>,
      { namespace, field }: { namespace?: string; field?: { name: string; value: string } } = {},
    ) {
      return [...store(type).objects.values()].filter(
        (object) =>
          (!namespace || object.metadata?.namespace === namespace) &&
          (!field || (read(object, field.name) ?? "") === field.value),
      ) as T[];
    },
    async follow<T extends KubeObject>(type: ResourceType<T>, follower: Follower<T>) {
      const { objects, followers } = store(type);
      const one: Follower<KubeObject> = {
        put: (object, key, stored) => follower.put(object as T, key, stored),
        remove: (key) => follower.remove(key),
      };
      followers.add(one);
      for (const [key, object] of objects) one.put(object, key, detachedObject(object as KubeObject as UnknownObject));
      return { stop: () => void followers.delete(one) };
    },
    put(type, ...added) {
      const { objects, followers } = store(type);
      for (const object of added) {
        objects.set(objectKey(object), object);
        for (const follower of followers) {
          follower.put(object, objectKey(object), detachedObject(object as KubeObject as UnknownObject));
        }
      }
    },
    remove(type, object) {
      const { objects, followers } = store(type);
      objects.delete(objectKey(object));
      for (const follower of followers) follower.remove(objectKey(object));
    },
  };
}
