import { endpointSlices, services } from "../../api/resource-types.ts";
import type { Service, ServicePort } from "../../api/types/core.v1.ts";
import type { Random } from "../../base/random.ts";
import type { Lookup } from "../lookup.ts";

/** Where a Service is reached right now. */
export interface ServiceAddress {
  readonly host: string;
  readonly port: number;
}

/** Finds the address behind a service reference. Throws an Error in upstream's words where there is none. */
export type ServiceResolver = (namespace: string, name: string, port: number) => Promise<ServiceAddress>;

/**
 * How the server's own calls (to webhooks, to aggregated servers) get to a Service, upstream's
 * --enable-aggregator-routing: `endpoint` goes straight to a ready endpoint and needs a route to the pods, `cluster-ip`
 * leaves the choice to kube-proxy.
 */
export type ServiceRouting = "endpoint" | "cluster-ip";

/** A resolver that reads Services and EndpointSlices from the server's own memory. */
export function serviceResolver(options: {
  lookup: Lookup;
  random: Random;
  routing?: ServiceRouting;
}): ServiceResolver {
  const { lookup, random, routing = "endpoint" } = options;
  return async (namespace, name, port) => {
    const service =
      (await lookup.get(services, name, namespace)) ?? (await lookup.get(services, name, namespace, { fresh: true }));
    if (!service) throw new Error(`service ${JSON.stringify(name)} not found`);
    const { type = "ClusterIP", clusterIP, externalName } = service.spec ?? {};
    if (type === "ExternalName") {
      if (routing === "cluster-ip" && externalName) return { host: externalName, port };
      throw new Error(`unsupported service type ${JSON.stringify(type)}`);
    }
    const wanted = portOf(service, port);
    if (routing === "endpoint") return endpointOf(service, wanted, lookup, random);
    if (!clusterIP || clusterIP === "None") throw new Error('cannot route to service with ClusterIP "None"');
    return { host: clusterIP, port: wanted.port };
  };
}

function portOf(service: Service, port: number): ServicePort {
  const found = service.spec?.ports?.find((one) => one.port === port);
  if (!found) throw new Error(`no service port ${port} found for service ${JSON.stringify(service.metadata?.name)}`);
  return found;
}

async function endpointOf(
  service: Service,
  port: ServicePort,
  lookup: Lookup,
  random: Random,
): Promise<ServiceAddress> {
  const { name = "", namespace = "" } = service.metadata ?? {};
  const slices = await lookup.list(endpointSlices, { namespace });
  const candidates: ServiceAddress[] = [];
  for (const { metadata, endpoints, ports } of slices) {
    if (metadata?.labels?.["kubernetes.io/service-name"] !== name) continue;
    const number = ports?.find((one) => (one.name ?? "") === (port.name ?? ""))?.port;
    if (!number) continue;
    for (const { addresses, conditions } of endpoints ?? []) {
      if (conditions?.ready === false || !addresses[0]) continue;
      candidates.push({ host: addresses[0], port: number });
    }
  }
  const chosen = candidates[Math.floor(random.next() * candidates.length)];
  if (!chosen) throw new Error(`no endpoints available for service ${JSON.stringify(name)}`);
  return chosen;
}
