import type { Flags } from "../base/flags.ts";

/** The flags of kube-proxy, as upstream names them. */
export const proxyFlags = {
  kubeconfig: { kind: "string", required: true, description: "the kubeconfig to reach the API server with" },
  "hostname-override": { kind: "string", description: "the node's name, where it is not the host's" },
  "proxy-mode": { kind: "string", default: "nftables", description: "nftables is the one there is" },
  "cluster-cidr": { kind: "string", description: "the pods' range; clients from elsewhere are masqueraded" },
  "nftables-min-sync-period": {
    kind: "duration",
    default: 0,
    description: "the least time between two applications of changes",
  },
  "healthz-bind-address": {
    kind: "string",
    default: "127.0.0.1:10256",
    description: "where /healthz and /livez answer; empty for nowhere",
  },
  cleanup: { kind: "boolean", default: false, description: "remove the rules and exit" },
} as const satisfies Flags;
