import type { Flags } from "../base/flags.ts";
import { leaderElectionFlags } from "../client/leader-election-flags.ts";
import { defaultSettings } from "./settings.ts";

/** The flags of kube-controller-manager, as upstream names them. */
export const controllerManagerFlags = {
  kubeconfig: { kind: "string", required: true, description: "the kubeconfig to reach the API server with" },
  controllers: {
    kind: "list",
    default: ["*"],
    description: "which to run: * for all that are on by default, NAME to add one, -NAME to leave one out",
  },
  "root-ca-file": { kind: "string", description: "the authority that every namespace's kube-root-ca.crt holds (PEM)" },
  "service-account-private-key-file": {
    kind: "string",
    description: "the key that signs the ServiceAccount tokens in Secrets (PEM)",
  },
  "legacy-service-account-token-clean-up-period": {
    kind: "duration",
    default: defaultSettings.legacyTokenCleanUpPeriodMs,
    description: "how long automatic tokens in Secrets are kept that nobody uses",
  },
  "allocate-node-cidrs": {
    kind: "boolean",
    default: false,
    description: "give each node a block of pod addresses of its own",
  },
  "cluster-cidr": {
    kind: "list",
    default: [],
    description: "where the blocks are from: a range, or one of each family",
  },
  "node-cidr-mask-size": { kind: "integer", description: "the size of a block (default: 24 for IPv4, 64 for IPv6)" },
  "node-cidr-mask-size-ipv4": { kind: "integer", description: "the size of an IPv4 block, in dual-stack clusters too" },
  "node-cidr-mask-size-ipv6": { kind: "integer", description: "the size of an IPv6 block, in dual-stack clusters too" },
  "service-cluster-ip-range": {
    kind: "list",
    default: [],
    description: "the addresses of Services, which are in no block",
  },
  "cluster-signing-cert-file": { kind: "string", description: "the authority that signs certificates (PEM)" },
  "cluster-signing-key-file": { kind: "string", description: "its private key (PEM)" },
  "cluster-signing-duration": {
    kind: "duration",
    default: defaultSettings.clusterSigningDurationMs,
    description: "the longest that signed certificates hold",
  },
  "use-service-account-credentials": {
    kind: "boolean",
    default: false,
    description: "let each controller act as its own ServiceAccount, by tokens of its own",
  },
  ...leaderElectionFlags("kube-controller-manager"),
  "node-monitor-grace-period": {
    kind: "duration",
    default: defaultSettings.nodeMonitorGracePeriodMs,
    description: "how long a node may be silent before it counts as lost",
  },
  "node-startup-grace-period": {
    kind: "duration",
    default: defaultSettings.nodeStartupGracePeriodMs,
    description: "the same for a node that has never reported",
  },
  "terminated-pod-gc-threshold": {
    kind: "integer",
    default: defaultSettings.terminatedPodThreshold,
    description: "finished pods above this number are deleted; 0 keeps all",
  },
  "mirroring-max-endpoints-per-subset": {
    kind: "integer",
    default: defaultSettings.maxMirroredEndpointsPerSubset,
    description: "addresses of one subset of Endpoints that are mirrored to slices",
  },
  "concurrent-ephemeralvolume-syncs": {
    kind: "integer",
    default: defaultSettings.concurrentEphemeralVolumeSyncs,
    description: "pods whose ephemeral volumes are looked after at once",
  },
  "disable-force-detach-on-timeout": {
    kind: "boolean",
    default: !defaultSettings.forceDetachOnTimeout,
    description: "never take volumes from nodes that have them mounted, however long they are silent",
  },
  "horizontal-pod-autoscaler-sync-period": {
    kind: "duration",
    default: defaultSettings.autoscalerSyncPeriodMs,
    description: "how often each autoscaler is looked at",
  },
  "horizontal-pod-autoscaler-downscale-stabilization": {
    kind: "duration",
    default: defaultSettings.autoscalerDownscaleStabilizationMs,
    description: "autoscalers leave no fewer replicas than were asked for within so long",
  },
  "horizontal-pod-autoscaler-tolerance": {
    kind: "number",
    default: defaultSettings.autoscalerTolerance,
    description: "the share that usage may be off its target before an autoscaler acts",
  },
  "horizontal-pod-autoscaler-cpu-initialization-period": {
    kind: "duration",
    default: defaultSettings.autoscalerCpuInitializationPeriodMs,
    description: "so long after its start a pod's CPU counts only while the pod is ready",
  },
  "horizontal-pod-autoscaler-initial-readiness-delay": {
    kind: "duration",
    default: defaultSettings.autoscalerInitialReadinessDelayMs,
    description: "a pod that is unready within so long of its start was never ready",
  },
  "enable-dynamic-provisioning": {
    kind: "boolean",
    default: defaultSettings.dynamicProvisioning,
    description: "ask the provisioners of storage classes for volumes",
  },
  "max-endpoints-per-slice": {
    kind: "integer",
    default: defaultSettings.maxEndpointsPerSlice,
    description: "endpoints per slice",
  },
} as const satisfies Flags;
