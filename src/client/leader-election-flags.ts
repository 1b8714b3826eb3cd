import type { Flags, FlagValues } from "../base/flags.ts";
import type { LeaderElectionOptions } from "./leader-election.ts";

/** Upstream's `--leader-elect*` flags of a component; the Lease is named after it. */
export function leaderElectionFlags(component: string) {
  return {
    "leader-elect": {
      kind: "boolean",
      default: true,
      description: "work only while holding the lease, so that several can stand by",
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
    "leader-elect-resource-name": { kind: "string", default: component, description: "the name of the lease" },
  } as const satisfies Flags;
}

type Values = FlagValues<ReturnType<typeof leaderElectionFlags>>;

/** What the flags come to. */
export function leaderElectionSettings(
  flags: Values,
): Required<
  Pick<LeaderElectionOptions, "namespace" | "name" | "leaseDurationMs" | "renewDeadlineMs" | "retryPeriodMs">
> {
  return {
    namespace: flags["leader-elect-resource-namespace"],
    name: flags["leader-elect-resource-name"],
    leaseDurationMs: flags["leader-elect-lease-duration"],
    renewDeadlineMs: flags["leader-elect-renew-deadline"],
    retryPeriodMs: flags["leader-elect-retry-period"],
  };
}
