import type { Flags } from "../base/flags.ts";
import { defaultSettings } from "./settings.ts";

/** The flags of kube-controller-manager, as upstream names them. */
export const controllerManagerFlags = {
  kubeconfig: { kind: "string", required: true, description: "the kubeconfig to reach the API server with" },
  controllers: {
    kind: "list",
    default: ["*"],
    description: "which to run: * for all, NAME to add one, -NAME to leave one out",
  },
  "root-ca-file": { kind: "string", description: "the authority that every namespace's kube-root-ca.crt holds (PEM)" },
  "use-service-account-credentials": {
    kind: "boolean",
    default: false,
    description: "let each controller act as its own ServiceAccount, by impersonation",
  },
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
  "leader-elect-resource-name": {
    kind: "string",
    default: "kube-controller-manager",
    description: "the name of the lease",
  },
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
  "max-endpoints-per-slice": {
    kind: "integer",
    default: defaultSettings.maxEndpointsPerSlice,
    description: "endpoints per slice",
  },
} as const satisfies Flags;
