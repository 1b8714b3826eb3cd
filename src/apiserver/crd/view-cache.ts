import { apiVersionOf, parseApiVersion, type UnknownObject } from "../../api/object.ts";
import type { ResourceDefinition } from "../../api/resource-definition.ts";
import { storedBytes } from "../registry/object-bytes.ts";
import type { Attributes, ResourceCache, ResourceCacheOptions } from "../watch-cache/watch-cache.ts";
import type { StoreConversion } from "./converting-store.ts";
import type { CustomVersion } from "./custom-version.ts";
import type { Convert } from "./webhook-conversion.ts";

/** How one version of a custom resource reads what is stored. */
export interface VersionView {
  readonly group: string;
  readonly resource: string;
  readonly version: CustomVersion;
  /** All versions by name: what is stored may be of any of them. */
  readonly versions: ReadonlyMap<string, CustomVersion>;
  readonly definition: ResourceDefinition;
}

/** Where upstream keeps custom objects. */
export const customPrefix = (group: string, resource: string): string => `/registry/${group}/${resource}/`;

/** How a cache of one version is opened, where versions differ in their names only. */
export function viewOptions(view: VersionView): ResourceCacheOptions {
  const { group, version } = view;
  const apiVersion = apiVersionOf({ group, version: version.name });
  return {
    ...convertedOptions(view),
    decode(value) {
      const object = readStored(parse(value), view.versions);
      if (object.apiVersion === apiVersion) return object;
      object.apiVersion = apiVersion;
      version.coerce(object, { lenient: true });
      return object;
    },
  };
}

/** The same for a cache that gets its objects in this version already. */
export function convertedOptions({ group, resource, definition }: VersionView): ResourceCacheOptions {
  const fields = Object.entries(definition.selectableFields ?? {});
  return {
    prefix: customPrefix(group, resource),
    resource,
    attributes(object: UnknownObject): Attributes {
      const { labels = {}, name = "", namespace = "" } = object.metadata ?? {};
      const values: Record<string, string> = { "metadata.name": name, "metadata.namespace": namespace };
      for (const [field, read] of fields) values[field] = read(object);
      return { labels, fields: values };
    },
  };
}

export const parse = (value: Uint8Array): UnknownObject =>
  JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8"));

/**
 * A stored object in form, in the version in which it was stored: pruned and defaulted by what that version's schema says
 * now. Takes over `object`.
 */
export function readStored(object: UnknownObject, versions: ReadonlyMap<string, CustomVersion>): UnknownObject {
  const version = versions.get(parseApiVersion(object.apiVersion ?? "").version);
  if (version) {
    version.coerce(object, { lenient: true });
    version.setDefaults(object);
  }
  if (object.metadata) object.metadata.generation ||= 1;
  return object;
}

/** A cache that writes objects in another version than it reads. */
export function writingAs(cache: ResourceCache, storageApiVersion: string): ResourceCache {
  const writing: Pick<ResourceCache, "compareAndSwap"> = {
    compareAndSwap(key, expected, value, object) {
      if (value === null || !object || object.apiVersion === storageApiVersion) {
        return cache.compareAndSwap(key, expected, value, object);
      }
      return cache.compareAndSwap(key, expected, storedBytes({ ...object, apiVersion: storageApiVersion }));
    },
  };
  return Object.assign(Object.create(cache) as ResourceCache, writing);
}

/** How a version's objects come from the store and go there by `convert`. */
export function storeConversion(
  view: VersionView,
  storage: CustomVersion,
  convert: Convert,
  onFailure: (error: unknown) => void,
): StoreConversion {
  const { group, resource, version, versions } = view;
  const apiVersion = apiVersionOf({ group, version: version.name });
  const storageApiVersion = apiVersionOf({ group, version: storage.name });
  const converted = async (objects: readonly UnknownObject[], to: CustomVersion, target: string) => {
    const results = await convert(objects, target);
    results.forEach((object, index) => {
      if (object !== objects[index]) to.coerce(object, { lenient: true });
    });
    return results;
  };
  return {
    prefix: customPrefix(group, resource),
    onFailure,
    async read(values) {
      const objects = values.map((value) => readStored(parse(value), versions));
      return (await converted(objects, version, apiVersion)).map((object) => storedBytes(object));
    },
    async write(value) {
      if (apiVersion === storageApiVersion) return value;
      const [object] = await converted([parse(value)], storage, storageApiVersion);
      return storedBytes(object!);
    },
  };
}
