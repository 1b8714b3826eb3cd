import { apiVersionOf } from "../object.ts";
import table from "./resources.json" with { type: "json" };

/** One resource of the built-in API, in one version. */
export interface ServedResource {
  readonly group: string;
  readonly version: string;
  /** The plural, as in the path. */
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string | undefined;
  readonly namespaced: boolean;
  /** Generally available; a stock server serves the other versions only when asked to. */
  readonly ga: boolean;
  readonly verbs: readonly string[];
  /** Whether a deletion answers with the object; otherwise with a Status. */
  readonly returnsDeleted: boolean;
  readonly subresources: readonly ServedSubresource[];
  /** Absent for built-in resources. */
  readonly custom?: CustomSchemas;
}
/** What the OpenAPI documents say of a custom resource, in one of its versions. */
export interface CustomSchemas {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly listKind: string;
  /** Changes with the schema. */
  readonly fingerprint: string;
  /** JSON paths, such as `.spec.color`. */
  readonly selectableFields: readonly string[];
  /** The whole definition keeps unknown fields. */
  readonly preservesUnknown: boolean;
  /** Reads the schema as it was defined, with its descriptions. */
  schema(): Record<string, unknown> | undefined;
}
export interface ServedSubresource {
  readonly name: string;
  /** What is sent and answered, with its group and version. */
  readonly kind: string;
  readonly group: string;
  readonly version: string;
  /** RBAC-style verbs. */
  readonly verbs: readonly string[];
  /** The HTTP methods (lower case) of a streaming or proxying subresource. */
  readonly connect: readonly string[];
  /** Whether a further path may follow. */
  readonly subpath: boolean;
}
export interface ServedGroup {
  readonly group: string;
  /** Best first. */
  readonly versions: readonly string[];
  readonly preferredVersion: string;
}

let resources: readonly ServedResource[] | undefined;

/** The resources of the built-in API; those that are not generally available too if `includeBeta`. */
export function servedResources(includeBeta = false): readonly ServedResource[] {
  resources ??= table.resources.map(
    (row: (typeof table.resources)[number]): ServedResource => ({
      group: row.group,
      version: row.version,
      resource: row.plural,
      singular: row.singular,
      kind: row.kind,
      listKind: row.listKind,
      namespaced: row.namespaced,
      ga: row.ga,
      verbs: row.verbs,
      returnsDeleted: row.returnsDeleted ?? false,
      subresources: (row.subresources ?? []).map((sub) => {
        const [first = "", second] = (("kindGV" in sub && sub.kindGV) || apiVersionOf(row)).split("/");
        return {
          name: sub.name,
          kind: sub.kind,
          group: second === undefined ? "" : first,
          version: second ?? first,
          verbs: sub.verbs,
          connect: ("connect" in sub && sub.connect) || [],
          subpath: ("subpath" in sub && sub.subpath) || false,
        };
      }),
    }),
  );
  return includeBeta ? resources : resources.filter((one) => one.ga);
}

/** The groups of `served`, in the table's order, each with its versions, best first. */
export function servedGroups(served: readonly { group: string; version: string }[]): ServedGroup[] {
  const present = new Set(served.map(apiVersionOf));
  return table.groups.flatMap(({ group, versions }) => {
    const kept = versions.filter((version) => present.has(apiVersionOf({ group, version })));
    return kept.length ? [{ group, versions: kept, preferredVersion: kept[0]! }] : [];
  });
}
