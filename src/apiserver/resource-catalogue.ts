import { apiVersionOf, type ResourceType } from "../api/object.ts";
import type { ResourceDefinition } from "../api/resource-definition.ts";
import {
  type ServedGroup,
  type ServedSubresource,
  servedGroups,
  servedResources,
} from "../api/schema/served-resources.ts";
import { comparePrecedence } from "../api/version-precedence.ts";
import type { Registry } from "./registry.ts";
import type { Serves } from "./runtime-config.ts";
import { ServedResource, type Subresource } from "./served-resource.ts";

/** Everything the server serves as a resource, by path and by what is stored. Custom resources come and go. */
export interface ResourceCatalogue {
  /** Undefined where the group version or the resource is not served. */
  find(group: string, version: string, resource: string): ServedResource | undefined;
  /** The resource in its storage version. */
  stored(type: { group: string; resource: string }): ServedResource | undefined;
  /** The resources of a group version, in the order of discovery; undefined where it is not served. */
  groupVersion(group: string, version: string): readonly ServedResource[] | undefined;
  /** The same list until something changes. */
  readonly groups: readonly ServedGroup[];
  /** The same list until something changes. */
  readonly all: readonly ServedResource[];
  /** Another number after each change: what is made from the catalogue holds as long as this stays. */
  readonly generation: number;
  /** Calls `listener` after each change. */
  onChange(listener: () => void): void;
}

/** A catalogue to which resources are added at run time, each lot under the name of what defines it. */
export interface DynamicCatalogue extends ResourceCatalogue {
  /**
   * Serves these resources (one per served version), and no longer those that `owner` brought before. A resource whose
   * path is taken, by a built-in one or by another owner, is not served.
   */
  put(owner: string, resources: readonly ServedResource[]): void;
  /** Serves nothing of `owner` any more. */
  remove(owner: string): void;
}

/**
 * The built-in resources: those of the API data that `serves` says and that have a definition. What is not served is
 * still found as `stored`, for the server's own use. `open` makes the engine of a stored resource; it is asked once for
 * each, when the resource is first used.
 */
export function builtInCatalogue(
  definitionOf: (group: string, resource: string) => ResourceDefinition | undefined,
  open: (definition: ResourceDefinition) => Registry,
  serves: Serves = ({ version }) => /^v\d+$/.test(version),
): DynamicCatalogue {
  const registries = new Map<ResourceDefinition, Registry>();
  const openOnce = (definition: ResourceDefinition): Registry => {
    let registry = registries.get(definition);
    if (!registry) {
      registry = open(definition);
      registries.set(definition, registry);
    }
    return registry;
  };
  const all: ServedResource[] = [];
  const unserved: ServedResource[] = [];
  for (const row of servedResources(true)) {
    const definition = definitionOf(row.group, row.resource);
    if (!definition) continue;
    const { group, version, resource, kind, namespaced } = row;
    const type: ResourceType = { group, version, resource, kind, namespaced };
    const storage = definition.type.group === group && definition.type.version === version;
    const conversion = storage ? undefined : definition.conversions?.[version];
    if (!storage && (conversion?.group ?? definition.type.group) !== group) continue;
    const one = new ServedResource({
      type,
      definition,
      conversion,
      verbs: definition.verbs ?? row.verbs,
      subresources: row.subresources.map(toSubresource),
      open: () => openOnce(definition),
    });
    if (serves(row)) all.push(one);
    else unserved.push(one);
  }
  return dynamicCatalogue(all, unserved);
}

/** A catalogue of `fixed` resources and those that are put into it; `unserved` ones are only found as stored. */
export function dynamicCatalogue(
  fixed: readonly ServedResource[],
  unserved: readonly ServedResource[] = [],
): DynamicCatalogue {
  const hidden = contents(unserved).stored;
  const owners = new Map<string, readonly ServedResource[]>();
  let current = contents(fixed);
  let generation = 0;
  const listeners: (() => void)[] = [];
  const changed = () => {
    current = contents([...fixed, ...[...owners.values()].flat()]);
    generation++;
    for (const listener of listeners) listener();
  };
  return {
    get all() {
      return current.all;
    },
    get groups() {
      return current.groups;
    },
    get generation() {
      return generation;
    },
    find: (group, version, resource) => current.paths.get(apiVersionOf({ group, version }))?.get(resource),
    stored: ({ group, resource }) => current.stored.get(`${group}/${resource}`) ?? hidden.get(`${group}/${resource}`),
    groupVersion(group, version) {
      const found = current.paths.get(apiVersionOf({ group, version }));
      return found && [...found.values()];
    },
    onChange: (listener) => void listeners.push(listener),
    put(owner, resources) {
      owners.set(owner, resources);
      changed();
    },
    remove(owner) {
      if (owners.delete(owner)) changed();
    },
  };
}

/** The catalogue between two changes. */
interface Contents {
  readonly all: readonly ServedResource[];
  readonly groups: readonly ServedGroup[];
  readonly paths: ReadonlyMap<string, ReadonlyMap<string, ServedResource>>;
  readonly stored: ReadonlyMap<string, ServedResource>;
}

function contents(resources: readonly ServedResource[]): Contents {
  const paths = new Map<string, Map<string, ServedResource>>();
  const stored = new Map<string, ServedResource>();
  const all: ServedResource[] = [];
  for (const resource of resources) {
    const { group, version, resource: plural } = resource.type;
    const key = apiVersionOf({ group, version });
    let inVersion = paths.get(key);
    if (!inVersion) {
      inVersion = new Map();
      paths.set(key, inVersion);
    }
    if (inVersion.has(plural)) continue;
    inVersion.set(plural, resource);
    all.push(resource);
    if (resource.isStorageVersion) stored.set(`${group}/${plural}`, resource);
  }
  return { all, groups: groupsOf(all), paths, stored };
}

/** The built-in groups as the table has them, then all others by name, their versions by precedence. */
function groupsOf(all: readonly ServedResource[]): ServedGroup[] {
  const known = new Map(servedGroups(all.map(({ type }) => type)).map((one) => [one.group, one]));
  const versions = new Map<string, Set<string>>();
  for (const { type } of all) {
    const present = versions.get(type.group);
    if (present) present.add(type.version);
    else versions.set(type.group, new Set([type.version]));
  }
  const others: ServedGroup[] = [];
  for (const [group, present] of versions) {
    const builtIn = known.get(group);
    const added = [...present].filter((version) => !builtIn?.versions.includes(version)).sort(comparePrecedence);
    if (added.length === 0) continue;
    const ordered = [...(builtIn?.versions ?? []), ...added];
    const entry: ServedGroup = { group, versions: ordered, preferredVersion: ordered[0]! };
    if (builtIn) known.set(group, entry);
    else others.push(entry);
  }
  return [...known.values(), ...others.sort((a, b) => (a.group < b.group ? -1 : 1))];
}

function toSubresource(row: ServedSubresource): Subresource {
  const { name, group, version, kind, verbs, connect } = row;
  let role: Subresource["role"] = "part";
  if (name === "scale") role = "scale";
  else if (name === "log" || connect.length > 0) role = "connect";
  else if (verbs.length === 1 && verbs[0] === "create") role = "create";
  return { name, kind: { group, version, kind }, verbs, methods: connect, role };
}
