import type { Flags } from "../base/flags.ts";
import { leaderElectionFlags } from "../client/leader-election-flags.ts";

/** The flags of kube-scheduler, as upstream names them. */
export const schedulerFlags = {
  kubeconfig: { kind: "string", required: true, description: "the kubeconfig to reach the API server with" },
  ...leaderElectionFlags("kube-scheduler"),
} as const satisfies Flags;
