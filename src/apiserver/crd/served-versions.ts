import type { UnknownObject } from "../../api/object.ts";
import type { ResourceDefinition } from "../../api/resource-definition.ts";
import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from "../../api/types/apiextensions.v1.ts";
import { comparePrecedence } from "../../api/version-precedence.ts";
import type { Registry } from "../registry.ts";
import { type CustomServing, ServedResource, type Subresource } from "../served-resource.ts";
import type { CustomVersion } from "./custom-version.ts";

const VERBS = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
/** What others are told to do with instances that are going away. */
const VERBS_WHILE_TERMINATING = ["delete", "deletecollection", "get", "list", "watch"];
const PART_VERBS = ["get", "patch", "update"];

/** One version of a definition, as far as it is served or stored. */
export interface VersionParts {
  readonly version: CustomResourceDefinitionVersion;
  readonly custom: CustomVersion;
  readonly definition: ResourceDefinition;
  /** The engine of this version. */
  open(): Registry;
  prepare(): Promise<void> | undefined;
  /** See CustomServing.convert. */
  convert(object: UnknownObject): UnknownObject | Promise<UnknownObject>;
}

/** The resources that a definition serves: one for each served version, the best first. */
export function servedVersions(definition: CustomResourceDefinition, parts: readonly VersionParts[]): ServedResource[] {
  const { spec, status } = definition;
  const storageVersion = spec.versions.find(({ storage }) => storage)?.name ?? "";
  const terminating = status?.conditions?.some((one) => one.type === "Terminating" && one.status === "True") ?? false;
  return parts
    .filter(({ version }) => version.served)
    .sort((a, b) => comparePrecedence(a.version.name, b.version.name))
    .map(({ version, custom, definition: resource, open, prepare, convert }) => {
      const serving: CustomServing = {
        listKind: status?.acceptedNames?.listKind ?? `${resource.type.kind}List`,
        storageVersion,
        warnings: deprecationWarnings(version, definition),
        described: {
          fingerprint: `${definition.metadata?.uid} ${definition.metadata?.generation}`,
          selectableFields: (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath),
          preservesUnknown: custom.preservesUnknown,
          schema: () => custom.source,
        },
        get schema() {
          return custom.type;
        },
        coerce: (object: UnknownObject, unknown: string[] | undefined) =>
          custom.coerce(object, unknown ? { lenient: false, unknown } : { lenient: false }),
        ...(terminating ? { listedVerbs: VERBS_WHILE_TERMINATING } : {}),
        prepare,
        convert,
      };
      return new ServedResource({
        type: resource.type,
        definition: resource,
        custom: serving,
        isStorageVersion: version.storage,
        verbs: VERBS,
        subresources: subresourcesOf(version, resource.type),
        open,
      });
    });
}

function subresourcesOf(
  { subresources }: CustomResourceDefinitionVersion,
  kind: { group: string; version: string; kind: string },
): Subresource[] {
  const served: Subresource[] = [];
  const { group, version } = kind;
  if (subresources?.status) {
    const own = { group, version, kind: kind.kind };
    served.push({ name: "status", kind: own, verbs: PART_VERBS, methods: [], role: "part" });
  }
  if (subresources?.scale) {
    const scale = { group: "autoscaling", version: "v1", kind: "Scale" };
    served.push({ name: "scale", kind: scale, verbs: PART_VERBS, methods: [], role: "scale" });
  }
  return served;
}

/** What clients of a deprecated version are told: the definition's own words, or the version to use instead. */
function deprecationWarnings(
  { name, deprecated, deprecationWarning }: CustomResourceDefinitionVersion,
  { spec }: CustomResourceDefinition,
): string[] {
  if (!deprecated) return [];
  if (deprecationWarning !== undefined && deprecationWarning !== null) return [deprecationWarning];
  const { group, names } = spec;
  const text = `${group}/${name} ${names.kind} is deprecated`;
  const [better] = spec.versions
    .filter((version) => version.served && !version.deprecated && comparePrecedence(version.name, name) < 0)
    .map((version) => version.name)
    .sort(comparePrecedence);
  return [better === undefined ? text : `${text}; use ${group}/${better} ${names.kind}`];
}
