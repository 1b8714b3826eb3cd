import { join } from "node:path";
import type { StorePlace } from "../apiserver/store-flags.ts";
import type { Machine } from "../base/machine.ts";
import { type AddressPlan, addressPlan, nodeAddresses } from "./addresses.ts";
import { type ClusterCertificates, clusterCertificates } from "./certificates.ts";
import { type Layout, layout } from "./layout.ts";
import { namespacePath, primaryAddress } from "./network/node-network.ts";
import { type BackgroundProcesses, backgroundProcesses } from "./processes.ts";
import type { ClusterRecord } from "./record.ts";

/** One cluster of this machine, as its record describes it: all that the commands and the processes derive from it. */
export interface Cluster {
  readonly record: ClusterRecord;
  readonly layout: Layout;
  readonly plan: AddressPlan;
  readonly processes: BackgroundProcesses;
  /** The node's name and address, its share of the pod range, and the network namespace it lives in (none on the host). */
  readonly node: {
    readonly name: string;
    readonly address: string;
    readonly podCidr: string;
    readonly namespace?: string;
  };
  /** Where clients of this machine, and the nodes, reach the API. */
  readonly serverForHost: string;
  readonly serverForNodes: string;
  /** The addresses that the API listens on. */
  readonly apiAddresses: readonly string[];
  /** The name of the kubeconfig's context. */
  readonly context: string;
  /** Where the API's objects are. */
  readonly store: StorePlace;
  logFile(process: string): string;
  certificates(): Promise<ClusterCertificates>;
}

export const CLUSTER_DOMAIN = "cluster.local";
/** Where DNS listens on the node; the Service maps 53 to it, so that a resolver of the host's is not in the way. */
export const DNS_PORT = 10053;

/** `hostAddress` is needed for a node on the host; see `openCluster`. */
export function cluster(machine: Machine, record: ClusterRecord, hostAddress: string | undefined): Cluster {
  const plan = addressPlan(record.slot);
  const place = layout(record.name, record.dataDir);
  const inside = nodeAddresses(plan, 0);
  const address = record.onHost ? hostAddress! : inside.address;
  const apiAddress = record.onHost ? hostAddress! : plan.hostAddress;
  return {
    record,
    layout: place,
    plan,
    processes: backgroundProcesses(machine, place.run),
    node: {
      name: record.name === "default" ? "knarr" : `knarr-${record.name}`,
      address,
      podCidr: inside.podCidr,
      ...(record.onHost ? {} : { namespace: namespacePath(record.name, 0) }),
    },
    serverForHost: `https://127.0.0.1:${record.apiPort}`,
    serverForNodes: `https://${apiAddress}:${record.apiPort}`,
    apiAddresses: ["127.0.0.1", apiAddress],
    context: `knarr-${record.name}`,
    store: record.etcd ?? { directory: place.store },
    logFile: (process) => join(place.logs, `${process}.log`),
    certificates: () =>
      clusterCertificates({
        files: machine.files,
        clock: machine.clock,
        directory: place.pki,
        serverNames: {
          dnsNames: [
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            `kubernetes.default.svc.${CLUSTER_DOMAIN}`,
          ],
          ipAddresses: ["127.0.0.1", apiAddress, plan.apiServiceAddress],
        },
      }),
  };
}

/** The cluster of a record; for one on the host its address is looked up. */
export async function openCluster(machine: Machine, record: ClusterRecord): Promise<Cluster> {
  const address = record.onHost ? await primaryAddress(machine.exec) : undefined;
  if (record.onHost && !address)
    throw new Error("this host has no IPv4 address besides loopback, which --on-host needs");
  return cluster(machine, record, address);
}
