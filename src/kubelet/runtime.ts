import type { Duplex } from "node:stream";

/**
 * A container runtime as the kubelet sees it: CRI's shapes (runtime.v1) with camel-case names. Implementations are in
 * runtimes/ and pass the suite in runtime.contract.ts. Times are ms since the epoch, sizes bytes. Every call may reject
 * with a RuntimeError.
 */
export interface Runtime {
  version(): Promise<{ runtimeName: string; runtimeVersion: string; runtimeApiVersion: string }>;
  /** Whether the runtime and its pod network are ready, with a reason where not. */
  status(): Promise<{ runtimeReady: RuntimeCondition; networkReady: RuntimeCondition }>;

  runSandbox(config: SandboxConfig, runtimeHandler?: string): Promise<string>;
  /** Idempotent; kills what still runs in it and releases its network. */
  stopSandbox(id: string): Promise<void>;
  removeSandbox(id: string): Promise<void>;
  sandboxStatus(id: string): Promise<SandboxStatus | undefined>;
  listSandboxes(): Promise<SandboxStatus[]>;

  createContainer(sandboxId: string, config: ContainerConfig, sandbox: SandboxConfig): Promise<string>;
  startContainer(id: string): Promise<void>;
  /** Sends the stop signal, and SIGKILL after `timeoutSeconds`. Resolves when the container has ended. */
  stopContainer(id: string, timeoutSeconds: number): Promise<void>;
  removeContainer(id: string): Promise<void>;
  containerStatus(id: string): Promise<ContainerStatus | undefined>;
  /** Without mounts and exit details; see `containerStatus` for these. */
  listContainers(): Promise<ContainerStatus[]>;
  updateContainerResources(id: string, resources: LinuxResources): Promise<void>;
  /** Tells the runtime that the log file was rotated away. */
  reopenContainerLog(id: string): Promise<void>;

  /** Runs a command to its end. A time-out rejects with a RuntimeError of code "timeout". */
  execSync(
    id: string,
    command: readonly string[],
    timeoutMs: number,
  ): Promise<{ exitCode: number; stdout: Buffer; stderr: Buffer }>;
  /** A one-use URL of the runtime's streaming server (exec, attach, port-forward): WebSocket v4 and SPDY/3.1. */
  execUrl(id: string, options: StreamOptions & { command: readonly string[] }): Promise<string>;
  attachUrl(id: string, options: StreamOptions): Promise<string>;
  portForwardUrl(sandboxId: string, ports: readonly number[]): Promise<string>;

  /** Pulls (or finds) an image and returns its reference, which the container's `image` must carry. */
  pullImage(image: string, auth?: RegistryAuth): Promise<string>;
  imageStatus(image: string): Promise<Image | undefined>;
  listImages(): Promise<Image[]>;
  removeImage(image: string): Promise<void>;
  imageFsInfo(): Promise<{ usedBytes: number; inodesUsed: number; mountpoint: string }>;

  stats(): Promise<ContainerStats[]>;
  /**
   * Calls back soon after a container or sandbox changed state by itself; a hint only: look at the state itself. An
   * empty id: hints may have been missed (as before the subscription held), look at everything.
   */
  subscribe(onChange: (id: string) => void): { close(): void };
  close(): Promise<void>;
}

/** A raw two-way byte stream (a hijacked connection), where a server needs one. */
export type ByteStream = Duplex;

export class RuntimeError extends Error {
  readonly code: "timeout" | "not-found" | "unavailable" | "invalid" | "unknown";
  constructor(code: RuntimeError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "RuntimeError";
    this.code = code;
  }
}

export interface RuntimeCondition {
  ok: boolean;
  reason?: string;
  message?: string;
}

export interface SandboxConfig {
  metadata: { name: string; namespace: string; uid: string; attempt: number };
  /** Empty for host-network pods. */
  hostname: string;
  logDirectory: string;
  dns?: { servers: string[]; searches: string[]; options: string[] };
  portMappings: { protocol: "TCP" | "UDP" | "SCTP"; containerPort: number; hostPort: number; hostIp?: string }[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  linux: {
    cgroupParent?: string;
    sysctls?: Record<string, string>;
    resources?: LinuxResources;
    security: SandboxSecurity;
  };
}
export type NamespaceMode = "pod" | "container" | "node" | "target";
export interface SandboxSecurity {
  network: NamespaceMode;
  pid: NamespaceMode;
  ipc: NamespaceMode;
  privileged?: boolean;
  runAsUser?: number;
  runAsGroup?: number;
  supplementalGroups?: number[];
  seccomp?: SecurityProfile;
  readonlyRootfs?: boolean;
}
export interface SecurityProfile {
  type: "runtime-default" | "unconfined" | "localhost";
  localhostRef?: string;
}
export interface SandboxStatus {
  id: string;
  metadata: SandboxConfig["metadata"];
  state: "ready" | "not-ready";
  createdAt: number;
  /** Empty for host-network pods, and in listings. */
  ips: string[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface ContainerConfig {
  metadata: { name: string; attempt: number };
  /** What `pullImage` or `imageStatus` returned, and the image as the user wrote it. */
  image: string;
  userSpecifiedImage: string;
  command: string[];
  args: string[];
  workingDir: string;
  envs: { key: string; value: string }[];
  mounts: Mount[];
  devices: { hostPath: string; containerPath: string; permissions: string }[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** Below the sandbox's log directory. */
  logPath: string;
  stdin: boolean;
  stdinOnce: boolean;
  tty: boolean;
  linux: { resources?: LinuxResources; security: ContainerSecurity };
  /** Overrides the image's stop signal, e.g. "SIGUSR1". */
  stopSignal?: string;
}
export interface Mount {
  containerPath: string;
  hostPath: string;
  readonly: boolean;
  propagation: "private" | "host-to-container" | "bidirectional";
  selinuxRelabel?: boolean;
}
export interface ContainerSecurity {
  privileged: boolean;
  addCapabilities: string[];
  dropCapabilities: string[];
  network: NamespaceMode;
  pid: NamespaceMode;
  ipc: NamespaceMode;
  /** The container whose pid namespace is joined where `pid` is "target". */
  targetId?: string;
  runAsUser?: number;
  runAsGroup?: number;
  runAsUsername?: string;
  supplementalGroups: number[];
  readonlyRootfs: boolean;
  noNewPrivs: boolean;
  seccomp: SecurityProfile;
  apparmor?: SecurityProfile;
  maskedPaths: string[];
  readonlyPaths: string[];
}
export interface LinuxResources {
  cpuPeriod?: number;
  cpuQuota?: number;
  cpuShares?: number;
  memoryLimitInBytes?: number;
  oomScoreAdj?: number;
  hugepageLimits?: { pageSize: string; limit: number }[];
  unified?: Record<string, string>;
}
export interface ContainerStatus {
  id: string;
  sandboxId: string;
  metadata: ContainerConfig["metadata"];
  state: "created" | "running" | "exited" | "unknown";
  createdAt: number;
  startedAt: number;
  finishedAt: number;
  exitCode: number;
  /** "Completed", "Error", "OOMKilled", or the runtime's own. */
  reason: string;
  message: string;
  /** The image as named, and its reference (digest). */
  image: string;
  imageRef: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  logPath: string;
  mounts: Mount[];
}
export interface StreamOptions {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}
export interface RegistryAuth {
  username?: string;
  password?: string;
  identityToken?: string;
  registryToken?: string;
  serverAddress?: string;
}
export interface Image {
  id: string;
  repoTags: string[];
  repoDigests: string[];
  sizeBytes: number;
  /** The user the image runs as: numeric, by name, or neither (root). */
  uid?: number;
  username?: string;
  pinned: boolean;
}
export interface ContainerStats {
  id: string;
  labels: Record<string, string>;
  timestamp: number;
  cpuUsageCoreNanoSeconds: number;
  memoryWorkingSetBytes: number;
  memoryUsageBytes: number;
  memoryRssBytes: number;
  filesystemUsedBytes: number;
  filesystemInodesUsed: number;
}
