import type { Flags } from "../base/flags.ts";

/** The flags of `knarr node simulate`. */
export const simulatorFlags = {
  kubeconfig: { kind: "string", required: true, description: "how to reach the API server, as one who may add nodes" },
  nodes: { kind: "integer", default: 1, description: "how many nodes to add and play" },
  "name-prefix": {
    kind: "string",
    default: "simulated-",
    description: "what the nodes' names begin with; a number follows",
  },
  cpu: { kind: "string", default: "32", description: "the CPUs of each node, as a quantity" },
  memory: { kind: "string", default: "256Gi", description: "the memory of each node, as a quantity" },
  pods: { kind: "integer", default: 110, description: "how many pods each node takes" },
  labels: { kind: "list", description: "labels of the nodes, as key=value" },
  lives: {
    kind: "string",
    default: "realistic",
    description: 'how nodes and pods live: "realistic", with delays, or "fast"',
  },
  stages: {
    kind: "list",
    description:
      "files of kwok Stages (kwok.x-k8s.io/v1alpha1) that take the place of ours for the kinds they are about",
  },
  "node-lease-duration-seconds": {
    kind: "integer",
    default: 40,
    description: "of the nodes' leases; 0: none are kept",
  },
  "manage-all": {
    kind: "boolean",
    default: false,
    description: "play every node annotated kwok.x-k8s.io/node=fake, not only those added here",
  },
  keep: { kind: "boolean", default: false, description: "leave the nodes in the cluster at the end" },
} as const satisfies Flags;
