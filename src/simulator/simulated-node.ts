import type { Node } from "../api/types/core.v1.ts";
import { MOST_SIMULATED_NODES } from "./most-nodes.ts";
import { SIMULATED_NODE } from "./simulator.ts";

export interface NodeShape {
  readonly name: string;
  /** Which of the cluster's nodes it is, from 0: its addresses come from it. */
  readonly index: number;
  /** Default: 32 CPUs, 256 GiB of memory, 110 pods, 200 GiB of ephemeral storage. */
  readonly capacity?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly taints?: NonNullable<Node["spec"]>["taints"];
  readonly kubeletPort?: number;
}

const CAPACITY = { cpu: "32", memory: "256Gi", "ephemeral-storage": "200Gi", pods: "110" };

/** A node as its kubelet would register it. Its address is in 172.16.0.0/12, its pods' range a /24 of 10.0.0.0/8. */
export function simulatedNode(shape: NodeShape): Node {
  const { name, index } = shape;
  if (index >= MOST_SIMULATED_NODES)
    throw new RangeError(`there can be ${MOST_SIMULATED_NODES} simulated nodes at most`);
  const [high, low] = [Math.floor(index / 256), index % 256];
  const podCidr = `10.${high}.${low}.0/24`;
  const capacity = { ...CAPACITY, ...shape.capacity };
  const address = `172.${16 + Math.floor((index + 1) / 65_536)}.${Math.floor((index + 1) / 256) % 256}.${(index + 1) % 256}`;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        ...shape.labels,
      },
      annotations: { [SIMULATED_NODE.key]: SIMULATED_NODE.value, ...shape.annotations },
    },
    spec: { podCIDR: podCidr, podCIDRs: [podCidr], ...(shape.taints ? { taints: shape.taints } : {}) },
    status: {
      capacity,
      allocatable: capacity,
      addresses: [
        { type: "InternalIP", address },
        { type: "Hostname", address: name },
      ],
      nodeInfo: {
        architecture: "amd64",
        operatingSystem: "linux",
        bootID: "",
        machineID: "",
        systemUUID: "",
        kernelVersion: "simulated",
        osImage: "simulated",
        containerRuntimeVersion: "simulated://1",
        kubeletVersion: "v1.36.0",
        kubeProxyVersion: "v1.36.0",
      },
      ...(shape.kubeletPort ? { daemonEndpoints: { kubeletEndpoint: { Port: shape.kubeletPort } } } : {}),
    },
  };
}
