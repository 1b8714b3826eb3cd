import type { ServedGroup } from "../../api/schema/served-resources.ts";
import type { ResourceCatalogue } from "../resource-catalogue.ts";
import type { ServedResource } from "../served-resource.ts";
import type { DiscoverySource } from "./discovery.ts";

/** apidiscovery.k8s.io APIGroupDiscoveryList: all groups, versions and resources in one document (KEP-3352). */
export function groupDiscoveryList(
  catalogue: ResourceCatalogue,
  source: Pick<DiscoverySource, "remote">,
  groups: readonly ServedGroup[],
  version: "v2",
): object {
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map(({ group, versions }) => ({
      metadata: group ? { name: group } : {},
      versions: versions.map((one) => ({
        version: one,
        ...(source.remote(group, one) ?? {
          resources: (catalogue.groupVersion(group, one) ?? []).map(resourceEntry),
          freshness: "Current",
        }),
      })),
    })),
  };
}

function resourceEntry({ type, definition, listedVerbs: verbs, subresources, custom }: ServedResource): object {
  // As upstream: built-in kinds of the very group and version leave these out, custom ones don't.
  const responseKind = ({ group, version, kind }: { group: string; version: string; kind: string }) =>
    !custom && group === type.group && version === type.version
      ? { group: "", version: "", kind }
      : { group, version, kind };
  const { shortNames, categories, singular } = definition;
  const scope = type.namespaced ? "Namespaced" : "Cluster";
  return {
    resource: type.resource,
    responseKind: responseKind(type),
    scope,
    singularResource: singular,
    verbs,
    ...(shortNames?.length ? { shortNames } : {}),
    ...(categories?.length ? { categories } : {}),
    ...(subresources.size > 0
      ? {
          subresources: [...subresources.values()].map((sub) => ({
            subresource: sub.name,
            responseKind: responseKind(sub.kind),
            verbs: sub.verbs,
          })),
        }
      : {}),
  };
}
