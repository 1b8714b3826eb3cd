import { customResourceDefinitions } from "../../resource-types.ts";
import type { CustomResourceDefinition, CustomResourceDefinitionSpec } from "../../types/apiextensions.v1.ts";
import { define } from "../define.ts";
import { resetMetadataForStatus } from "../status-metadata.ts";
import {
  validateDefinition,
  validateDefinitionCreate,
  validateDefinitionStatus,
  validateDefinitionUpdate,
} from "./definition-validation.ts";
import { formatWarnings } from "./format-warnings.ts";
import { loadSchemaLibraries } from "./schema-validation.ts";

export const customResourceDefinition = define<CustomResourceDefinition>({
  type: customResourceDefinitions,
  singular: "customresourcedefinition",
  shortNames: ["crd", "crds"],
  categories: ["api-extensions"],
  hasStatus: true,
  generation: true,
  defaults(definition) {
    definition.spec ??= {} as CustomResourceDefinitionSpec;
    const { spec } = definition;
    if (spec.names?.kind) {
      spec.names.singular ||= spec.names.kind.toLowerCase();
      spec.names.listKind ||= `${spec.names.kind}List`;
    }
    spec.conversion ??= { strategy: "None" };
    spec.conversion.strategy ||= "None";
    const service = spec.conversion.webhook?.clientConfig?.service;
    if (service) service.port ??= 443;
  },
  prepare: ({ spec }) => loadSchemaLibraries((spec?.versions ?? []).map(({ schema }) => schema?.openAPIV3Schema)),
  prepareForCreate(definition) {
    definition.status = {};
    recordStoredVersion(definition);
  },
  prepareForUpdate(definition, old) {
    definition.status = { ...old.status };
    recordStoredVersion(definition);
  },
  prepareForStatusUpdate: resetMetadataForStatus,
  validate: validateDefinition,
  warnings: formatWarnings,
  validateCreate: validateDefinitionCreate,
  validateUpdate: validateDefinitionUpdate,
  validateStatusUpdate: validateDefinitionStatus,
  unconditionalUpdate: false,
});

/** Objects may be stored in the version that is the storage version now: it stays on record until somebody migrates them. */
function recordStoredVersion(definition: CustomResourceDefinition): void {
  const storage = definition.spec.versions?.find((version) => version.storage);
  if (!storage) return;
  const stored = definition.status?.storedVersions ?? [];
  if (!stored.includes(storage.name)) definition.status!.storedVersions = [...stored, storage.name];
}
