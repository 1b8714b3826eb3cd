/** How a kubelet behaves: what flags and the KubeletConfiguration come to (options.ts). Times in ms, sizes in bytes. */
export interface KubeletSettings {
  nodeName: string;
  /** The node's addresses, the primary one first. */
  nodeIps: readonly string[];
  hostname: string;
  /** The kubelet's own directory: pods, volumes, plugins. */
  rootDir: string;
  /** Where pods' logs lie, and the links to them that log collectors look for. */
  podLogsDir: string;
  containerLogsDir: string;
  /** Static pods' manifests; empty: none. */
  staticPodPath: string;
  fileCheckFrequency: number;

  registerNode: boolean;
  registerWithTaints: readonly { key: string; value?: string; effect: string }[];
  nodeLabels: Readonly<Record<string, string>>;
  providerId: string;
  nodeStatusUpdateFrequency: number;
  nodeStatusReportFrequency: number;
  nodeLeaseDurationSeconds: number;
  /** The port of the kubelet's own server, as the node's status tells it. */
  port: number;

  clusterDns: readonly string[];
  clusterDomain: string;
  /** The resolv.conf that pods of dnsPolicy Default get; empty: none. */
  resolvConf: string;

  maxPods: number;
  podsPerCore: number;
  podPidsLimit: number;
  syncFrequency: number;
  serializeImagePulls: boolean;
  /** 0: no limit, where pulls are not serialized. */
  maxParallelImagePulls: number;
  maxContainerRestartPeriod: number;

  seccompDefault: boolean;
  allowedUnsafeSysctls: readonly string[];
  cpuCfsQuota: boolean;
  cgroupsPerQos: boolean;
  /** The cgroup below which `kubepods` is made, `/` for the top. */
  cgroupRoot: string;

  kubeReserved: Readonly<Record<string, string>>;
  systemReserved: Readonly<Record<string, string>>;
  /** Signals and thresholds, as in `memory.available: 100Mi`. */
  evictionHard: Readonly<Record<string, string>>;
  evictionSoft: Readonly<Record<string, string>>;
  evictionSoftGracePeriod: Readonly<Record<string, number>>;
  evictionMaxPodGracePeriodSeconds: number;
  evictionPressureTransitionPeriod: number;

  imageMinimumGcAge: number;
  imageMaximumGcAge: number;
  imageGcHighThresholdPercent: number;
  imageGcLowThresholdPercent: number;
  containerLogMaxSize: number;
  containerLogMaxFiles: number;
  containerLogMonitorInterval: number;
}
