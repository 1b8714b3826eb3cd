import type { Flags } from "../base/flags.ts";

/** The flags of kube-scheduler, as upstream names them. */
export const schedulerFlags = {
  kubeconfig: { kind: "string", required: true, description: "the kubeconfig to reach the API server with" },
  "leader-elect": {
    kind: "boolean",
    default: true,
    description: "schedule only while holding the lease, so that several can stand by",
  },
  "leader-elect-lease-duration": {
    kind: "duration",
    default: 15_000,
    description: "how long others wait for a leader that is silent",
  },
  "leader-elect-renew-deadline": {
    kind: "duration",
    default: 10_000,
    description: "when a leader that can't renew gives up",
  },
  "leader-elect-retry-period": { kind: "duration", default: 2_000, description: "between two tries" },
  "leader-elect-resource-namespace": {
    kind: "string",
    default: "kube-system",
    description: "the namespace of the lease",
  },
  "leader-elect-resource-name": { kind: "string", default: "kube-scheduler", description: "the name of the lease" },
} as const satisfies Flags;
