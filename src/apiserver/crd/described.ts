import type { ServedResource as DescribedResource } from "../../api/schema/served-resources.ts";
import type { ResourceCatalogue } from "../resource-catalogue.ts";

/** The custom resources as the OpenAPI documents describe them. The old paths below `/watch` are not described. */
export function describedCustomResources(catalogue: ResourceCatalogue): DescribedResource[] {
  return catalogue.all.flatMap(({ type, custom, definition, listedVerbs, subresources, listKind }) => {
    if (!custom) return [];
    const { group, version, resource, kind, namespaced } = type;
    const below = [...subresources.values()].map(({ name, kind: answer, verbs }) => {
      return { name, ...answer, verbs, connect: [], subpath: false };
    });
    return [
      {
        group,
        version,
        resource,
        singular: definition.singular,
        kind,
        listKind,
        namespaced,
        ga: true,
        verbs: listedVerbs.filter((verb) => verb !== "watch"),
        returnsDeleted: false,
        subresources: below,
        custom: { group, version, plural: resource, kind, listKind, ...custom.described },
      },
    ];
  });
}
