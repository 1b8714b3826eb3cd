import type { IpRange } from "../base/ip-range.ts";
import type { NodeRange } from "./node-ipam/ranges.ts";

/** What upstream's kube-controller-manager has flags for. */
export interface ControllerSettings {
  /** The cluster's authority as PEM, for kube-root-ca.crt; absent: the publisher does not run. `--root-ca-file` */
  rootCa?: string;
  /** Signs the tokens in Secrets, as PEM; absent: such Secrets are not filled. `--service-account-private-key-file` */
  serviceAccountPrivateKey?: string;
  /** Automatic tokens in Secrets that nobody used for so long are taken away. `--legacy-service-account-token-clean-up-period` */
  legacyTokenCleanUpPeriodMs: number;
  /** The authority that signs certificates, as PEM; absent: none are signed. `--cluster-signing-cert-file`, `-key-file` */
  clusterSigning?: { readonly certificate: string; readonly key: string };
  /**
   * Where nodes get their pod addresses from, beside those of Services; absent: they get none.
   * `--allocate-node-cidrs`, `--cluster-cidr`, `--node-cidr-mask-size`, `-ipv4`, `-ipv6`, `--service-cluster-ip-range`
   */
  nodeCidrs?: { readonly ranges: readonly NodeRange[]; readonly serviceRanges: readonly IpRange[] };
  /** The longest that a signed certificate holds. `--cluster-signing-duration` */
  clusterSigningDurationMs: number;
  /** How long a node may be silent before it counts as lost. `--node-monitor-grace-period` */
  nodeMonitorGracePeriodMs: number;
  /** The same for a node that has never reported. `--node-startup-grace-period` */
  nodeStartupGracePeriodMs: number;
  /** Nodes tainted NoExecute per second. `--node-eviction-rate` */
  nodeEvictionRate: number;
  /** The same in a zone of which more than the threshold is unhealthy, if it is large. `--secondary-node-eviction-rate` */
  secondaryNodeEvictionRate: number;
  /** From this many nodes on a zone is large. `--large-cluster-size-threshold` */
  largeClusterSizeThreshold: number;
  /** The share of unhealthy nodes from which on a zone counts as unhealthy. `--unhealthy-zone-threshold` */
  unhealthyZoneThreshold: number;
  /** Finished pods above this number are deleted, the oldest first; 0 keeps all. `--terminated-pod-gc-threshold` */
  terminatedPodThreshold: number;
  /** Endpoints per slice. `--max-endpoints-per-slice` */
  maxEndpointsPerSlice: number;
  /** Addresses of one subset of an Endpoints object that are mirrored. `--mirroring-max-endpoints-per-subset` */
  maxMirroredEndpointsPerSubset: number;
  /** How often each autoscaler is looked at. `--horizontal-pod-autoscaler-sync-period` */
  autoscalerSyncPeriodMs: number;
  /** No fewer replicas than were asked for within so long. `--horizontal-pod-autoscaler-downscale-stabilization` */
  autoscalerDownscaleStabilizationMs: number;
  /** The share that usage may be off its target without a change. `--horizontal-pod-autoscaler-tolerance` */
  autoscalerTolerance: number;
  /** So long after its start a pod's CPU counts only while ready. `--horizontal-pod-autoscaler-cpu-initialization-period` */
  autoscalerCpuInitializationPeriodMs: number;
  /** Unready within so long of its start: never ready. `--horizontal-pod-autoscaler-initial-readiness-delay` */
  autoscalerInitialReadinessDelayMs: number;
  /** Ask the provisioners of storage classes for volumes. `--enable-dynamic-provisioning` */
  dynamicProvisioning: boolean;
  /** Take volumes from nodes that are not healthy after 6 minutes. `--disable-force-detach-on-timeout` turns it off. */
  forceDetachOnTimeout: boolean;
  /** Reconciliations at once. `--concurrent-<kind>-syncs`; the garbage collector's is 20. */
  concurrentSyncs: number;
  concurrentGarbageCollectorSyncs: number;
  /** `--concurrent-ephemeralvolume-syncs` */
  concurrentEphemeralVolumeSyncs: number;
}

/** Upstream's defaults. */
export const defaultSettings: ControllerSettings = {
  legacyTokenCleanUpPeriodMs: 365 * 86_400_000,
  clusterSigningDurationMs: 365 * 86_400_000,
  nodeMonitorGracePeriodMs: 50_000,
  nodeStartupGracePeriodMs: 60_000,
  nodeEvictionRate: 0.1,
  secondaryNodeEvictionRate: 0.01,
  largeClusterSizeThreshold: 50,
  unhealthyZoneThreshold: 0.55,
  terminatedPodThreshold: 12_500,
  maxEndpointsPerSlice: 100,
  maxMirroredEndpointsPerSubset: 1000,
  autoscalerSyncPeriodMs: 15_000,
  autoscalerDownscaleStabilizationMs: 300_000,
  autoscalerTolerance: 0.1,
  autoscalerCpuInitializationPeriodMs: 300_000,
  autoscalerInitialReadinessDelayMs: 30_000,
  dynamicProvisioning: true,
  forceDetachOnTimeout: true,
  concurrentSyncs: 5,
  concurrentGarbageCollectorSyncs: 20,
  concurrentEphemeralVolumeSyncs: 5,
};
