import type { Clock } from "../base/clock.ts";
import {
  type ContainerConfig,
  type ContainerStatus,
  type Image,
  type Runtime,
  RuntimeError,
  type SandboxConfig,
  type SandboxStatus,
} from "./runtime.ts";

export interface FakeRuntime extends Runtime {
  /** The calls that change something or run something, oldest first: `runSandbox web`, `startContainer app`. */
  readonly calls: string[];
  readonly sandboxes: Map<string, SandboxStatus & { config: SandboxConfig }>;
  readonly containers: Map<string, ContainerStatus & { config: ContainerConfig }>;
  /** The newest container of that name. */
  container(name: string): ContainerStatus & { config: ContainerConfig };
  /** Ends a running container by itself. */
  exit(name: string, exitCode: number, reason?: string): void;
  /** What a container does once started: ends with the code, or runs (the default). */
  behave(name: string, behaviour: { exitCode?: number; stop?: (timeoutSeconds: number) => Promise<void> }): void;
  /** Makes calls of a method reject from now on; undefined: no more. */
  fail(method: string, error: Error | undefined): void;
  /** Holds calls of a method until released. */
  hold(method: string): { release(): void };
  /** What `execSync` answers, by the command's words. */
  onExec(answer: (id: string, command: readonly string[]) => { exitCode: number; stdout?: string }): void;
  network: { ok: boolean; reason?: string; message?: string };
  images: Map<string, Image>;
  /** Images that can be pulled. */
  registry: Map<string, Image>;
  /** Whether changes are announced; off, only a relist finds them. */
  announce: boolean;
  changed(id: string): void;
}

export function fakeImage(name: string, more: Partial<Image> = {}): Image {
  return {
    id: `sha256:${name}`,
    repoTags: [name],
    repoDigests: [`${name}@sha256:0`],
    sizeBytes: 1000,
    pinned: false,
    ...more,
  };
}

/** A runtime in memory whose containers do what the test says. */
export function fakeRuntime(clock: Clock): FakeRuntime {
  const calls: string[] = [];
  const sandboxes: FakeRuntime["sandboxes"] = new Map();
  const containers: FakeRuntime["containers"] = new Map();
  const images = new Map<string, Image>();
  const registry = new Map<string, Image>();
  const behaviours = new Map<string, { exitCode?: number; stop?: (timeoutSeconds: number) => Promise<void> }>();
  const failures = new Map<string, Error>();
  const held = new Map<string, Promise<void>>();
  const listeners = new Set<(id: string) => void>();
  let sequence = 0;
  let lastTime = 0;
  let answer: (id: string, command: readonly string[]) => { exitCode: number; stdout?: string } = () => ({
    exitCode: 0,
  });

  const enter = async (method: string, what?: string) => {
    if (what !== undefined) calls.push(`${method} ${what}`);
    await held.get(method);
    const failure = failures.get(method);
    if (failure) throw failure;
  };
  /** Nothing is made at the same instant as something else: the order of creation is what tells instances apart. */
  const tick = () => {
    lastTime = Math.max(clock.now(), lastTime + 0.001);
    return lastTime;
  };
  const notFound = (id: string) => new RuntimeError("not-found", `no such id: ${id}`);
  const needed = (id: string) => {
    const found = containers.get(id);
    if (!found) throw notFound(id);
    return found;
  };
  const finish = (id: string, exitCode: number, reason?: string) => {
    const container = needed(id);
    if (container.state === "exited") return;
    containers.set(id, {
      ...container,
      state: "exited",
      exitCode,
      finishedAt: clock.now(),
      reason: reason ?? (exitCode === 0 ? "Completed" : "Error"),
    });
    fake.changed(id);
  };
  const plain = <T extends { config: unknown }>({ config: _, ...status }: T) => status;

  const fake: FakeRuntime = {
    calls,
    sandboxes,
    containers,
    images,
    registry,
    announce: true,
    network: { ok: true },
    changed(id) {
      if (!fake.announce) return;
      for (const listener of listeners) queueMicrotask(() => listener(id));
    },
    container(name) {
      const found = [...containers.values()].filter(({ metadata }) => metadata.name === name).at(-1);
      if (!found) throw new Error(`there is no container ${name}`);
      return found;
    },
    exit: (name, exitCode, reason) => finish(fake.container(name).id, exitCode, reason),
    behave: (name, behaviour) => void behaviours.set(name, behaviour),
    fail(method, error) {
      if (error) failures.set(method, error);
      else failures.delete(method);
    },
    hold(method) {
      const gate = Promise.withResolvers<void>();
      held.set(method, gate.promise);
      return {
        release() {
          held.delete(method);
          gate.resolve();
        },
      };
    },
    onExec: (given) => {
      answer = given;
    },

    version: async () => ({ runtimeName: "containerd", runtimeVersion: "1.6.20", runtimeApiVersion: "v1" }),
    async status() {
      await enter("status");
      return { runtimeReady: { ok: true }, networkReady: fake.network };
    },
    async runSandbox(config) {
      await enter("runSandbox", config.metadata.name);
      const id = `sandbox-${++sequence}`;
      sandboxes.set(id, {
        id,
        metadata: config.metadata,
        state: "ready",
        createdAt: tick(),
        ips: config.linux.security.network === "node" ? [] : [`10.244.0.${sequence}`],
        labels: config.labels,
        annotations: config.annotations,
        config,
      });
      return id;
    },
    async stopSandbox(id) {
      await enter("stopSandbox", id);
      const sandbox = sandboxes.get(id);
      if (!sandbox) return;
      for (const container of containers.values())
        if (container.sandboxId === id && container.state === "running") finish(container.id, 137);
      sandboxes.set(id, { ...sandbox, state: "not-ready", ips: [] });
    },
    async removeSandbox(id) {
      await enter("removeSandbox", id);
      sandboxes.delete(id);
      for (const container of containers.values()) if (container.sandboxId === id) containers.delete(container.id);
    },
    async sandboxStatus(id) {
      await enter("sandboxStatus");
      const found = sandboxes.get(id);
      return found && plain(found);
    },
    async listSandboxes() {
      await enter("listSandboxes");
      return [...sandboxes.values()].map((sandbox) => ({ ...plain(sandbox), ips: [] }));
    },
    async createContainer(sandboxId, config) {
      await enter("createContainer", config.metadata.name);
      const id = `${config.metadata.name}-${++sequence}`;
      containers.set(id, {
        id,
        sandboxId,
        metadata: config.metadata,
        state: "created",
        createdAt: tick(),
        startedAt: 0,
        finishedAt: 0,
        exitCode: 0,
        reason: "",
        message: "",
        image: config.userSpecifiedImage,
        imageRef: config.image,
        labels: config.labels,
        annotations: config.annotations,
        logPath: config.logPath,
        mounts: config.mounts,
        config,
      });
      return id;
    },
    async startContainer(id) {
      const container = needed(id);
      const { name } = container.metadata;
      await enter("startContainer", name);
      containers.set(id, { ...container, state: "running", startedAt: clock.now() });
      fake.changed(id);
      const exitCode = behaviours.get(name)?.exitCode;
      if (exitCode !== undefined) finish(id, exitCode);
    },
    async stopContainer(id, timeoutSeconds) {
      const { name } = needed(id).metadata;
      await enter("stopContainer", `${name} ${timeoutSeconds}`);
      await behaviours.get(name)?.stop?.(timeoutSeconds);
      finish(id, 137);
    },
    async removeContainer(id) {
      await enter("removeContainer", containers.get(id)?.metadata.name ?? id);
      containers.delete(id);
    },
    async containerStatus(id) {
      await enter("containerStatus");
      const found = containers.get(id);
      return found && plain(found);
    },
    async listContainers() {
      await enter("listContainers");
      return [...containers.values()].map((container) => ({ ...plain(container), mounts: [], exitCode: 0 }));
    },
    async updateContainerResources(id, resources) {
      await enter("updateContainerResources", `${needed(id).metadata.name} ${JSON.stringify(resources)}`);
    },
    async reopenContainerLog(id) {
      await enter("reopenContainerLog", needed(id).metadata.name);
    },
    async execSync(id, command) {
      await enter("execSync", command.join(" "));
      const { exitCode, stdout = "" } = answer(id, command);
      return { exitCode, stdout: Buffer.from(stdout), stderr: Buffer.alloc(0) };
    },
    execUrl: async () => "http://127.0.0.1/exec",
    attachUrl: async () => "http://127.0.0.1/attach",
    portForwardUrl: async () => "http://127.0.0.1/portforward",
    async pullImage(image, auth) {
      await enter("pullImage", auth ? `${image} as ${auth.username}` : image);
      const found = registry.get(image);
      if (!found) throw new RuntimeError("not-found", `failed to pull and unpack image "${image}": not found`);
      images.set(image, found);
      return image;
    },
    async imageStatus(image) {
      await enter("imageStatus");
      return images.get(image);
    },
    listImages: async () => [...images.values()],
    async removeImage(image) {
      await enter("removeImage", image);
      for (const [name, { id }] of images) if (id === image || name === image) images.delete(name);
    },
    imageFsInfo: async () => ({ usedBytes: 0, inodesUsed: 0, mountpoint: "/" }),
    stats: async () => [],
    subscribe(onChange) {
      listeners.add(onChange);
      return { close: () => void listeners.delete(onChange) };
    },
    async close() {},
  };
  return fake;
}
