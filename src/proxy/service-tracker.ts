import type { KubeObject } from "../api/object.ts";
import type { Service } from "../api/types/core.v1.ts";
import type { Endpoint, EndpointSlice } from "../api/types/discovery.v1.ts";

/** `ipv4:port` of one backend. */
export interface Backend {
  readonly address: string;
  readonly port: number;
}

/** An address and port that clients connect to, and where these connections go. */
export interface Frontend {
  /** The destination address; undefined for a node port, which is served on each of the node's addresses. */
  readonly address: string | undefined;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly port: number;
  /** In a stable order, so that an unchanged Service yields an equal front end. */
  readonly backends: readonly Backend[];
  /** Whether clients outside the cluster must be masqueraded, so that the answer comes back through this node. */
  readonly masquerade: "never" | "off-cluster" | "always";
  /** What happens without backends: refuse, or drop where a Local policy leaves other nodes to answer. */
  readonly withoutBackends: "reject" | "drop";
  /** Seconds that a client sticks to a backend; 0 for no affinity. */
  readonly affinitySeconds: number;
}

const DEFAULT_AFFINITY_SECONDS = 10_800;

const NOT_OURS = ["service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"];

/** False for Services and EndpointSlices that are labelled, whatever the value, as another proxy's or as headless. */
export function isOurs({ metadata }: KubeObject): boolean {
  const labels = metadata?.labels ?? {};
  return !NOT_OURS.some((label) => label in labels);
}

/**
 * The front ends of one Service on the node `nodeName`, following upstream's proxy: cluster IPs, external and load balancer
 * addresses and node ports; traffic policies; ready endpoints, or else those that still serve while terminating. IPv4 only.
 */
export function frontends(service: Service, slices: readonly EndpointSlice[], nodeName: string): Frontend[] {
  const spec = service.spec;
  if (!spec || spec.type === "ExternalName" || spec.clusterIP === "None" || !spec.clusterIP) return [];
  if (!isOurs(service)) return [];
  const affinitySeconds =
    spec.sessionAffinity === "ClientIP"
      ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS)
      : 0;
  const externalLocal = spec.externalTrafficPolicy === "Local";
  const internalLocal = spec.internalTrafficPolicy === "Local";
  const result: Frontend[] = [];
  for (const port of spec.ports ?? []) {
    const protocol = (port.protocol ?? "TCP").toLowerCase() as Frontend["protocol"];
    const everywhere = backends(slices, port.name, protocol);
    const here = backends(slices, port.name, protocol, nodeName);
    const internal = internalLocal ? here : everywhere;
    const external = externalLocal ? here : everywhere;
    for (const address of ipv4(spec.clusterIPs ?? [spec.clusterIP])) {
      result.push({
        address,
        protocol,
        port: port.port,
        backends: internal,
        masquerade: internalLocal ? "never" : "off-cluster",
        withoutBackends: internalLocal && everywhere.length > 0 ? "drop" : "reject",
        affinitySeconds,
      });
    }
    const outside = {
      protocol,
      backends: external,
      masquerade: externalLocal ? "never" : "always",
      withoutBackends: externalLocal && everywhere.length > 0 ? "drop" : "reject",
      affinitySeconds,
    } as const;
    const ingress = (service.status?.loadBalancer?.ingress ?? []).filter((entry) => (entry.ipMode ?? "VIP") === "VIP");
    for (const address of ipv4([...(spec.externalIPs ?? []), ...ingress.flatMap((entry) => entry.ip ?? [])])) {
      result.push({ ...outside, address, port: port.port });
    }
    if (port.nodePort) result.push({ ...outside, address: undefined, port: port.nodePort });
  }
  return result;
}

function backends(
  slices: readonly EndpointSlice[],
  portName: string | undefined,
  protocol: string,
  nodeName?: string,
): Backend[] {
  const collect = (usable: (endpoint: Endpoint) => boolean) => {
    const found = new Map<string, Backend>();
    for (const slice of slices) {
      if (slice.addressType !== "IPv4") continue;
      for (const { name, port, protocol: portProtocol } of slice.ports ?? []) {
        if (
          (name ?? "") !== (portName ?? "") ||
          (portProtocol ?? "TCP").toLowerCase() !== protocol ||
          port === undefined
        )
          continue;
        for (const endpoint of slice.endpoints ?? []) {
          if ((nodeName !== undefined && endpoint.nodeName !== nodeName) || !usable(endpoint)) continue;
          const address = endpoint.addresses[0]!;
          found.set(`${address}:${port}`, { address, port });
        }
      }
    }
    return [...found].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, backend]) => backend);
  };
  const ready = collect(({ conditions }) => conditions?.ready !== false);
  return ready.length > 0
    ? ready
    : collect(({ conditions }) => conditions?.serving === true && conditions.terminating === true);
}

const ipv4 = (addresses: readonly string[]) =>
  addresses.filter((address) => !address.includes(":") && address !== "None");
