import { nodes, services } from "../api/resource-types.ts";
import type { Node } from "../api/types/core.v1.ts";
import { type Clock, sleep } from "../base/clock.ts";
import type { Exec } from "../base/exec.ts";
import type { Files } from "../base/files.ts";
import type { Logger } from "../base/logger.ts";
import type { Network } from "../base/network.ts";
import type { Random } from "../base/random.ts";
import type { Client } from "../client/client.ts";
import { eventRecorder } from "../client/event-broadcaster.ts";
import { informerFactory } from "../client/informer-factory.ts";
import { keepNodeLease } from "../client/node-lease.ts";
import { makeCgroups } from "./cgroups/make-cgroups.ts";
import type { PodCgroups } from "./cgroups/pod-cgroups.ts";
import { nodeCapacity } from "./node/capacity.ts";
import { desiredNode } from "./node/desired-node.ts";
import { machineInfo } from "./node/machine-info.ts";
import { nodeAgent } from "./node/node-agent.ts";
import { nodeStatus } from "./node/node-status.ts";
import { defaultSettings } from "./options.ts";
import { isMirrorPod, isStaticPod, podUid } from "./pod/pod.ts";
import { podIntake } from "./pod/pod-intake.ts";
import { newestContainer } from "./pod/pod-state.ts";
import { podMachinery } from "./pod-machinery.ts";
import { type Image, type Runtime, RuntimeError } from "./runtime.ts";
import { runtimeHealth } from "./runtime-health.ts";
import type { PodAccess } from "./server/pod-access.ts";
import type { KubeletSettings } from "./settings.ts";
import { apiPods, followApiPods } from "./sources/api-pods.ts";
import { mirrorPods } from "./sources/mirror-pods.ts";
import { staticPods } from "./sources/static-pods.ts";
import { upkeep } from "./upkeep.ts";
import { type Mounter, mounter } from "./volumes/mounter.ts";

/** What a kubelet works with, and how; settings that are left out are upstream's defaults. */
export interface KubeletOptions
  extends Partial<Omit<KubeletSettings, "nodeName" | "nodeIps" | "rootDir">>,
    Pick<KubeletSettings, "nodeName" | "nodeIps" | "rootDir"> {
  client: Client;
  runtime: Runtime;
  clock: Clock;
  random: Random;
  files: Files;
  exec: Exec;
  network: Network;
  logger: Logger;
  /** This process: `process.pid` and `process.arch`. */
  process: { readonly pid: number; readonly arch: string };
  /** As in `v1.36.0`. */
  version: string;
  /** Replaces the machine's mounts and cgroups, for tests without root. */
  mounter?: Mounter;
  cgroups?: PodCgroups;
}

export interface Kubelet {
  readonly podAccess: PodAccess;
  readonly settings: KubeletSettings;
  /** The node's object, as last seen; undefined until it is registered. */
  node(): Node | undefined;
  /** Resolves when the node is registered. */
  readonly registered: Promise<Node>;
  /** What is wrong with the kubelet's own work (upstream's /healthz); undefined: nothing. */
  healthy(): string | undefined;
  /** Ends all loops; pods and containers stay as they are. */
  stop(): Promise<void>;
}

/** How long a runtime that does not answer yet is waited for. */
const RUNTIME_WAIT_MS = 120_000;
const IMAGE_LIST_AGE_MS = 30_000;

/**
 * Starts the node agent: registers the node, then keeps the pods that are bound to it as they should be. Resolves when
 * the runtime was found and all loops run; the API need not be there yet. Rejects where the machine lacks what it takes.
 */
export async function startKubelet(options: KubeletOptions): Promise<Kubelet> {
  const { client, runtime, clock, random, files, network, logger } = options;
  const settings = settingsOf(options);
  const { nodeName, rootDir, podLogsDir, containerLogsDir } = settings;
  const stopped = new AbortController();

  await Promise.all([rootDir, podLogsDir, containerLogsDir].map((path) => files.mkdir(path, { recursive: true })));
  const [machine, version, filesystem] = await Promise.all([
    machineInfo(files, options.process.arch),
    runtimeVersion(runtime, clock, logger),
    files.statfs(rootDir),
  ]);
  const capacity = nodeCapacity({ ...settings, machine, filesystemBytes: filesystem.blocks * filesystem.bsize });
  const cgroups = options.cgroups ?? (await makeCgroups({ files, logger, settings, capacity }));
  const events = eventRecorder({
    client,
    clock,
    random,
    logger,
    component: "kubelet",
    host: nodeName,
    signal: stopped.signal,
  });
  const informers = informerFactory({ client, clock, random, logger });
  const podInformer = apiPods(informers, nodeName);
  const serviceInformer = informers.informer(services);
  const nodeInformer = informers.informer(nodes, { fieldSelector: `metadata.name=${nodeName}` });
  const servicesRead = Promise.withResolvers<void>();

  const health = runtimeHealth({ runtime, clock, logger, onChange: () => void agent.update() });
  const machinery = podMachinery({
    client,
    runtime,
    runtimeName: version.runtimeName,
    clock,
    random,
    files,
    network,
    logger,
    events,
    mounter: options.mounter ?? mounter({ exec: options.exec, files }),
    cgroups,
    settings,
    machine,
    pid: options.process.pid,
    allocatable: capacity.allocatable,
    services: async () => {
      await servicesRead.promise;
      return serviceInformer.list();
    },
    networkNotReady: health.networkProblem,
    mirrorOf: (pod) => (isStaticPod(pod) ? mirrors.of(pod) : pod),
  });
  const { workers, statuses, cache } = machinery;

  const desired = desiredNode(settings, machine.system);
  const care = upkeep({
    runtime,
    files,
    clock,
    logger,
    events,
    settings,
    machinery,
    cgroups,
    node: { kind: "Node", name: nodeName, uid: nodeName, apiVersion: "v1" },
    onPressureChange: () => void agent.update(),
  });
  const listImages = imageLister(runtime, clock);
  const agent = nodeAgent({
    client,
    clock,
    logger,
    events,
    nodeName,
    register: settings.registerNode,
    desired,
    updateFrequencyMs: settings.nodeStatusUpdateFrequency,
    reportFrequencyMs: settings.nodeStatusReportFrequency,
    status: async (old) =>
      nodeStatus({
        now: clock.now(),
        machine,
        capacity,
        hostname: settings.hostname,
        nodeIps: settings.nodeIps,
        port: settings.port,
        kubeletVersion: options.version,
        runtimeVersion: `${version.runtimeName}://${version.runtimeVersion}`,
        images: await listImages(),
        pressure: care.eviction.pressures(),
        notReady: [...health.problems(), cache.healthy()].filter((problem) => problem !== undefined),
        old: old.conditions ?? [],
      }),
  });

  const intake = podIntake({
    workers,
    statuses,
    cache,
    events,
    logger,
    node: () => ({ ...desired, ...(nodeInformer.get(nodeName) ?? agent.node()), status: capacity }),
    allowedUnsafeSysctls: settings.allowedUnsafeSysctls,
    active: machinery.active,
    pressure: care.eviction.refuse,
  });
  const mirrors = mirrorPods({
    client,
    clock,
    logger,
    statics: () =>
      workers
        .all()
        .filter(({ work, stage }) => isStaticPod(work.pod) && stage === "syncing")
        .map(({ work }) => work.pod),
    node: agent.node,
    onMirror(pod, mirror) {
      statuses.observe(mirror, pod);
      statuses.set(pod, statuses.get(pod));
    },
  });
  const manifests = settings.staticPodPath
    ? staticPods({
        path: settings.staticPodPath,
        nodeName,
        frequencyMs: settings.fileCheckFrequency,
        files,
        clock,
        logger,
        handlers: {
          set(pod) {
            intake.set(pod);
            mirrors.reconcile();
          },
          remove(pod) {
            intake.remove(pod);
            mirrors.reconcile();
          },
        },
      })
    : undefined;

  await Promise.all([machinery.start(), cgroups.start(), health.check()]);
  health.start();
  agent.start();
  void keepNodeLease(
    {
      client,
      clock,
      logger,
      nodeName,
      durationSeconds: settings.nodeLeaseDurationSeconds,
      nodeUid: () => agent.node()?.metadata?.uid,
    },
    stopped.signal,
  );
  await manifests?.start();
  followApiPods(podInformer, {
    set: (pod) => (isMirrorPod(pod) ? mirrors.set(pod) : intake.set(pod)),
    remove: (pod) => (isMirrorPod(pod) ? mirrors.remove(pod) : intake.remove(pod)),
  });
  informers.start();
  void informers.synced(stopped.signal).then(
    async () => {
      servicesRead.resolve();
      await agent.registered;
      mirrors.reconcile();
      await care.start();
    },
    () => {}, // Stopped before the API was there.
  );

  return {
    settings,
    podAccess: {
      pods: () =>
        workers
          .all()
          .filter(({ work }) => !work.runtimeOnly)
          .map(({ work }) => ({ ...work.pod, status: statuses.get(work.pod) })),
      runningContainer: (pod, name) => {
        const newest = newestContainer(cache.state(podUid(pod)), name);
        return newest?.status.state === "running" ? newest.id : undefined;
      },
      readySandbox: (pod) => cache.state(podUid(pod)).sandboxes.find(({ state }) => state === "ready")?.id,
    },
    node: agent.node,
    registered: agent.registered,
    healthy: () => cache.healthy(),
    async stop() {
      stopped.abort();
      machinery.stop();
      manifests?.stop();
      mirrors.stop();
      care.stop();
      agent.stop();
      health.stop();
      await informers.stop();
    },
  };
}

/** The defaults, and over them the settings among the options. */
function settingsOf(options: KubeletOptions): KubeletSettings {
  const { nodeName, nodeIps, rootDir } = options;
  const defaults = defaultSettings({ nodeName, nodeIps, rootDir });
  const given = Object.entries(options).filter(([name, value]) => value !== undefined && name in defaults);
  return { ...defaults, ...Object.fromEntries(given) };
}

/** The runtime is often started beside the kubelet: it is asked until it answers. */
async function runtimeVersion(runtime: Runtime, clock: Clock, logger: Logger) {
  const begun = clock.monotonic();
  for (let delayMs = 20; ; delayMs = Math.min(delayMs * 2, 1000)) {
    try {
      return await runtime.version();
    } catch (error) {
      const patient = error instanceof RuntimeError && error.code === "unavailable";
      if (!patient || clock.monotonic() - begun > RUNTIME_WAIT_MS) throw error;
      logger.debug("waiting for the container runtime", { error });
    }
    await sleep(clock, delayMs);
  }
}

/** The images that the runtime has, as of half a minute ago at most. */
function imageLister(runtime: Runtime, clock: Clock): () => Promise<readonly Image[]> {
  let last: { at: number; images: readonly Image[] } | undefined;
  return async () => {
    if (!last || clock.monotonic() - last.at > IMAGE_LIST_AGE_MS) {
      last = { at: clock.monotonic(), images: await runtime.listImages().catch(() => last?.images ?? []) };
    }
    return last.images;
  };
}
