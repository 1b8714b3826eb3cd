import { nodes } from "../../api/resource-types.ts";
import { internalError, notFound } from "../../api/status-error.ts";
import type { Node } from "../../api/types/core.v1.ts";
import type { Network } from "../../base/network.ts";
import type { Lookup } from "../lookup.ts";
import type { ProxyTarget } from "./forward.ts";

/** How this server talks to kubelets. */
export interface KubeletClientOptions {
  /** PEM: who the server is to a kubelet. */
  certificate: string | Buffer;
  key: string | Buffer;
  /** PEM of the CA that kubelets' certificates are checked against. Absent: they are not checked, as upstream does. */
  ca?: string | Buffer;
  /** Which of a node's addresses is taken. Default: InternalIP, ExternalIP, Hostname. */
  addressTypes?: readonly string[];
}

export interface ProxyServices {
  readonly network: Pick<Network, "http" | "https">;
  readonly lookup: Lookup;
  readonly kubelets: KubeletClientOptions;
}

/** kubeadm's --kubelet-preferred-address-types, with the address first that needs no name resolution. */
const ADDRESS_TYPES = ["InternalIP", "ExternalIP", "Hostname"];
/** The kubelet's own port, where a node does not say. */
const KUBELET_PORT = 10250;

/** A request to the kubelet of a node. Throws a 404 for an unknown node. */
export async function kubeletTarget(
  { lookup, kubelets }: ProxyServices,
  nodeName: string,
  path: string,
  method: string,
  port?: number,
): Promise<ProxyTarget> {
  const node = await lookup.get(nodes, nodeName, undefined, { fresh: true });
  if (!node) throw notFound({ resource: "nodes" }, nodeName);
  return {
    protocol: "https",
    host: addressOf(node, kubelets.addressTypes ?? ADDRESS_TYPES),
    port: port ?? node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? KUBELET_PORT,
    path,
    method,
    tls: { cert: kubelets.certificate, key: kubelets.key, ca: kubelets.ca, verify: kubelets.ca !== undefined },
  };
}

function addressOf(node: Node, types: readonly string[]): string {
  for (const wanted of types) {
    const found = node.status?.addresses?.find(({ type }) => type === wanted);
    if (found?.address) return found.address;
  }
  throw internalError(new Error(`no preferred addresses found; known addresses: ${knownAddresses(node)}`));
}

const knownAddresses = (node: Node) =>
  `[${(node.status?.addresses ?? []).map(({ type, address }) => `{${type} ${address}}`).join(" ")}]`;
