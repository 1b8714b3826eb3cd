import type { Node, Pod, PodSpec } from "../api/types/core.v1.ts";
import type { Snapshot } from "./framework.ts";
import { NodeInfo, podInfo } from "./node-info.ts";

/** A Ready node with 4 CPUs, 8 GiB and room for 110 pods. */
export function node(
  name: string,
  change: { spec?: Node["spec"]; labels?: Record<string, string>; allocatable?: Record<string, string> } = {},
): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, uid: `node-${name}`, labels: { "kubernetes.io/hostname": name, ...change.labels } },
    spec: change.spec ?? {},
    status: { allocatable: { cpu: "4", memory: "8Gi", pods: "110", ...change.allocatable } },
  };
}

export function pod(
  name: string,
  spec: Partial<PodSpec> & { cpu?: string; memory?: string } = {},
  labels: Record<string, string> = {},
): Pod {
  const { cpu, memory, ...rest } = spec;
  const requests = { ...(cpu ? { cpu } : {}), ...(memory ? { memory } : {}) };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", uid: `pod-${name}`, labels },
    spec: { containers: [{ name: "c", image: "app:1", resources: { requests } }], ...rest },
  };
}

/** Nodes, each with the pods that are on it. */
export function snapshot(...placed: [Node, ...Pod[]][]): Snapshot {
  const nodes = placed.map(([object, ...pods]) => {
    const info = new NodeInfo();
    info.setNode(object);
    for (const one of pods) info.add(podInfo({ ...one, spec: { ...one.spec!, nodeName: object.metadata!.name! } }));
    return info;
  });
  return {
    nodes,
    node: (name) => nodes.find((info) => info.node!.metadata!.name === name),
    claim: () => undefined,
    volume: () => undefined,
    volumesFor: () => [],
    storageClass: () => undefined,
    namespaceLabels: () => ({}),
  };
}
