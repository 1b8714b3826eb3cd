import { configMaps, nodes, runtimeClasses, secrets, services } from "../api/resource-types.ts";
import type { Node, Pod } from "../api/types/core.v1.ts";
import { type Clock, sleep } from "../base/clock.ts";
import type { Exec } from "../base/exec.ts";
import type { Files } from "../base/files.ts";
import type { Logger } from "../base/logger.ts";
import type { Network } from "../base/network.ts";
import type { Random } from "../base/random.ts";
import type { Client } from "../client/client.ts";
import { eventRecorder } from "../client/event-broadcaster.ts";
import { informerFactory } from "../client/informer-factory.ts";
import { makeCgroups } from "./cgroups/make-cgroups.ts";
import type { PodCgroups } from "./cgroups/pod-cgroups.ts";
import { containerStarter } from "./containers/container-starter.ts";
import { containerStopper } from "./containers/container-stopper.ts";
import { dnsReader } from "./containers/dns-config.ts";
import type { DownwardFacts } from "./containers/downward-api.ts";
import { hookRunner } from "./containers/lifecycle-hook.ts";
import { sandboxStarter } from "./containers/sandbox-starter.ts";
import { terminationMessages } from "./containers/termination-message.ts";
import { housekeeping } from "./housekeeping.ts";
import { imageManager } from "./images/image-manager.ts";
import { nodeCapacity } from "./node/capacity.ts";
import { desiredNode } from "./node/desired-node.ts";
import { keepNodeLease } from "./node/lease.ts";
import { machineInfo } from "./node/machine-info.ts";
import { nodeAgent } from "./node/node-agent.ts";
import { nodeStatus } from "./node/node-status.ts";
import { objectCache } from "./objects/object-cache.ts";
import { podReferences } from "./objects/references.ts";
import { serviceAccountTokens } from "./objects/service-account-tokens.ts";
import { defaultSettings } from "./options.ts";
import { backoff, INITIAL_BACKOFF_MS } from "./plan/backoff.ts";
import { isMirrorPod, podNamespace, podUid } from "./pod/pod.ts";
import { podIntake } from "./pod/pod-intake.ts";
import { newestContainer } from "./pod/pod-state.ts";
import { podSteps } from "./pod/pod-sync.ts";
import { podWorkers } from "./pod/pod-workers.ts";
import { runtimeCache } from "./pod/runtime-cache.ts";
import { removeTraces } from "./pod/trace-remover.ts";
import { probeManager } from "./probes/probe-manager.ts";
import { prober } from "./probes/prober.ts";
import { type Image, type Runtime, RuntimeError } from "./runtime.ts";
import { runtimeHealth } from "./runtime-health.ts";
import type { PodAccess } from "./server/pod-access.ts";
import type { KubeletSettings } from "./settings.ts";
import { apiPods, followApiPods } from "./sources/api-pods.ts";
import { podReporter } from "./status/pod-reporter.ts";
import { statusManager } from "./status/status-manager.ts";
import { dataVolumePlugins } from "./volumes/data-volumes.ts";
import { emptyDirPlugin } from "./volumes/empty-dir.ts";
import { hostPathPlugin } from "./volumes/host-path.ts";
import { type Mounter, mounter } from "./volumes/mounter.ts";
import { persistentVolumePlugin } from "./volumes/persistent-volume.ts";
import { volumeManager } from "./volumes/volume-manager.ts";

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
  /** Whether the kubelet does its work (upstream's /healthz): the pod loops go on and the runtime is looked at. */
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
  const { rootDir, podLogsDir, containerLogsDir, nodeIps } = settings;
  const stopped = new AbortController();
  const mounts = options.mounter ?? mounter({ exec: options.exec, files });

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
    host: settings.nodeName,
    signal: stopped.signal,
  });
  const informers = informerFactory({ client, clock, random, logger });
  const podInformer = apiPods(informers, settings.nodeName);
  const serviceInformer = informers.informer(services);
  const nodeInformer = informers.informer(nodes, { fieldSelector: `metadata.name=${settings.nodeName}` });
  const servicesRead = Promise.withResolvers<void>();

  const wake = (uid: string) => workers.get(uid)?.wake();
  const wakeAll = (uids: readonly string[]) => uids.forEach(wake);
  const cacheOf = { client, clock, random, logger, onChange: wakeAll };
  const configMapCache = objectCache({ ...cacheOf, type: configMaps });
  const secretCache = objectCache({ ...cacheOf, type: secrets });
  const tokens = serviceAccountTokens({ client, clock, random, logger });

  const cache = runtimeCache({
    runtime,
    clock,
    logger,
    onChange: (uid) => workers.get(uid)?.wakeFor(cache.state(uid)),
  });
  const health = runtimeHealth({ runtime, clock, logger, onChange: () => void agent.update() });
  const statuses = statusManager({ client, clock, logger });
  const facts = (_pod: Pod, podIps: readonly string[]): DownwardFacts => ({
    hostIps: nodeIps,
    podIps,
    allocatable: capacity.allocatable,
  });
  const podIpsOf = (pod: Pod) => (statuses.get(pod).podIPs ?? []).flatMap(({ ip }) => ip ?? []);
  const volumes = volumeManager({
    files,
    mounter: mounts,
    rootDir,
    pid: options.process.pid,
    plugins: [
      emptyDirPlugin({ files, mounter: mounts, memoryCapacity: machine.memoryBytes }),
      hostPathPlugin({ files }),
      ...dataVolumePlugins({
        files,
        clock,
        sources: {
          configMap: configMapCache.get,
          secret: secretCache.get,
          token: tokens.token,
          facts: (pod) => facts(pod, podIpsOf(pod)),
        },
      }),
      persistentVolumePlugin({ client, files }),
    ],
  });
  const probes = probeManager({
    prober: prober({ runtime, clock, network, events }),
    clock,
    random,
    onChange: wake,
  });
  const hooks = hookRunner({ runtime, clock, network });
  const stopper = containerStopper({ runtime, cache, hooks, events, clock, logger });
  const images = imageManager({
    runtime,
    clock,
    events,
    maxParallelPulls: settings.serializeImagePulls ? 1 : settings.maxParallelImagePulls || Number.POSITIVE_INFINITY,
  });
  const reporter = podReporter({
    cache,
    probes,
    statuses,
    messages: terminationMessages(files),
    podLogsDir,
    hostIps: nodeIps,
    runtimeName: version.runtimeName,
  });
  const starter = containerStarter({
    runtime,
    cache,
    images,
    volumes,
    hooks,
    stopper,
    events,
    files,
    random,
    logger,
    rootDir,
    containerLogsDir,
    security: { seccompDefault: settings.seccompDefault, seccompRoot: `${rootDir}/seccomp` },
    resources: {
      memoryCapacity: machine.memoryBytes,
      cpuCfsQuota: settings.cpuCfsQuota,
      hugepageSizes: [...machine.hugepages.keys()],
    },
    configMap: configMapCache.get,
    secret: secretCache.get,
    services: async () => {
      await servicesRead.promise;
      return serviceInformer.list();
    },
    facts,
  });
  const sandboxes = sandboxStarter({
    runtime,
    cache,
    events,
    files,
    rootDir,
    podLogsDir,
    clusterDomain: settings.clusterDomain,
    hostIps: nodeIps,
    dns: dnsReader(files, settings),
    async runtimeHandler(pod) {
      const name = pod.spec?.runtimeClassName;
      return name ? (await client.resource(runtimeClasses).get(name)).handler : undefined;
    },
  });
  const traces = { runtime, cache, files, podLogsDir, containerLogsDir };
  const steps = podSteps({
    clock,
    events,
    cache,
    images,
    volumes,
    cgroups,
    probes,
    statuses,
    reporter,
    starter,
    stopper,
    sandboxes,
    backoff: backoff(clock, INITIAL_BACKOFF_MS, settings.maxContainerRestartPeriod),
    networkNotReady: health.networkProblem,
    retain(pod) {
      const references = podReferences(pod);
      configMapCache.retain(podUid(pod), podNamespace(pod), references.configMaps);
      secretCache.retain(podUid(pod), podNamespace(pod), references.secrets);
    },
    release(uid) {
      configMapCache.release(uid);
      secretCache.release(uid);
      tokens.forgetPod(uid);
    },
    removeTraces: (work) => removeTraces(traces, work),
  });
  const workers = podWorkers({
    steps,
    cache,
    clock,
    random,
    logger,
    syncFrequencyMs: settings.syncFrequency,
  });

  let imageList: { at: number; images: readonly Image[] } | undefined;
  const listImages = async () => {
    if (!imageList || clock.monotonic() - imageList.at > IMAGE_LIST_AGE_MS) {
      imageList = { at: clock.monotonic(), images: await runtime.listImages().catch(() => imageList?.images ?? []) };
    }
    return imageList.images;
  };
  const problems = () => [...health.problems(), cache.healthy()].filter((problem) => problem !== undefined);
  const desired = desiredNode(settings, machine.system);
  const agent = nodeAgent({
    client,
    clock,
    logger,
    events,
    nodeName: settings.nodeName,
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
        nodeIps,
        port: settings.port,
        kubeletVersion: options.version,
        runtimeVersion: `${version.runtimeName}://${version.runtimeVersion}`,
        images: await listImages(),
        pressure: { memory: false, disk: false, pid: false },
        notReady: problems(),
        old: old.conditions ?? [],
      }),
  });
  const intake = podIntake({
    workers,
    statuses,
    cache,
    events,
    logger,
    node: () => ({ ...desired, ...(nodeInformer.get(settings.nodeName) ?? agent.node()), status: capacity }),
    allowedUnsafeSysctls: settings.allowedUnsafeSysctls,
    pressure: () => undefined,
  });
  const cleaning = housekeeping({
    clock,
    files,
    logger,
    workers,
    cache,
    volumes,
    cgroups,
    podLogsDir,
    containerLogsDir,
  });

  await Promise.all([volumes.start(), cgroups.start(), cache.relist(), health.check()]);
  cache.start();
  health.start();
  agent.start();
  void keepNodeLease(
    {
      client,
      clock,
      logger,
      nodeName: settings.nodeName,
      durationSeconds: settings.nodeLeaseDurationSeconds,
      nodeUid: () => agent.node()?.metadata?.uid,
    },
    stopped.signal,
  );
  followApiPods(podInformer, {
    set: (pod) => (isMirrorPod(pod) ? undefined : intake.set(pod)),
    remove: intake.remove,
  });
  informers.start();
  void informers.synced(stopped.signal).then(
    async () => {
      servicesRead.resolve();
      await cleaning.run();
      cleaning.start();
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
      workers.stop();
      cleaning.stop();
      agent.stop();
      health.stop();
      cache.stop();
      probes.stop();
      statuses.stop();
      configMapCache.stop();
      secretCache.stop();
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
