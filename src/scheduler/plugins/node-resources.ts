import { MAX_SCORE, type Plugin } from "../framework.ts";
import { type NodeInfo, type PodInfo, requestOrDefault } from "../node-info.ts";

/** The pod must fit into what the node's other pods leave of its allocatable resources; emptier nodes score higher. */
export const nodeResourcesFit: Plugin = {
  name: "NodeResourcesFit",
  filter(pod, node) {
    const missing = missingResources(pod, node);
    if (missing.length === 0) return undefined;
    const never = missing.some((name) => name !== "pods" && (pod.requests[name] ?? 0) > (node.allocatable[name] ?? 0));
    return {
      plugin: "NodeResourcesFit",
      reasons: missing.map((name) => (name === "pods" ? "Too many pods" : `Insufficient ${name}`)),
      ...(never ? { unresolvable: true } : {}),
    };
  },
  score: (pod, nodes) =>
    nodes.map((node) => {
      const [cpu, memory] = fractions(pod, node);
      const free = (used: number) => (used > 1 ? 0 : Math.trunc((1 - used) * MAX_SCORE));
      return Math.trunc((free(cpu) + free(memory)) / 2);
    }),
  wakes(pod, event) {
    if (event.kind === "pod-updated") return event.pod.metadata?.uid === pod.metadata?.uid;
    return event.kind !== "pod-added" && event.kind !== "volume-changed";
  },
};

/** Nodes whose CPU and memory would be used to the same degree score higher. */
export const nodeResourcesBalancedAllocation: Plugin = {
  name: "NodeResourcesBalancedAllocation",
  score: (pod, nodes) =>
    nodes.map((node) => {
      const [cpu, memory] = fractions(pod, node).map((fraction) => Math.min(1, fraction)) as [number, number];
      return Math.trunc((1 - Math.abs(cpu - memory) / 2) * MAX_SCORE);
    }),
};

function missingResources(pod: PodInfo, node: NodeInfo): string[] {
  const missing: string[] = [];
  if (node.allocatable.pods !== undefined && node.pods.size + 1 > node.allocatable.pods) missing.push("pods");
  for (const [name, wanted] of Object.entries(pod.requests)) {
    if (wanted > 0 && wanted > (node.allocatable[name] ?? 0) - (node.requested[name] ?? 0)) missing.push(name);
  }
  return missing;
}

/** How much of the node's CPU and memory would be in use with the pod on it. */
function fractions(pod: PodInfo, node: NodeInfo): [number, number] {
  const own = requestOrDefault(pod);
  const share = (used: number, all: number | undefined) => (all ? used / all : 1);
  return [
    share(node.requestedOrDefault.cpu + own.cpu, node.allocatable.cpu),
    share(node.requestedOrDefault.memory + own.memory, node.allocatable.memory),
  ];
}
