import type { ScopedResourceSelectorRequirement } from "../../../api/types/core.v1.ts";
import { type ConfigurationKind, listOf, readConfiguration, record, text } from "../../configuration/shape.ts";

/** A resource that may only be consumed where a quota covers what is consumed. */
export interface LimitedResource {
  readonly apiGroup?: string;
  readonly resource?: string;
  /** Names of quota resources that contain one of these are limited. */
  readonly matchContains?: readonly string[];
  /** Objects within these scopes are limited, whatever they use. */
  readonly matchScopes?: readonly ScopedResourceSelectorRequirement[];
}

const texts = listOf(text);
const scope = record("ScopedResourceSelectorRequirement", { scopeName: text, operator: text, values: texts });
const KIND: ConfigurationKind = {
  group: "apiserver.config.k8s.io",
  versions: ["v1"],
  kind: "ResourceQuotaConfiguration",
  fields: {
    limitedResources: listOf(
      record("LimitedResource", { apiGroup: text, resource: text, matchContains: texts, matchScopes: listOf(scope) }),
    ),
  },
};

/** Reads the configuration of the plugin ResourceQuota (YAML or JSON). Throws an Error that names what can't be used. */
export async function resourceQuotaConfiguration(content: string): Promise<readonly LimitedResource[]> {
  const { configuration } = await readConfiguration<{ limitedResources?: LimitedResource[] }>(content, KIND);
  for (const [index, { resource }] of (configuration.limitedResources ?? []).entries()) {
    if (!resource) throw new Error(`limitedResources[${index}].resource: Required value`);
  }
  return configuration.limitedResources ?? [];
}
