import { jsonEqual } from "../../api/json-equal.ts";
import type { KubeObject, ResourceType } from "../../api/object.ts";
import { endpointSlices, endpoints, services } from "../../api/resource-types.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../../api/status-error.ts";
import type { Endpoints, Service } from "../../api/types/core.v1.ts";
import type { EndpointSlice } from "../../api/types/discovery.v1.ts";
import { familyOf } from "../../base/ip-range.ts";
import type { Client, ResourceClient } from "../../client/client.ts";
import type { MasterLeases } from "./master-leases.ts";

/** Where pods find the API server: the Service `kubernetes` in the namespace `default`. */
export interface KubernetesServiceOptions {
  /** The first address of the Service range. */
  clusterIp: string;
  /** Where this server listens for the cluster. All servers listen on the same port. */
  advertiseAddress: string;
  securePort: number;
}

const NAME = "kubernetes";
const NAMESPACE = "default";
const SERVICE_PORT = 443;

/**
 * Puts the Service and its endpoints in place, and right where somebody changed them, as upstream's lease reconciler:
 * its endpoints are the servers that are alive. Run it at the start and now and then.
 */
export async function reconcileKubernetesService(
  client: Client,
  masters: MasterLeases,
  options: KubernetesServiceOptions,
): Promise<void> {
  await masters.renew(options.advertiseAddress);
  await ensure(client.resource(services), wantedService(options), (present, wanted) => ({
    ...present,
    metadata: { ...present.metadata, labels: { ...present.metadata?.labels, ...wanted.metadata?.labels } },
    spec: { ...present.spec, ports: wanted.spec!.ports, type: "ClusterIP", sessionAffinity: "None" },
  }));
  await reconcileEndpoints(client, masters, options);
}

/** Takes this server out of the endpoints when it stops. The last one stays, for those who wait for it to come back. */
export async function leaveKubernetesService(
  client: Client,
  masters: MasterLeases,
  options: KubernetesServiceOptions,
): Promise<void> {
  await masters.remove(options.advertiseAddress);
  await reconcileEndpoints(client, masters, options);
}

async function reconcileEndpoints(
  client: Client,
  masters: MasterLeases,
  { advertiseAddress, securePort }: KubernetesServiceOptions,
): Promise<void> {
  const family = familyOf(advertiseAddress) ?? "IPv4";
  const alive = (await masters.list()).filter((address) => familyOf(address) === family);
  if (alive.length === 0) return;
  const slice: EndpointSlice = {
    metadata: { name: NAME, namespace: NAMESPACE, labels: { "kubernetes.io/service-name": NAME } },
    addressType: family,
    endpoints: alive.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: "https", port: securePort, protocol: "TCP" }],
  };
  await ensure(client.resource(endpointSlices), slice, (present, wanted) => ({
    ...present,
    metadata: { ...present.metadata, labels: { ...present.metadata?.labels, ...wanted.metadata?.labels } },
    endpoints: wanted.endpoints,
    ports: wanted.ports,
  }));
  const addresses: Endpoints = {
    metadata: { name: NAME, namespace: NAMESPACE, labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
    subsets: [
      {
        addresses: alive.map((ip) => ({ ip })),
        ports: [{ name: "https", port: securePort, protocol: "TCP" }],
      },
    ],
  };
  await ensure(client.resource(endpoints as ResourceType<Endpoints>), addresses, (present, wanted) => ({
    ...present,
    metadata: { ...present.metadata, labels: { ...present.metadata?.labels, ...wanted.metadata?.labels } },
    subsets: wanted.subsets,
  }));
}

function wantedService({ clusterIp, securePort }: KubernetesServiceOptions): Service {
  return {
    metadata: { name: NAME, namespace: NAMESPACE, labels: { component: "apiserver", provider: "kubernetes" } },
    spec: {
      type: "ClusterIP",
      clusterIP: clusterIp,
      clusterIPs: [clusterIp],
      ports: [{ name: "https", port: SERVICE_PORT, protocol: "TCP", targetPort: securePort }],
      sessionAffinity: "None",
    },
  };
}

/** Creates what is missing, and updates what `adjust` changes. Another server may be at the same. */
async function ensure<T extends KubeObject>(
  resource: ResourceClient<T>,
  wanted: T,
  adjust: (present: T, wanted: T) => T,
): Promise<void> {
  let present: T;
  try {
    present = await resource.get(NAME, NAMESPACE);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    try {
      await resource.create(wanted);
    } catch (failure) {
      if (!isAlreadyExists(failure)) throw failure;
    }
    return;
  }
  const adjusted = adjust(present, wanted);
  if (jsonEqual(adjusted, present)) return;
  try {
    await resource.update(adjusted);
  } catch (error) {
    // Looked at again the next time.
    if (!isConflict(error)) throw error;
  }
}
