import { parseApiVersion, type UnknownObject } from "../../api/object.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { CrossVersionObjectReference } from "../../api/types/autoscaling.v2.ts";
import type { Clock } from "../../base/clock.ts";
import type { Client } from "../../client/client.ts";
import { type DiscoveredResource, type Discovery, discover } from "../discovery.ts";

/** autoscaling/v1's Scale, which the scale subresource of any kind is. */
export interface Scale extends UnknownObject {
  spec?: { replicas?: number };
  status?: { replicas: number; selector?: string };
}

export interface ScaleTarget {
  readonly resource: DiscoveredResource;
  readonly scale: Scale;
}

/** Finds the resources of kinds, and the scales of objects. */
export interface ScaleTargets {
  /** Rejects with upstream's words where the kind is not served. */
  resourceOf(reference: CrossVersionObjectReference, signal: AbortSignal): Promise<DiscoveredResource>;
  get(reference: CrossVersionObjectReference, namespace: string, signal: AbortSignal): Promise<ScaleTarget>;
  setReplicas(target: ScaleTarget, replicas: number, signal: AbortSignal): Promise<void>;
}

/** What the server serves is asked for again no sooner than after so long. */
const DISCOVERY_HOLDS_MS = 30_000;

export function scaleTargets(client: Client, clock: Clock): ScaleTargets {
  let known: { discovery: Promise<Discovery>; at: number } | undefined;
  const find = async ({ apiVersion = "", kind }: CrossVersionObjectReference) => {
    const { group } = parseGroup(apiVersion);
    const { resources, failures } = await known!.discovery;
    return { group, failures, resource: resources.find((one) => one.group === group && one.kind === kind) };
  };
  /** Asks anew, unless that was done just now. */
  const refresh = (): boolean => {
    if (known && clock.monotonic() < known.at + DISCOVERY_HOLDS_MS) return false;
    const discovery = discover(client);
    const asked = { discovery, at: clock.monotonic() };
    known = asked;
    discovery.catch(() => {
      if (known === asked) known = undefined;
    });
    return true;
  };
  const resourceOf: ScaleTargets["resourceOf"] = async (reference, signal) => {
    parseGroup(reference.apiVersion ?? "");
    if (!known) refresh();
    let found = await find(reference);
    if (!found.resource && refresh()) found = await find(reference);
    signal.throwIfAborted();
    if (found.resource) return found.resource;
    for (const [groupVersion, failure] of found.failures) {
      if (parseApiVersion(groupVersion).group === found.group) throw failure;
    }
    throw new Error(`no matches for kind ${JSON.stringify(reference.kind)} in group ${JSON.stringify(found.group)}`);
  };
  return {
    resourceOf,
    async get(reference, namespace, signal) {
      const resource = await resourceOf(reference, signal);
      try {
        const scale = await client
          .resource(resource)
          .getSubresource<Scale>(reference.name, namespace, "scale", { signal });
        return { resource, scale };
      } catch (error) {
        // The object may be away, or its kind served in another version by now.
        if (isNotFound(error)) refresh();
        throw error;
      }
    },
    async setReplicas({ resource, scale }, replicas, signal) {
      const { name = "", namespace } = scale.metadata ?? {};
      const wanted = { ...scale, spec: { ...scale.spec, replicas } };
      await client.resource(resource).updateSubresource(name, namespace, "scale", wanted, { signal });
    },
  };
}

function parseGroup(apiVersion: string): { group: string } {
  if (apiVersion.split("/").length > 2) throw new Error(`unexpected GroupVersion string: ${apiVersion}`);
  return apiVersion === "" ? { group: "" } : parseApiVersion(apiVersion);
}
