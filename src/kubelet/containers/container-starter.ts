import { join } from "node:path";
import type { ConfigMap, Pod, Secret, Service } from "../../api/types/core.v1.ts";
import { type Files, isNotFound } from "../../base/files.ts";
import type { Logger } from "../../base/logger.ts";
import type { Random } from "../../base/random.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import { ImageError, type ImageManager } from "../images/image-manager.ts";
import { unlessAborted } from "../pod/abort.ts";
import { type AnyContainer, containerReference, podNamespace, podReference, podUid } from "../pod/pod.ts";
import { newestContainer, type PodState } from "../pod/pod-state.ts";
import { type ContainerResourceOptions, containerResources } from "../pod/resources.ts";
import type { RuntimeCache } from "../pod/runtime-cache.ts";
import type { ContainerConfig, Image, Runtime, SandboxConfig } from "../runtime.ts";
import { openWithin } from "../volumes/safe-open.ts";
import { type MountedVolume, volumeKind } from "../volumes/volume.ts";
import type { VolumeManager } from "../volumes/volume-manager.ts";
import { containerConfig } from "./container-config.ts";
import type { ContainerStopper } from "./container-stopper.ts";
import type { DownwardFacts } from "./downward-api.ts";
import { environment } from "./environment.ts";
import type { HookRunner } from "./lifecycle-hook.ts";
import { containerLogPath, logLink } from "./log-paths.ts";
import { containerMounts } from "./mounts.ts";
import { containerSecurity, type SecurityOptions } from "./security-context.ts";
import { serviceEnvironment, servicesFor } from "./service-environment.ts";
import { StartError } from "./start-error.ts";

/** The sandbox in which a container is to run. */
export interface SandboxContext {
  readonly id: string;
  readonly config: SandboxConfig;
  readonly ips: readonly string[];
  readonly hostsFile: string;
}

export interface StartRequest {
  readonly pod: Pod;
  readonly state: PodState;
  readonly container: AnyContainer;
  readonly sandbox: SandboxContext;
  readonly volumes: ReadonlyMap<string, MountedVolume>;
  /** The runtime's word on the image, where it was asked already. */
  readonly foundImage?: Promise<Image | undefined> | undefined;
  /** Aborted when the pod is to end: then nothing more is begun. */
  readonly signal: AbortSignal;
}

export interface ContainerStarter {
  /** Pulls, creates and starts a container and runs its postStart hook. Rejects with a StartError. */
  start(request: StartRequest): Promise<void>;
}

export interface ContainerStarterOptions {
  runtime: Runtime;
  cache: RuntimeCache;
  images: ImageManager;
  volumes: VolumeManager;
  hooks: HookRunner;
  stopper: ContainerStopper;
  events: EventRecorder;
  files: Files;
  random: Random;
  logger: Logger;
  rootDir: string;
  containerLogsDir: string;
  security: SecurityOptions;
  resources: ContainerResourceOptions;
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  /** All Services; resolves when they have been read at least once. */
  services(): Promise<readonly Service[]>;
  facts(pod: Pod, podIps: readonly string[]): DownwardFacts;
}

/** A hook without a limit of its own may take this long. */
const POST_START_LIMIT_MS = 24 * 3_600_000;

export function containerStarter(options: ContainerStarterOptions): ContainerStarter {
  const { runtime, cache, events, files, logger } = options;

  const failed = (request: StartRequest, reason: string, error: unknown): StartError => {
    const message = (error as Error).message;
    events.event(containerReference(request.pod, request.container.name), "Warning", "Failed", `Error: ${message}`);
    return new StartError(reason, message, { cause: error });
  };

  const pullSecrets = async (pod: Pod): Promise<Secret[]> => {
    const names = (pod.spec?.imagePullSecrets ?? []).flatMap(({ name }) => name ?? []);
    const found = await Promise.all(names.map((name) => options.secret(podNamespace(pod), name)));
    const missing = names.filter((_, index) => !found[index]);
    if (missing.length > 0) {
      events.event(
        pod,
        "Warning",
        "FailedToRetrieveImagePullSecret",
        `Unable to retrieve some image pull secrets (${missing.join(", ")}); attempting to pull the image may not succeed.`,
      );
    }
    return found.filter((secret) => secret !== undefined);
  };

  const imageOf = async (request: StartRequest): Promise<Image> => {
    const { pod, container, foundImage } = request;
    try {
      return await options.images.ensure(pod, container, () => pullSecrets(pod), foundImage);
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      const about = containerReference(pod, container.name);
      events.event(about, "Warning", "Failed", `Error: ${error.reason}`);
      throw new StartError(error.reason, error.message, {
        cause: error,
        ...(error.retryAt !== undefined ? { retryAt: error.retryAt } : {}),
      });
    }
  };

  /** What an init container, say, has written for this one to start with. */
  const volumeFile = async (
    { pod, volumes }: StartRequest,
    name: string,
    path: string,
  ): Promise<string | undefined> => {
    const volume = pod.spec?.volumes?.find((candidate) => candidate.name === name);
    if (!volume) throw new Error(`cannot find the volume "${name}" referenced by fileKeyRef`);
    if (volumeKind(volume) !== "emptyDir")
      throw new Error(`the volume "${name}" referenced by fileKeyRef is not an emptyDir`);
    const mounted = volumes.get(name);
    if (!mounted) throw new Error(`the volume "${name}" referenced by fileKeyRef is not set up`);
    try {
      const handle = await openWithin(files, mounted.path, path, { make: false });
      try {
        return await files.readFile(`/proc/self/fd/${handle.fd}`, "utf8");
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };

  const environmentOf = async (request: StartRequest): Promise<Map<string, string>> => {
    const { pod, container, sandbox } = request;
    const links = pod.spec?.enableServiceLinks ?? true;
    const services = serviceEnvironment(servicesFor(podNamespace(pod), links, await options.services()));
    return environment(pod, container, {
      configMap: options.configMap,
      secret: options.secret,
      volumeFile: (name, path) => volumeFile(request, name, path),
      services,
      facts: options.facts(pod, sandbox.ips),
      onSkipped: (message) => events.event(podReference(pod), "Warning", "InvalidEnvironmentVariableNames", message),
    });
  };

  /** Makes the file in which the container may leave a message; any user must be able to write to it. */
  const terminationMessage = async ({ pod, container }: StartRequest) => {
    const containerPath = container.terminationMessagePath ?? "/dev/termination-log";
    if (containerPath === "") return undefined;
    const directory = join(options.rootDir, "pods", podUid(pod), "containers", container.name);
    await files.mkdir(directory, { recursive: true, mode: 0o750 });
    const hostPath = join(directory, Buffer.from(options.random.bytes(4)).toString("hex"));
    await files.writeFile(hostPath, "");
    await files.chmod(hostPath, 0o666);
    return { hostPath, containerPath };
  };

  /** How often the container was started before: by the runtime's record, or by the logs that are left. */
  const restartCountOf = async ({ state, container, sandbox }: StartRequest): Promise<number> => {
    const newest = newestContainer(state, container.name);
    const directory = join(sandbox.config.logDirectory, container.name);
    if (newest) {
      await files.mkdir(directory, { recursive: true, mode: 0o755 });
      return newest.restartCount + 1;
    }
    let logs: string[] = [];
    try {
      logs = await files.readdir(directory);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await files.mkdir(directory, { recursive: true, mode: 0o755 });
    }
    return Math.max(-1, ...logs.map((name) => Number.parseInt(name, 10)).filter((count) => count >= 0)) + 1;
  };

  const targetOf = ({ container, state }: StartRequest): string | undefined => {
    const name = "targetContainerName" in container ? container.targetContainerName : undefined;
    if (!name) return undefined;
    const target = newestContainer(state, name);
    if (target?.status.state !== "running") throw new Error(`unable to find target container ${name}`);
    return target.id;
  };

  const configOf = async (request: StartRequest, image: Promise<Image>): Promise<ContainerConfig> => {
    const { pod, container, sandbox, volumes } = request;
    const [restartCount, values, message] = await Promise.all([
      restartCountOf(request),
      environmentOf(request),
      terminationMessage(request),
    ]);
    const mounts = await containerMounts({
      pod,
      container,
      volumes,
      environment: values,
      subPath: (volume, index, path) => options.volumes.subPath(pod, volume, container.name, index, path),
      hostsFile: sandbox.hostsFile,
      terminationMessage: message,
    });
    const found = await image;
    return containerConfig({
      pod,
      container,
      restartCount,
      image: found,
      environment: values,
      mounts,
      resources: containerResources(pod, container, options.resources),
      security: containerSecurity(pod, container, found, targetOf(request), options.security),
    });
  };

  /** For log collectors that look where Docker's logs used to be; nothing depends on it. */
  const linkLog = (request: StartRequest, containerId: string, config: ContainerConfig) => {
    const { pod, container, sandbox } = request;
    const log = join(sandbox.config.logDirectory, containerLogPath(container.name, config.metadata.attempt));
    files
      .symlink(log, logLink(options.containerLogsDir, pod, container.name, containerId))
      .catch((error) => logger.warn("cannot link a container's log", { container: container.name, error }));
  };

  const postStart = async (request: StartRequest, containerId: string): Promise<void> => {
    const { pod, container, sandbox } = request;
    const handler = container.lifecycle?.postStart;
    if (!handler) return;
    const podIp = sandbox.ips[0] ?? "";
    try {
      await options.hooks.run({ pod, container, containerId, podIp }, handler, POST_START_LIMIT_MS, request.signal);
    } catch (error) {
      request.signal.throwIfAborted();
      events.event(containerReference(pod, container.name), "Warning", "FailedPostStartHook", "PostStartHook failed");
      const state = cache.state(podUid(pod));
      const running = state.containers.find(({ id }) => id === containerId);
      if (running) await options.stopper.stop(pod, state, running, { message: "FailedPostStartHook" });
      throw new StartError("PostStartHookError", (error as Error).message, { cause: error });
    }
  };

  return {
    async start(request) {
      const { pod, container, sandbox, signal } = request;
      const about = containerReference(pod, container.name);
      const image = imageOf(request);
      const configuration = configOf(request, image);
      configuration.catch(() => {}); // The image's failure, if any, is what counts.
      // A pull may take minutes, and goes on; a pod that is to end does not wait for it.
      await unlessAborted(image, signal);
      let config: ContainerConfig;
      try {
        config = await configuration;
      } catch (error) {
        throw failed(request, "CreateContainerConfigError", error);
      }
      signal.throwIfAborted();
      let id: string;
      try {
        id = await runtime.createContainer(sandbox.id, config, sandbox.config);
      } catch (error) {
        throw failed(request, "CreateContainerError", error);
      }
      events.event(about, "Normal", "Created", "Container created");
      signal.throwIfAborted();
      try {
        await runtime.startContainer(id);
      } catch (error) {
        await cache.refreshContainer(id);
        throw failed(request, "RunContainerError", error);
      }
      events.event(about, "Normal", "Started", "Container started");
      linkLog(request, id, config);
      await cache.refreshContainer(id);
      await postStart(request, id);
    },
  };
}
