import { createHash } from "node:crypto";
import { apiVersionOf } from "../../api/object.ts";
import type { ServedGroup } from "../../api/schema/served-resources.ts";
import type { APIGroup, APIGroupList, APIResource, APIResourceList, APIVersions } from "../../api/types/meta.v1.ts";
import type { ServedResource } from "../served-resource.ts";

/** `/api`: the versions of the core group. */
export function apiVersions(versions: readonly string[], serverAddress: string): APIVersions {
  return {
    kind: "APIVersions",
    versions: [...versions],
    serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress }],
  };
}

/** `/apis`: all named groups. */
export function apiGroupList(groups: readonly ServedGroup[]): APIGroupList {
  return { kind: "APIGroupList", apiVersion: "v1", groups: groups.map(groupEntry) };
}

/** `/apis/<group>`. */
export function apiGroup(group: ServedGroup): APIGroup {
  return { kind: "APIGroup", apiVersion: "v1", ...groupEntry(group) };
}

function groupEntry({ group, versions, preferredVersion }: ServedGroup): APIGroup {
  const entry = (version: string) => ({ groupVersion: apiVersionOf({ group, version }), version });
  return { name: group, versions: versions.map(entry), preferredVersion: entry(preferredVersion) };
}

/** `/api/v1` and `/apis/<group>/<version>`: the resources, each followed by its subresources. */
export function apiResourceList(groupVersion: string, resources: readonly ServedResource[]): APIResourceList {
  return {
    kind: "APIResourceList",
    ...(groupVersion === "v1" ? {} : { apiVersion: "v1" }),
    groupVersion,
    resources: resources.flatMap(resourceEntries),
  };
}

function resourceEntries(resource: ServedResource): APIResource[] {
  const { type, definition, listedVerbs: verbs } = resource;
  const { shortNames, categories, singular } = definition;
  const main: APIResource = {
    name: type.resource,
    singularName: singular,
    namespaced: type.namespaced,
    kind: type.kind,
    verbs: [...verbs],
    ...(shortNames?.length ? { shortNames: [...shortNames] } : {}),
    ...(categories?.length ? { categories: [...categories] } : {}),
    ...(verbs.includes("watch") ? { storageVersionHash: storageVersionHash(storedAs(resource)) } : {}),
  };
  const below = [...resource.subresources.values()].map((sub): APIResource => {
    const { group, version, kind } = sub.kind;
    const elsewhere = group !== type.group || version !== type.version;
    return {
      name: `${type.resource}/${sub.name}`,
      singularName: "",
      namespaced: type.namespaced,
      ...(elsewhere ? { group, version } : {}),
      kind,
      verbs: [...sub.verbs],
    };
  });
  return [main, ...below];
}

const storedAs = ({ definition: { type }, custom }: ServedResource) => {
  const version = custom?.storageVersion ?? TOLD[`${type.resource}.${type.group}`] ?? type.version;
  return { group: type.group, version, kind: type.kind };
};

/** Versions that upstream's hashes are of though the stable one is served: others would read the hash as a change. */
const TOLD: Readonly<Record<string, string>> = {
  "customresourcedefinitions.apiextensions.k8s.io": "v1beta1",
  "mutatingadmissionpolicies.admissionregistration.k8s.io": "v1beta1",
  "mutatingadmissionpolicybindings.admissionregistration.k8s.io": "v1beta1",
};

/** Changes when a resource is stored in another version; upstream's formula. */
function storageVersionHash({ group, version, kind }: { group: string; version: string; kind: string }): string {
  return createHash("sha256").update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString("base64");
}
