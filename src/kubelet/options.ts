import { parseDuration } from "../api/duration.ts";
import { quantityValue } from "../api/quantity.ts";
import type { Flags, FlagValues } from "../base/flags.ts";
import { ConfigurationError, readConfiguration, type ServerSettings } from "./configuration.ts";
import { parseThresholds } from "./eviction/thresholds.ts";
import type { KubeletSettings } from "./settings.ts";

const MINUTE = 60_000;

/** The settings of a kubelet of which only these three are known: upstream's defaults. */
export function defaultSettings(known: Pick<KubeletSettings, "nodeName" | "nodeIps" | "rootDir">): KubeletSettings {
  return {
    ...known,
    hostname: known.nodeName,
    podLogsDir: "/var/log/pods",
    containerLogsDir: "/var/log/containers",
    staticPodPath: "",
    fileCheckFrequency: 20_000,
    registerNode: true,
    registerWithTaints: [],
    nodeLabels: {},
    providerId: "",
    nodeStatusUpdateFrequency: 10_000,
    nodeStatusReportFrequency: 5 * MINUTE,
    nodeLeaseDurationSeconds: 40,
    port: 10250,
    clusterDns: [],
    clusterDomain: "cluster.local",
    resolvConf: "/etc/resolv.conf",
    maxPods: 110,
    podsPerCore: 0,
    podPidsLimit: -1,
    syncFrequency: MINUTE,
    serializeImagePulls: true,
    maxParallelImagePulls: 0,
    maxContainerRestartPeriod: 5 * MINUTE,
    seccompDefault: false,
    allowedUnsafeSysctls: [],
    cpuCfsQuota: true,
    cgroupsPerQos: true,
    cgroupRoot: "/",
    kubeReserved: {},
    systemReserved: {},
    evictionHard: {
      "memory.available": "100Mi",
      "nodefs.available": "10%",
      "nodefs.inodesFree": "5%",
      "imagefs.available": "15%",
      "imagefs.inodesFree": "5%",
    },
    evictionSoft: {},
    evictionSoftGracePeriod: {},
    evictionMaxPodGracePeriodSeconds: 0,
    evictionPressureTransitionPeriod: 5 * MINUTE,
    imageMinimumGcAge: 2 * MINUTE,
    imageMaximumGcAge: 0,
    imageGcHighThresholdPercent: 85,
    imageGcLowThresholdPercent: 80,
    containerLogMaxSize: 10 * 1024 * 1024,
    containerLogMaxFiles: 5,
    containerLogMonitorInterval: 10_000,
  };
}

/** The kubelet's flags, as upstream names them; those that have a default have it in `defaultSettings`. */
export const kubeletFlags = {
  kubeconfig: { kind: "string", required: true, description: "the kubeconfig to reach the API server with" },
  config: {
    kind: "string",
    description: "a KubeletConfiguration file (kubelet.config.k8s.io/v1beta1); flags override it",
  },
  "container-runtime-endpoint": { kind: "string", description: "the CRI socket of the container runtime" },
  "root-dir": { kind: "string", default: "/var/lib/kubelet", description: "the directory for pods and volumes" },
  "hostname-override": { kind: "string", description: "the node's name, where it is not the host's" },
  "node-ip": { kind: "list", default: [], description: "the node's addresses; default: that of the default route" },
  "node-labels": { kind: "list", default: [], description: "key=value labels to register with" },
  "register-node": { kind: "boolean", description: "create the Node object" },
  "register-with-taints": { kind: "list", description: "key=value:effect taints to register with" },
  "provider-id": { kind: "string", description: "the machine's id with its cloud provider" },
  address: { kind: "string", description: "the address that the kubelet's server listens on" },
  port: { kind: "integer", description: "the port of the kubelet's server" },
  "tls-cert-file": { kind: "string", description: "the certificate of the kubelet's server (PEM)" },
  "tls-private-key-file": { kind: "string", description: "the key of --tls-cert-file (PEM)" },
  "client-ca-file": { kind: "string", description: "the CAs whose client certificates are accepted (PEM)" },
  "pod-manifest-path": { kind: "string", description: "the directory of static pods' manifests" },
  "file-check-frequency": { kind: "duration", description: "how often that directory is read" },
  "sync-frequency": {
    kind: "duration",
    description: "how often each pod is looked at although nothing tells of a change",
  },
  "cluster-dns": { kind: "list", description: "the addresses of the cluster's DNS" },
  "cluster-domain": { kind: "string", description: "the cluster's domain" },
  "resolv-conf": { kind: "string", description: "what pods of dnsPolicy Default get" },
  "max-pods": { kind: "integer", description: "how many pods the node takes" },
  "pods-per-core": {
    kind: "integer",
    description: "how many pods it takes for each CPU, where that is less; 0: no matter",
  },
  "pod-max-pids": { kind: "integer", description: "how many processes a pod may have; -1: no matter" },
  "cgroup-root": { kind: "string", description: "the cgroup below which the pods' are made" },
  "cgroups-per-qos": { kind: "boolean", description: "make cgroups for pods and their QoS classes" },
  "cpu-cfs-quota": { kind: "boolean", description: "enforce CPU limits" },
  "seccomp-default": { kind: "boolean", description: "RuntimeDefault for containers that name no seccomp profile" },
  "serialize-image-pulls": { kind: "boolean", description: "pull one image at a time" },
  "kube-reserved": { kind: "list", description: "name=quantity kept for Kubernetes' own processes" },
  "system-reserved": { kind: "list", description: "name=quantity kept for the machine's processes" },
  "eviction-hard": { kind: "list", description: "signal<threshold at which pods are evicted at once" },
  "eviction-soft": { kind: "list", description: "signal<threshold at which pods are evicted after a grace period" },
  "eviction-soft-grace-period": { kind: "list", description: "signal=duration, for each of --eviction-soft" },
  "eviction-max-pod-grace-period": { kind: "integer", description: "seconds that a soft eviction leaves pods at most" },
  "eviction-pressure-transition-period": {
    kind: "duration",
    description: "how long a pressure is shown after it has gone",
  },
  "image-gc-high-threshold": { kind: "integer", description: "percent of disk usage at which images are removed" },
  "image-gc-low-threshold": { kind: "integer", description: "percent of disk usage down to which they are" },
  "container-log-max-size": { kind: "string", description: "the size at which a container's log is rotated" },
  "container-log-max-files": { kind: "integer", description: "how many log files are kept per container" },
  "allowed-unsafe-sysctls": { kind: "list", description: "sysctls, or patterns ending in *, that pods may set" },
  "node-status-update-frequency": { kind: "duration", description: "how often the node's state is looked at" },
} as const satisfies Flags;

/** Flags whose value is a setting as it is. */
const DIRECT: Readonly<Record<string, keyof KubeletSettings>> = {
  "register-node": "registerNode",
  "provider-id": "providerId",
  "pod-manifest-path": "staticPodPath",
  "file-check-frequency": "fileCheckFrequency",
  "sync-frequency": "syncFrequency",
  "cluster-dns": "clusterDns",
  "cluster-domain": "clusterDomain",
  "resolv-conf": "resolvConf",
  "max-pods": "maxPods",
  "pods-per-core": "podsPerCore",
  "pod-max-pids": "podPidsLimit",
  "cgroup-root": "cgroupRoot",
  "cgroups-per-qos": "cgroupsPerQos",
  "cpu-cfs-quota": "cpuCfsQuota",
  "seccomp-default": "seccompDefault",
  "serialize-image-pulls": "serializeImagePulls",
  "eviction-max-pod-grace-period": "evictionMaxPodGracePeriodSeconds",
  "eviction-pressure-transition-period": "evictionPressureTransitionPeriod",
  "image-gc-high-threshold": "imageGcHighThresholdPercent",
  "image-gc-low-threshold": "imageGcLowThresholdPercent",
  "container-log-max-files": "containerLogMaxFiles",
  "allowed-unsafe-sysctls": "allowedUnsafeSysctls",
  "node-status-update-frequency": "nodeStatusUpdateFrequency",
};
const SERVER: Readonly<Record<string, keyof ServerSettings>> = {
  address: "address",
  port: "port",
  "tls-cert-file": "tlsCertFile",
  "tls-private-key-file": "tlsPrivateKeyFile",
  "client-ca-file": "clientCaFile",
  "container-runtime-endpoint": "containerRuntimeEndpoint",
};

/**
 * What flags and a configuration file (parsed from YAML) come to; flags count more. `given` supplies what the host
 * tells: its name, and its address where no flag does. Throws a ConfigurationError.
 */
export function kubeletOptions(
  flags: FlagValues<typeof kubeletFlags>,
  file: unknown,
  given: { hostname: string; address?: string },
): { settings: KubeletSettings; server: ServerSettings } {
  const configuration = file === undefined ? { settings: {}, server: {} } : readConfiguration(file);
  const hostname = (flags["hostname-override"] || given.hostname).toLowerCase();
  const nodeIps = flags["node-ip"].length > 0 ? flags["node-ip"] : given.address ? [given.address] : [];
  if (nodeIps.length === 0) throw new ConfigurationError("the node's address is not known; name it with --node-ip");
  const values = flags as Readonly<Record<string, unknown>>;
  const pick = <K extends string>(table: Readonly<Record<string, K>>) =>
    Object.fromEntries(
      Object.entries(table)
        .filter(([flag]) => values[flag] !== undefined)
        .map(([flag, name]) => [name, values[flag]]),
    );
  const pairs = (flag: string, separator: string) => {
    const list = values[flag] as readonly string[] | undefined;
    return list && Object.fromEntries(list.map((text) => split(flag, text, separator)));
  };
  const server: ServerSettings = { ...configuration.server, ...pick(SERVER) };
  const graces = pairs("eviction-soft-grace-period", "=");
  const more: Partial<KubeletSettings> = {
    nodeLabels: Object.fromEntries(flags["node-labels"].map((text) => split("node-labels", text, "="))),
    kubeReserved: pairs("kube-reserved", "="),
    systemReserved: pairs("system-reserved", "="),
    evictionHard: pairs("eviction-hard", "<"),
    evictionSoft: pairs("eviction-soft", "<"),
    evictionSoftGracePeriod:
      graces && Object.fromEntries(Object.entries(graces).map(([signal, text]) => [signal, parseDuration(text)])),
    registerWithTaints: flags["register-with-taints"]?.map(parseTaint),
    ...(flags["container-log-max-size"] ? { containerLogMaxSize: quantityValue(flags["container-log-max-size"]) } : {}),
    ...(server.port !== undefined ? { port: server.port } : {}),
  };
  const set = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined));
  const settings: KubeletSettings = {
    ...defaultSettings({ nodeName: hostname, nodeIps, rootDir: flags["root-dir"] }),
    ...configuration.settings,
    ...pick(DIRECT),
    ...set,
  };
  parseThresholds(settings.evictionHard, settings.evictionSoft, settings.evictionSoftGracePeriod);
  return { settings, server };
}

function split(flag: string, text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  if (at < 1)
    throw new ConfigurationError(`--${flag}: ${JSON.stringify(text)} is not of the form name${separator}value`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** `key=value:effect`, or `key:effect`. */
function parseTaint(text: string): { key: string; value?: string; effect: string } {
  const match = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text);
  if (!match)
    throw new ConfigurationError(`--register-with-taints: ${JSON.stringify(text)} is not a taint (key=value:effect)`);
  const [, key = "", value, effect = ""] = match;
  return { key, ...(value ? { value } : {}), effect };
}
