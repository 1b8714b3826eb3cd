import { apiVersionOf, type ResourceType } from "../api/object.ts";
import type { ResourceDefinition } from "../api/resource-definition.ts";
import {
  type ServedGroup,
  type ServedSubresource,
  servedGroups,
  servedResources,
} from "../api/schema/served-resources.ts";
import type { Registry } from "./registry.ts";
import { ServedResource, type Subresource } from "./served-resource.ts";

/** Everything the server serves as a resource, by path and by what is stored. */
export interface ResourceCatalogue {
  /** Undefined where the group version or the resource is not served. */
  find(group: string, version: string, resource: string): ServedResource | undefined;
  /** The resource in its storage version. */
  stored(type: { group: string; resource: string }): ServedResource | undefined;
  /** The resources of a group version, in the order of discovery; undefined where it is not served. */
  groupVersion(group: string, version: string): readonly ServedResource[] | undefined;
  readonly groups: readonly ServedGroup[];
  readonly all: readonly ServedResource[];
}

/**
 * The built-in resources: what the API data says is generally available, and has a definition. `open` makes the engine
 * of a stored resource; it is asked once for each, when the resource is first used.
 */
export function builtInCatalogue(
  definitionOf: (group: string, resource: string) => ResourceDefinition | undefined,
  open: (definition: ResourceDefinition) => Registry,
): ResourceCatalogue {
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
  for (const row of servedResources()) {
    const definition = definitionOf(row.group, row.resource);
    if (!definition) continue;
    const { group, version, resource, kind, namespaced } = row;
    const type: ResourceType = { group, version, resource, kind, namespaced };
    const storage = definition.type.group === group && definition.type.version === version;
    const conversion = storage ? undefined : definition.conversions?.[version];
    if (!storage && (conversion?.group ?? definition.type.group) !== group) continue;
    all.push(
      new ServedResource({
        type,
        definition,
        conversion,
        verbs: definition.verbs ?? row.verbs,
        subresources: row.subresources.map(toSubresource),
        open: () => openOnce(definition),
      }),
    );
  }
  return catalogue(all);
}

function catalogue(all: readonly ServedResource[]): ResourceCatalogue {
  const paths = new Map<string, Map<string, ServedResource>>();
  const stored = new Map<string, ServedResource>();
  for (const resource of all) {
    const { group, version, resource: plural } = resource.type;
    const key = apiVersionOf({ group, version });
    let inVersion = paths.get(key);
    if (!inVersion) {
      inVersion = new Map();
      paths.set(key, inVersion);
    }
    inVersion.set(plural, resource);
    if (!resource.conversion) stored.set(`${group}/${plural}`, resource);
  }
  return {
    all,
    groups: servedGroups(all.map(({ type }) => type)),
    find: (group, version, resource) => paths.get(apiVersionOf({ group, version }))?.get(resource),
    stored: ({ group, resource }) => stored.get(`${group}/${resource}`),
    groupVersion(group, version) {
      const found = paths.get(apiVersionOf({ group, version }));
      return found && [...found.values()];
    },
  };
}

function toSubresource(row: ServedSubresource): Subresource {
  const { name, group, version, kind, verbs, connect } = row;
  let role: Subresource["role"] = "part";
  if (name === "scale") role = "scale";
  else if (name === "log" || connect.length > 0) role = "connect";
  else if (verbs.length === 1 && verbs[0] === "create") role = "create";
  return { name, kind: { group, version, kind }, verbs, methods: connect, role };
}
