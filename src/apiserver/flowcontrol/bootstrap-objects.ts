import type {
  FlowSchema,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  Subject,
} from "../../api/types/flowcontrol.v1.ts";
import { ANONYMOUS, AUTHENTICATED_GROUP } from "../authentication/union.ts";
import { MASTERS_GROUP } from "../authorization/union.ts";

/** Says whether the server may put a default object's spec right ("true"), or its operator has taken it over ("false"). */
export const AUTO_UPDATE_ANNOTATION = "apf.kubernetes.io/autoupdate-spec";
export const EXEMPT = "exempt";
export const CATCH_ALL = "catch-all";

/** The objects that fairness begins with, as upstream 1.36 has them. Mandatory ones are always kept to their spec. */
export interface BootstrapObjects<T> {
  readonly mandatory: readonly T[];
  readonly suggested: readonly T[];
}

const metadata = (name: string) => ({ name, annotations: { [AUTO_UPDATE_ANNOTATION]: "true" } });

const exemptLevel: PriorityLevelConfiguration = {
  metadata: metadata(EXEMPT),
  spec: { type: "Exempt", exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
};

/** A limited level with queues of 50 requests, or without queues. */
function level(
  name: string,
  nominalConcurrencyShares: number,
  lendablePercent: number,
  queuing?: { queues: number; handSize: number },
): PriorityLevelConfiguration {
  const limitResponse = queuing ? { type: "Queue", queuing: { ...queuing, queueLengthLimit: 50 } } : { type: "Reject" };
  return {
    metadata: metadata(name),
    spec: { type: "Limited", limited: { nominalConcurrencyShares, lendablePercent, limitResponse } },
  };
}

const SMALL = { queues: 64, handSize: 6 };
const LARGE = { queues: 128, handSize: 6 };

export const bootstrapLevels: BootstrapObjects<PriorityLevelConfiguration> = {
  mandatory: [exemptLevel, level(CATCH_ALL, 5, 0)],
  suggested: [
    level("system", 30, 33, SMALL),
    level("node-high", 40, 25, SMALL),
    level("leader-election", 10, 0, { queues: 16, handSize: 4 }),
    level("workload-high", 40, 50, LARGE),
    level("workload-low", 100, 90, LARGE),
    level("global-default", 20, 50, LARGE),
  ],
};

const groups = (...names: string[]): Subject[] => names.map((name) => ({ kind: "Group", group: { name } }));
const users = (...names: string[]): Subject[] => names.map((name) => ({ kind: "User", user: { name } }));
const KUBE_SYSTEM_ACCOUNTS: Subject[] = [
  { kind: "ServiceAccount", serviceAccount: { namespace: "kube-system", name: "*" } },
];
const EVERYONE = groups(ANONYMOUS.groups[0]!, AUTHENTICATED_GROUP);
const NODES = groups("system:nodes");
const CONTROLLER_MANAGER = "system:kube-controller-manager";
const SCHEDULER = "system:kube-scheduler";

/** All that `subjects` ask for. */
const everything = (subjects: Subject[]): PolicyRulesWithSubjects => ({
  subjects,
  resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: ["*"] }],
  nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
});

const leases = (verbs: string[]) => ({
  verbs,
  apiGroups: ["coordination.k8s.io"],
  resources: ["leases"],
  namespaces: ["*"],
});

function schema(
  name: string,
  priorityLevel: string,
  matchingPrecedence: number,
  flowsBy: "ByUser" | "ByNamespace" | undefined,
  rules: PolicyRulesWithSubjects,
): FlowSchema {
  return {
    metadata: metadata(name),
    spec: {
      priorityLevelConfiguration: { name: priorityLevel },
      matchingPrecedence,
      ...(flowsBy ? { distinguisherMethod: { type: flowsBy } } : {}),
      rules: [rules],
    },
  };
}

export const bootstrapSchemas: BootstrapObjects<FlowSchema> = {
  mandatory: [
    schema(EXEMPT, EXEMPT, 1, undefined, everything(groups(MASTERS_GROUP))),
    schema(CATCH_ALL, CATCH_ALL, 10_000, "ByUser", everything(EVERYONE)),
  ],
  suggested: [
    schema("probes", EXEMPT, 2, undefined, {
      subjects: EVERYONE,
      nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/healthz", "/readyz", "/livez"] }],
    }),
    schema("system-leader-election", "leader-election", 100, "ByUser", {
      subjects: [...users(CONTROLLER_MANAGER, SCHEDULER), ...KUBE_SYSTEM_ACCOUNTS],
      resourceRules: [leases(["get", "create", "update"])],
    }),
    schema("system-node-high", "node-high", 400, "ByUser", {
      subjects: NODES,
      resourceRules: [
        {
          verbs: ["*"],
          apiGroups: [""],
          resources: ["nodes", "nodes/status"],
          clusterScope: true,
          namespaces: ["*"],
        },
        leases(["*"]),
      ],
    }),
    schema("system-nodes", "system", 500, "ByUser", everything(NODES)),
    schema("kube-controller-manager", "workload-high", 800, "ByNamespace", everything(users(CONTROLLER_MANAGER))),
    schema("kube-scheduler", "workload-high", 800, "ByNamespace", everything(users(SCHEDULER))),
    schema("kube-system-service-accounts", "workload-high", 900, "ByNamespace", everything(KUBE_SYSTEM_ACCOUNTS)),
    schema("service-accounts", "workload-low", 9000, "ByUser", everything(groups("system:serviceaccounts"))),
    schema("global-default", "global-default", 9900, "ByUser", everything(EVERYONE)),
  ],
};
