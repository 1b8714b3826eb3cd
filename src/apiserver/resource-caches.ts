import type { UnknownObject } from "../api/object.ts";
import type { ResourceDefinition } from "../api/resource-definition.ts";
import { storagePrefix } from "./registry/storage-key.ts";
import type { Attributes, ResourceCacheOptions } from "./watch-cache/watch-cache.ts";

/** Fields by which each node's kubelet selects its own. */
const INDEXED: Readonly<Record<string, readonly string[]>> = { "/pods": ["spec.nodeName"] };

/** How the cache of a built-in resource is opened. */
export function cacheOptions(definition: ResourceDefinition): ResourceCacheOptions {
  const { group, resource } = definition.type;
  const fields = Object.entries(definition.selectableFields ?? {});
  const indexedFields = INDEXED[`${group}/${resource}`];
  return {
    prefix: storagePrefix(group, resource),
    resource,
    ...(indexedFields ? { indexedFields } : {}),
    attributes(object: UnknownObject): Attributes {
      const { labels = {}, name = "", namespace = "" } = object.metadata ?? {};
      const values: Record<string, string> = { "metadata.name": name, "metadata.namespace": namespace };
      for (const [field, read] of fields) values[field] = read(object);
      return { labels, fields: values };
    },
  };
}
