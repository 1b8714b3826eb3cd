import { type KubeObject, objectKey } from "../api/object.ts";

/** Objects by key, by namespace and by any number of indexes. */
export interface ObjectStore<T extends KubeObject> {
  readonly size: number;
  get(key: string): T | undefined;
  keys(): Iterable<string>;
  list(namespace?: string): T[];
  /** Puts an object in its place and returns the one that was there. */
  set(object: T): T | undefined;
  /** Removes an object and returns it. */
  delete(key: string): T | undefined;
  /** Adds an index; the same name a second time is left as it is. */
  addIndex(name: string, values: (object: T) => readonly string[]): void;
  byIndex(name: string, value: string): T[];
}

interface Index<T> {
  values(object: T): readonly string[];
  keys: Map<string, Set<string>>;
}

export function objectStore<T extends KubeObject>(): ObjectStore<T> {
  const objects = new Map<string, T>();
  const namespaces: Index<T> = { values: (object) => [object.metadata?.namespace ?? ""], keys: new Map() };
  const indexes = new Map<string, Index<T>>();

  const enter = (index: Index<T>, key: string, object: T) => {
    for (const value of index.values(object)) {
      const keys = index.keys.get(value);
      if (keys) keys.add(key);
      else index.keys.set(value, new Set([key]));
    }
  };
  const leave = (index: Index<T>, key: string, object: T) => {
    for (const value of index.values(object)) {
      const keys = index.keys.get(value);
      if (keys?.delete(key) && keys.size === 0) index.keys.delete(value);
    }
  };
  const remove = (key: string): T | undefined => {
    const old = objects.get(key);
    if (old === undefined) return undefined;
    objects.delete(key);
    leave(namespaces, key, old);
    for (const index of indexes.values()) leave(index, key, old);
    return old;
  };
  const pick = (index: Index<T>, value: string): T[] => {
    const keys = index.keys.get(value);
    return keys ? Array.from(keys, (key) => objects.get(key)!) : [];
  };

  return {
    get size() {
      return objects.size;
    },
    get: (key) => objects.get(key),
    keys: () => objects.keys(),
    list: (namespace) => (namespace ? pick(namespaces, namespace) : [...objects.values()]),
    set(object) {
      const key = objectKey(object);
      const old = remove(key);
      objects.set(key, object);
      enter(namespaces, key, object);
      for (const index of indexes.values()) enter(index, key, object);
      return old;
    },
    delete: remove,
    addIndex(name, values) {
      if (indexes.has(name)) return;
      const index: Index<T> = { values, keys: new Map() };
      for (const [key, object] of objects) enter(index, key, object);
      indexes.set(name, index);
    },
    byIndex(name, value) {
      const index = indexes.get(name);
      if (!index) throw new Error(`there is no index named ${JSON.stringify(name)}`);
      return pick(index, value);
    },
  };
}
