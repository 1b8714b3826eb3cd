import { configMaps, runtimeClasses, secrets } from "../api/resource-types.ts";
import type { Pod, Service } from "../api/types/core.v1.ts";
import type { Clock } from "../base/clock.ts";
import type { Files } from "../base/files.ts";
import type { Logger } from "../base/logger.ts";
import type { Network } from "../base/network.ts";
import type { Random } from "../base/random.ts";
import type { Client } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { PodCgroups } from "./cgroups/pod-cgroups.ts";
import { containerStarter } from "./containers/container-starter.ts";
import { containerStopper } from "./containers/container-stopper.ts";
import { dnsReader } from "./containers/dns-config.ts";
import type { DownwardFacts } from "./containers/downward-api.ts";
import { hookRunner } from "./containers/lifecycle-hook.ts";
import { sandboxStarter } from "./containers/sandbox-starter.ts";
import { terminationMessages } from "./containers/termination-message.ts";
import { imageManager } from "./images/image-manager.ts";
import type { MachineInfo } from "./node/machine-info.ts";
import { objectCache } from "./objects/object-cache.ts";
import { podReferences } from "./objects/references.ts";
import { serviceAccountTokens } from "./objects/service-account-tokens.ts";
import { backoff, INITIAL_BACKOFF_MS } from "./plan/backoff.ts";
import { podNamespace, podUid } from "./pod/pod.ts";
import { podSteps } from "./pod/pod-sync.ts";
import { type PodWorkers, podWorkers } from "./pod/pod-workers.ts";
import { type RuntimeCache, runtimeCache } from "./pod/runtime-cache.ts";
import { removeTraces } from "./pod/trace-remover.ts";
import { probeManager } from "./probes/probe-manager.ts";
import { prober } from "./probes/prober.ts";
import { resizer } from "./resize/resizer.ts";
import type { Runtime } from "./runtime.ts";
import type { KubeletSettings } from "./settings.ts";
import { podReporter } from "./status/pod-reporter.ts";
import { type StatusManager, statusManager } from "./status/status-manager.ts";
import { dataVolumePlugins } from "./volumes/data-volumes.ts";
import { emptyDirPlugin } from "./volumes/empty-dir.ts";
import { hostPathPlugin } from "./volumes/host-path.ts";
import type { Mounter } from "./volumes/mounter.ts";
import { persistentVolumePlugin } from "./volumes/persistent-volume.ts";
import { type VolumeManager, volumeManager } from "./volumes/volume-manager.ts";

export interface PodMachineryOptions {
  client: Client;
  runtime: Runtime;
  runtimeName: string;
  clock: Clock;
  random: Random;
  files: Files;
  network: Network;
  logger: Logger;
  events: EventRecorder;
  mounter: Mounter;
  cgroups: PodCgroups;
  settings: KubeletSettings;
  machine: MachineInfo;
  pid: number;
  /** The node's allocatable resources. */
  allocatable: Readonly<Record<string, string>>;
  /** All Services; resolves when they have been read at least once. */
  services(): Promise<readonly Service[]>;
  networkNotReady(): string | undefined;
  /** The object that shows a static pod in the API, if there is one. */
  mirrorOf(pod: Pod): Pod | undefined;
}

/** All that it takes to run pods, put together; the sources of pods and the node's own affairs are not in it. */
export interface PodMachinery {
  readonly workers: PodWorkers;
  readonly cache: RuntimeCache;
  readonly statuses: StatusManager;
  readonly volumes: VolumeManager;
  /** The pods that take up room, with the resources that were granted to them. */
  active(): Pod[];
  /** Must be awaited before pods are handed to the workers. */
  start(): Promise<void>;
  stop(): void;
}

export function podMachinery(options: PodMachineryOptions): PodMachinery {
  const { client, runtime, clock, random, files, network, logger, events, settings, machine } = options;
  const { rootDir, podLogsDir, containerLogsDir, nodeIps } = settings;

  const wake = (uid: string) => workers.get(uid)?.wake();
  const objects = { client, clock, random, logger, onChange: (uids: readonly string[]) => uids.forEach(wake) };
  const configMapCache = objectCache({ ...objects, type: configMaps });
  const secretCache = objectCache({ ...objects, type: secrets });
  const tokens = serviceAccountTokens({ client, clock, random, logger });
  const cache = runtimeCache({
    runtime,
    clock,
    logger,
    onChange: (uid) => workers.get(uid)?.wakeFor(cache.state(uid)),
  });
  const statuses = statusManager({ client, clock, logger, mirrorOf: options.mirrorOf });
  const facts = (_pod: Pod, podIps: readonly string[]): DownwardFacts => ({
    hostIps: nodeIps,
    podIps,
    allocatable: options.allocatable,
  });
  const podIpsOf = (pod: Pod) => (statuses.get(pod).podIPs ?? []).flatMap(({ ip }) => ip ?? []);
  const volumes = volumeManager({
    files,
    mounter: options.mounter,
    rootDir,
    pid: options.pid,
    plugins: [
      emptyDirPlugin({ files, mounter: options.mounter, memoryCapacity: machine.memoryBytes }),
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
  const containerOptions = {
    memoryCapacity: machine.memoryBytes,
    cpuCfsQuota: settings.cpuCfsQuota,
    hugepageSizes: [...machine.hugepages.keys()],
  };
  const resizing = resizer({
    runtime,
    cgroups: options.cgroups,
    events,
    files,
    rootDir,
    allocatable: options.allocatable,
    resources: containerOptions,
    others: (pod) =>
      workers
        .active()
        .filter((other) => podUid(other) !== podUid(pod))
        .map(resizing.granted),
  });
  const reporter = podReporter({
    resizer: resizing,
    cache,
    probes,
    statuses,
    messages: terminationMessages(files),
    podLogsDir,
    hostIps: nodeIps,
    runtimeName: options.runtimeName,
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
    resources: containerOptions,
    configMap: configMapCache.get,
    secret: secretCache.get,
    services: options.services,
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
  const steps = podSteps({
    clock,
    events,
    cache,
    images,
    volumes,
    cgroups: options.cgroups,
    probes,
    statuses,
    reporter,
    starter,
    stopper,
    sandboxes,
    resizer: resizing,
    backoff: backoff(clock, INITIAL_BACKOFF_MS, settings.maxContainerRestartPeriod),
    networkNotReady: options.networkNotReady,
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
    removeTraces: (work) => removeTraces({ runtime, cache, files, podLogsDir, containerLogsDir }, work),
  });
  const workers = podWorkers({
    steps,
    cache,
    clock,
    random,
    logger,
    syncFrequencyMs: settings.syncFrequency,
    onFreed: () => resizing.deferred().forEach(wake),
  });

  return {
    workers,
    cache,
    statuses,
    volumes,
    active: () => workers.active().map(resizing.granted),
    async start() {
      await Promise.all([volumes.start(), cache.relist(), resizing.start()]);
      cache.start();
    },
    stop() {
      workers.stop();
      cache.stop();
      probes.stop();
      statuses.stop();
      configMapCache.stop();
      secretCache.stop();
    },
  };
}
