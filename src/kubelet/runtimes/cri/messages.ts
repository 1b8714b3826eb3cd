import type {
  ContainerConfig,
  ContainerStats,
  ContainerStatus,
  Image,
  LinuxResources,
  Mount,
  NamespaceMode,
  RegistryAuth,
  SandboxConfig,
  SandboxStatus,
  SecurityProfile,
} from "../../runtime.ts";
import type { CriInput, CriOutput } from "./schema.ts";

/** Between the runtime contract's shapes and CRI's messages. CRI's times are nanoseconds, ours milliseconds. */
const milliseconds = (nanoseconds: number) => Math.floor(nanoseconds / 1e6);

const NAMESPACES = { pod: "POD", container: "CONTAINER", node: "NODE", target: "TARGET" } as const;
const namespaces = (
  security: { network: NamespaceMode; pid: NamespaceMode; ipc: NamespaceMode },
  targetId?: string,
): CriInput<"NamespaceOption"> => ({
  network: NAMESPACES[security.network],
  pid: NAMESPACES[security.pid],
  ipc: NAMESPACES[security.ipc],
  targetId,
});

const PROFILES = { "runtime-default": "RuntimeDefault", unconfined: "Unconfined", localhost: "Localhost" } as const;
const profile = (from: SecurityProfile | undefined): CriInput<"SecurityProfile"> | undefined =>
  from && { profileType: PROFILES[from.type], localhostRef: from.localhostRef };

const int64 = (value: number | undefined) => (value === undefined ? undefined : { value });

export const resources = (from: LinuxResources): CriInput<"LinuxContainerResources"> => from;

export function sandboxConfig(from: SandboxConfig): CriInput<"PodSandboxConfig"> {
  const { security } = from.linux;
  return {
    metadata: from.metadata,
    hostname: from.hostname,
    logDirectory: from.logDirectory,
    dnsConfig: from.dns,
    portMappings: from.portMappings,
    labels: from.labels,
    annotations: from.annotations,
    linux: {
      cgroupParent: from.linux.cgroupParent,
      sysctls: from.linux.sysctls,
      resources: from.linux.resources && resources(from.linux.resources),
      securityContext: {
        namespaceOptions: namespaces(security),
        runAsUser: int64(security.runAsUser),
        runAsGroup: int64(security.runAsGroup),
        supplementalGroups: security.supplementalGroups,
        privileged: security.privileged,
        readonlyRootfs: security.readonlyRootfs,
        seccomp: profile(security.seccomp),
      },
    },
  };
}

export function containerConfig(from: ContainerConfig): CriInput<"ContainerConfig"> {
  const { security } = from.linux;
  return {
    metadata: from.metadata,
    image: { image: from.image, userSpecifiedImage: from.userSpecifiedImage },
    command: from.command,
    args: from.args,
    workingDir: from.workingDir,
    envs: from.envs,
    mounts: from.mounts.map((mount) => ({ ...mount, propagation: PROPAGATIONS[mount.propagation] })),
    devices: from.devices,
    labels: from.labels,
    annotations: from.annotations,
    logPath: from.logPath,
    stdin: from.stdin,
    stdinOnce: from.stdinOnce,
    tty: from.tty,
    // The API writes SIGRTMIN+1 where CRI's enumeration says SIGRTMINPLUS1.
    stopSignal: from.stopSignal?.replace("+", "PLUS").replace("-", "MINUS"),
    linux: {
      resources: from.linux.resources && resources(from.linux.resources),
      securityContext: {
        capabilities: { addCapabilities: security.addCapabilities, dropCapabilities: security.dropCapabilities },
        privileged: security.privileged,
        namespaceOptions: namespaces(security, security.targetId),
        runAsUser: int64(security.runAsUser),
        runAsGroup: int64(security.runAsGroup),
        runAsUsername: security.runAsUsername,
        supplementalGroups: security.supplementalGroups,
        readonlyRootfs: security.readonlyRootfs,
        noNewPrivs: security.noNewPrivs,
        seccomp: profile(security.seccomp),
        apparmor: profile(security.apparmor),
        maskedPaths: security.maskedPaths,
        readonlyPaths: security.readonlyPaths,
      },
    },
  };
}

const PROPAGATIONS = {
  private: "PROPAGATION_PRIVATE",
  "host-to-container": "PROPAGATION_HOST_TO_CONTAINER",
  bidirectional: "PROPAGATION_BIDIRECTIONAL",
} as const;
const PROPAGATION_NAMES = Object.fromEntries(
  Object.entries(PROPAGATIONS).map(([name, value]) => [value, name]),
) as Record<(typeof PROPAGATIONS)[Mount["propagation"]], Mount["propagation"]>;

export function sandboxStatus(from: CriOutput<"PodSandboxStatus"> | CriOutput<"PodSandbox">): SandboxStatus {
  const network = "network" in from ? from.network : null;
  return {
    id: from.id,
    metadata: from.metadata ?? { name: "", namespace: "", uid: "", attempt: 0 },
    state: from.state === "SANDBOX_READY" ? "ready" : "not-ready",
    createdAt: milliseconds(from.createdAt),
    ips: network?.ip ? [network.ip, ...network.additionalIps.map(({ ip }) => ip)] : [],
    labels: from.labels,
    annotations: from.annotations,
  };
}

const CONTAINER_STATES = {
  CONTAINER_CREATED: "created",
  CONTAINER_RUNNING: "running",
  CONTAINER_EXITED: "exited",
  CONTAINER_UNKNOWN: "unknown",
} as const;

/** Of a listing: CRI leaves out the times of start and end, the exit code and the mounts. */
export function listedContainer(from: CriOutput<"Container">): ContainerStatus {
  return {
    id: from.id,
    sandboxId: from.podSandboxId,
    metadata: from.metadata ?? { name: "", attempt: 0 },
    state: CONTAINER_STATES[from.state],
    createdAt: milliseconds(from.createdAt),
    startedAt: 0,
    finishedAt: 0,
    exitCode: 0,
    reason: "",
    message: "",
    image: from.image?.image ?? "",
    imageRef: from.imageRef,
    labels: from.labels,
    annotations: from.annotations,
    logPath: "",
    mounts: [],
  };
}

/** `sandboxId` comes from elsewhere: the status message doesn't carry it. */
export function containerStatus(from: CriOutput<"ContainerStatus">, sandboxId: string): ContainerStatus {
  return {
    id: from.id,
    sandboxId,
    metadata: from.metadata ?? { name: "", attempt: 0 },
    state: CONTAINER_STATES[from.state],
    createdAt: milliseconds(from.createdAt),
    startedAt: milliseconds(from.startedAt),
    finishedAt: milliseconds(from.finishedAt),
    exitCode: from.exitCode,
    reason: from.reason,
    message: from.message,
    image: from.image?.image ?? "",
    imageRef: from.imageRef,
    labels: from.labels,
    annotations: from.annotations,
    logPath: from.logPath,
    mounts: from.mounts.map((mount) => ({ ...mount, propagation: PROPAGATION_NAMES[mount.propagation] })),
  };
}

export function image(from: CriOutput<"Image">): Image {
  return {
    id: from.id,
    repoTags: from.repoTags,
    repoDigests: from.repoDigests,
    sizeBytes: from.size,
    ...(from.uid ? { uid: from.uid.value } : {}),
    ...(from.username ? { username: from.username } : {}),
    pinned: from.pinned,
  };
}

export function authConfig(from: RegistryAuth | undefined): CriInput<"AuthConfig"> | undefined {
  return from;
}

export function containerStats(from: CriOutput<"ContainerStats">): ContainerStats {
  return {
    id: from.attributes?.id ?? "",
    labels: from.attributes?.labels ?? {},
    timestamp: milliseconds(from.cpu?.timestamp ?? 0),
    cpuUsageCoreNanoSeconds: from.cpu?.usageCoreNanoSeconds?.value ?? 0,
    memoryWorkingSetBytes: from.memory?.workingSetBytes?.value ?? 0,
    memoryUsageBytes: from.memory?.usageBytes?.value ?? 0,
    memoryRssBytes: from.memory?.rssBytes?.value ?? 0,
    filesystemUsedBytes: from.writableLayer?.usedBytes?.value ?? 0,
    filesystemInodesUsed: from.writableLayer?.inodesUsed?.value ?? 0,
  };
}
