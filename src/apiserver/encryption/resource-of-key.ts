import { storagePrefix } from "../registry/storage-key.ts";

/** The resource that a storage key belongs to; undefined for keys that hold no object. */
export type ResourceOfKey = (key: string) => { group: string; resource: string } | undefined;

const CUSTOM = /^\/registry\/([^/]+\.[^/]+)\/([^/]+)\//;

/** Tells resources by their keys: the built-in ones by where they are kept, custom ones by `/registry/<group>/<resource>/`. */
export function resourceOfKey(builtIn: Iterable<{ group: string; resource: string }>): ResourceOfKey {
  const prefixes = new Map<string, { group: string; resource: string }>();
  for (const { group, resource } of builtIn) prefixes.set(storagePrefix(group, resource), { group, resource });
  return (key) => {
    for (let slash = key.indexOf("/", 1); slash > 0; slash = key.indexOf("/", slash + 1)) {
      const found = prefixes.get(key.slice(0, slash + 1));
      if (found) return found;
    }
    const [, group, resource] = CUSTOM.exec(key) ?? [];
    return group && resource ? { group, resource } : undefined;
  };
}
