import { parseApiVersion, type ResourceType } from "../api/object.ts";
import type { APIGroupList, APIResourceList, APIVersions } from "../api/types/meta.v1.ts";
import type { Client } from "../client/client.ts";

/** A resource as the server serves it, in the version that it prefers. */
export interface DiscoveredResource extends ResourceType {
  readonly verbs: readonly string[];
}

export interface Discovery {
  readonly resources: readonly DiscoveredResource[];
  /** The group versions that could not be asked, with the reason. */
  readonly failures: ReadonlyMap<string, unknown>;
}

/**
 * What the server serves, each resource once: in its group's preferred version, or the first that has it. Groups whose
 * server is away are told apart, so that what is known can be worked on. Rejects where nothing can be learnt at all.
 */
export async function discover(client: Client, signal?: AbortSignal): Promise<Discovery> {
  const options = signal ? { signal } : {};
  const [core, named] = await Promise.all([
    client.raw<APIVersions>("/api", options),
    client.raw<APIGroupList>("/apis", options),
  ]);
  const groups = [
    core.versions.map((version) => version),
    ...named.groups.map(({ versions, preferredVersion }) =>
      // A stable sort: the preferred one first, the others as they are.
      versions
        .map(({ groupVersion }) => groupVersion)
        .sort((a, b) => Number(b === preferredVersion?.groupVersion) - Number(a === preferredVersion?.groupVersion)),
    ),
  ];
  const failures = new Map<string, unknown>();
  const list = async (groupVersion: string): Promise<APIResourceList | undefined> => {
    const { group } = parseApiVersion(groupVersion);
    try {
      return await client.raw<APIResourceList>(`/${group === "" ? "api" : "apis"}/${groupVersion}`, options);
    } catch (error) {
      signal?.throwIfAborted();
      failures.set(groupVersion, error);
      return undefined;
    }
  };
  const resources: DiscoveredResource[] = [];
  const perGroup = await Promise.all(groups.map((versions) => Promise.all(versions.map(list))));
  for (const lists of perGroup) {
    const seen = new Set<string>();
    for (const one of lists) {
      if (!one) continue;
      const { group, version } = parseApiVersion(one.groupVersion);
      for (const { name, kind, namespaced, verbs } of one.resources) {
        if (name.includes("/") || seen.has(name)) continue;
        seen.add(name);
        resources.push({ group, version, resource: name, kind, namespaced, verbs });
      }
    }
  }
  return { resources, failures };
}
