import { type Clock, sleep } from "../../../base/clock.ts";
import { type CallOptions, dialGrpc, type GrpcCode, GrpcError, type GrpcMethod } from "../../../base/grpc.ts";
import type { Logger } from "../../../base/logger.ts";
import { type Runtime, type RuntimeCondition, RuntimeError } from "../../runtime.ts";
import { followTaskEnds } from "./events.ts";
import {
  authConfig,
  containerConfig,
  containerStats,
  containerStatus,
  image,
  listedContainer,
  resources,
  sandboxConfig,
  sandboxStatus,
} from "./messages.ts";
import { cri } from "./schema.ts";

export interface CriRuntimeOptions {
  /** As upstream's `--container-runtime-endpoint`: `unix:///run/containerd/containerd.sock`; a bare path is one too. */
  endpoint: string;
  clock: Clock;
  logger: Logger;
}

/** Upstream's `--runtime-request-timeout`. */
const REQUEST_MS = 120_000;
/** Making a sandbox includes pulling its image and setting up its network. */
const SANDBOX_MS = 2 * REQUEST_MS;
/** How long the runtime's record of an end is waited for before the change is announced regardless. */
const SETTLE_MS = 1_000;

const CODES: Partial<Record<GrpcCode, RuntimeError["code"]>> = {
  "deadline-exceeded": "timeout",
  "not-found": "not-found",
  unavailable: "unavailable",
  cancelled: "unavailable",
  "invalid-argument": "invalid",
  unimplemented: "invalid",
};

/**
 * A container runtime behind the Container Runtime Interface (runtime.v1): containerd from 1.6 on. Connects on first
 * use. Events come from containerd's own service; with a runtime that has none, `subscribe` never calls back.
 */
export function criRuntime({ endpoint, clock, logger }: CriRuntimeOptions): Runtime {
  const path = endpoint.replace(/^unix:\/\//, "");
  if (!path.startsWith("/")) throw new RuntimeError("invalid", `not a Unix socket: ${endpoint}`);
  const channel = dialGrpc(`unix:${path}`);
  const closed = new AbortController();

  const call = async <Req, Res>(method: GrpcMethod<Req, Res>, request: Req, options?: CallOptions): Promise<Res> => {
    try {
      return await channel.unary(method, request, { timeoutMs: REQUEST_MS, ...options });
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      throw new RuntimeError(CODES[error.code] ?? "unknown", error.message, { cause: error });
    }
  };
  /** Undefined where the runtime doesn't know what was asked for. */
  const ifPresent = async <T>(promise: Promise<T>): Promise<T | undefined> => {
    try {
      return await promise;
    } catch (error) {
      if (error instanceof RuntimeError && error.code === "not-found") return undefined;
      throw error;
    }
  };

  // The sandbox of a container never changes, and CRI tells it only in listings.
  const sandboxOf = new Map<string, string>();
  const listContainers = async () => {
    const { containers } = await call(cri.listContainers, {});
    sandboxOf.clear();
    for (const { id, podSandboxId } of containers) sandboxOf.set(id, podSandboxId);
    return containers;
  };

  /** Resolves when the runtime's own record says that what had this id runs no more, or after a while regardless. */
  const settled = async (id: string) => {
    for (let waited = 0, pause = 2; waited < SETTLE_MS; waited += pause, pause *= 2) {
      const container = await ifPresent(call(cri.containerStatus, { containerId: id }));
      if (container) {
        if (container.status?.state !== "CONTAINER_RUNNING") return;
      } else {
        const sandbox = await ifPresent(call(cri.podSandboxStatus, { id }));
        if (sandbox?.status?.state !== "SANDBOX_READY") return;
      }
      await sleep(clock, pause, closed.signal);
    }
  };

  const listeners = new Set<(id: string) => void>();
  let unfollow = new AbortController();
  const announce = (id: string) => {
    for (const listener of [...listeners]) listener(id);
  };
  const follow = () => {
    unfollow = new AbortController();
    void followTaskEnds({
      channel,
      clock,
      logger,
      signal: AbortSignal.any([unfollow.signal, closed.signal]),
      // Whatever goes wrong in waiting for the record, whoever is told will look for himself.
      onEnd: (id) =>
        void settled(id).then(
          () => announce(id),
          () => announce(id),
        ),
      onGap: () => announce(""),
    });
  };

  return {
    async version() {
      const { runtimeName, runtimeVersion, runtimeApiVersion } = await call(cri.version, { version: "0.1.0" });
      return { runtimeName, runtimeVersion, runtimeApiVersion };
    },
    async status() {
      const { status } = await call(cri.status, {});
      const condition = (type: string): RuntimeCondition => {
        const found = status?.conditions.find((candidate) => candidate.type === type);
        if (!found) return { ok: false, reason: "Unknown", message: `the runtime does not report ${type}` };
        return found.status ? { ok: true } : { ok: false, reason: found.reason, message: found.message };
      };
      return { runtimeReady: condition("RuntimeReady"), networkReady: condition("NetworkReady") };
    },

    async runSandbox(config, runtimeHandler) {
      const request = { config: sandboxConfig(config), runtimeHandler };
      return (await call(cri.runPodSandbox, request, { timeoutMs: SANDBOX_MS })).id;
    },
    async stopSandbox(id) {
      await ifPresent(call(cri.stopPodSandbox, { id }, { timeoutMs: SANDBOX_MS }));
    },
    async removeSandbox(id) {
      await ifPresent(call(cri.removePodSandbox, { id }, { timeoutMs: SANDBOX_MS }));
    },
    async sandboxStatus(id) {
      const status = (await ifPresent(call(cri.podSandboxStatus, { id })))?.status;
      return status ? sandboxStatus(status) : undefined;
    },
    async listSandboxes() {
      return (await call(cri.listPodSandbox, {})).items.map(sandboxStatus);
    },

    async createContainer(podSandboxId, config, sandbox) {
      const request = { podSandboxId, config: containerConfig(config), sandboxConfig: sandboxConfig(sandbox) };
      const { id } = await call(cri.createContainer, request);
      sandboxOf.set(id, podSandboxId);
      return id;
    },
    async startContainer(id) {
      await call(cri.startContainer, { id });
    },
    async stopContainer(id, timeoutSeconds) {
      const timeout = Math.max(0, Math.ceil(timeoutSeconds));
      await ifPresent(
        call(cri.stopContainer, { containerId: id, timeout }, { timeoutMs: timeout * 1000 + REQUEST_MS }),
      );
    },
    async removeContainer(id) {
      await ifPresent(call(cri.removeContainer, { id }));
      sandboxOf.delete(id);
    },
    async containerStatus(id) {
      const status = (await ifPresent(call(cri.containerStatus, { containerId: id })))?.status;
      if (!status) return undefined;
      if (!sandboxOf.has(id)) await listContainers();
      return containerStatus(status, sandboxOf.get(id) ?? "");
    },
    async listContainers() {
      return (await listContainers()).map(listedContainer);
    },
    async updateContainerResources(id, linux) {
      await call(cri.updateContainerResources, { containerId: id, linux: resources(linux) });
    },
    async reopenContainerLog(id) {
      await call(cri.reopenContainerLog, { id });
    },

    async execSync(id, command, timeoutMs) {
      // CRI counts whole seconds, and 0 means no limit.
      const timeout = timeoutMs > 0 ? Math.max(1, Math.ceil(timeoutMs / 1000)) : 0;
      const { exitCode, stdout, stderr } = await call(
        cri.execSync,
        { containerId: id, cmd: [...command], timeout },
        { timeoutMs: timeout > 0 ? timeout * 1000 + REQUEST_MS : undefined },
      );
      return { exitCode, stdout, stderr };
    },
    async execUrl(id, { command, stdin, stdout, stderr, tty }) {
      return (await call(cri.exec, { containerId: id, cmd: [...command], stdin, stdout, stderr, tty })).url;
    },
    async attachUrl(id, { stdin, stdout, stderr, tty }) {
      return (await call(cri.attach, { containerId: id, stdin, stdout, stderr, tty })).url;
    },
    async portForwardUrl(podSandboxId, ports) {
      return (await call(cri.portForward, { podSandboxId, port: [...ports] })).url;
    },

    async pullImage(name, auth) {
      // Pulling has no time limit of its own: it depends on the size.
      const request = { image: { image: name }, auth: authConfig(auth) };
      return (await call(cri.pullImage, request, { timeoutMs: undefined })).imageRef;
    },
    async imageStatus(name) {
      const found = (await call(cri.imageStatus, { image: { image: name } })).image;
      return found ? image(found) : undefined;
    },
    async listImages() {
      return (await call(cri.listImages, {})).images.map(image);
    },
    async removeImage(name) {
      await ifPresent(call(cri.removeImage, { image: { image: name } }));
    },
    async imageFsInfo() {
      const [usage] = (await call(cri.imageFsInfo, {})).imageFilesystems;
      if (!usage) throw new RuntimeError("unknown", "the runtime does not report its image file system");
      return {
        usedBytes: usage.usedBytes?.value ?? 0,
        inodesUsed: usage.inodesUsed?.value ?? 0,
        mountpoint: usage.fsId?.mountpoint ?? "",
      };
    },

    async stats() {
      return (await call(cri.listContainerStats, {})).stats.map(containerStats);
    },
    subscribe(onChange) {
      // Each call is a subscription of its own, even with the same function; the first and the last turn the flow.
      const listener = (id: string) => onChange(id);
      if (listeners.size === 0) follow();
      listeners.add(listener);
      return {
        close() {
          listeners.delete(listener);
          if (listeners.size === 0) unfollow.abort();
        },
      };
    },
    async close() {
      closed.abort();
      listeners.clear();
      channel.close();
    },
  };
}
