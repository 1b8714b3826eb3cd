import { join } from "node:path";
import { Quantity } from "../../api/quantity.ts";
import { isTolerated } from "../../api/taints.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Files } from "../../base/files.ts";
import type { Logger } from "../../base/logger.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import { podLogDirectory } from "../containers/log-paths.ts";
import { describePod, podReference, podUid } from "../pod/pod.ts";
import type { PodVerdict } from "../pod/pod-worker.ts";
import type { PodWorkers } from "../pod/pod-workers.ts";
import { isCriticalPod, qosClass } from "../pod/qos.ts";
import { CONTAINER_NAME_LABEL, POD_UID_LABEL } from "../pod/runtime-labels.ts";
import type { ContainerStats, Runtime } from "../runtime.ts";
import { directoryBytes, emptyDirPaths, hasStorageLimits, type StorageUsage, storageExcess } from "./local-storage.ts";
import { rankForEviction, type Usage } from "./ranking.ts";
import {
  assess,
  type EvictionMemory,
  type Observations,
  type Pressure,
  SIGNALS,
  type Threshold,
  thresholdAmount,
} from "./thresholds.ts";

/** Keeps the node alive when memory, disk or pids run short: by what can be cleaned up, then by evicting pods. */
export interface EvictionManager {
  pressures(): { memory: boolean; disk: boolean; pid: boolean };
  /** Why a new pod is not taken while the node is under pressure, if it is not. */
  refuse(pod: Pod): PodVerdict | undefined;
  /** Looks once and acts. */
  run(): Promise<void>;
  start(): void;
  stop(): void;
}

export interface EvictionManagerOptions {
  thresholds: readonly Threshold[];
  observe(): Promise<Observations>;
  runtime: Runtime;
  files: Files;
  clock: Clock;
  logger: Logger;
  events: EventRecorder;
  workers: PodWorkers;
  rootDir: string;
  podLogsDir: string;
  transitionMs: number;
  /** The longest grace period of a soft eviction, in seconds. */
  maxPodGraceSeconds: number;
  /** Frees disk without ending anything: unused images, ended containers. */
  reclaimDisk(): Promise<void>;
  /** Called when a pressure has come or gone. */
  onChange(): void;
}

const PERIOD_MS = 10_000;
/** What hard eviction leaves pods to end by themselves. */
const HARD_GRACE_SECONDS = 1;

export function evictionManager(options: EvictionManagerOptions): EvictionManager {
  const { clock, logger, events, files, workers } = options;
  let memory: EvictionMemory = { crossedAt: new Map(), pressedAt: new Map() };
  let pressures = new Set<Pressure>();
  let timer: Timer | undefined;
  let running = false;

  const evict = async (pod: Pod, message: string, graceSeconds: number): Promise<void> => {
    logger.warn("evicting a pod", { pod: describePod(pod), message });
    events.event(podReference(pod), "Warning", "Evicted", message);
    await workers.get(podUid(pod))?.evict(
      {
        phase: "Failed",
        reason: "Evicted",
        message,
        disruption: { reason: "TerminationByKubelet", message },
      },
      graceSeconds,
    );
  };

  const logBytes = (pod: Pod, container: string) =>
    directoryBytes(files, join(podLogDirectory(options.podLogsDir, pod), container));

  /** Ends pods that take more of the disk than they may, whether or not it is short. */
  const enforceStorageLimits = async (): Promise<boolean> => {
    const limited = workers.active().filter(hasStorageLimits);
    if (limited.length === 0) return false;
    const stats = await options.runtime.stats();
    for (const pod of limited) {
      const containers = new Map<string, number>();
      for (const one of stats) {
        if (one.labels[POD_UID_LABEL] !== podUid(pod)) continue;
        const name = one.labels[CONTAINER_NAME_LABEL] ?? "";
        containers.set(name, one.filesystemUsedBytes + (await logBytes(pod, name)));
      }
      const emptyDirs = new Map<string, number>();
      for (const [name, path] of emptyDirPaths(pod, options.rootDir))
        emptyDirs.set(name, await directoryBytes(files, path));
      const usage: StorageUsage = { containers, emptyDirs };
      const excess = storageExcess(pod, usage);
      if (!excess) continue;
      await evict(pod, excess, HARD_GRACE_SECONDS);
      return true;
    }
    return false;
  };

  const evictOne = async (threshold: Threshold, observed: Observations): Promise<void> => {
    const { resource } = SIGNALS[threshold.signal];
    const stats = await options.runtime.stats();
    const usageOf = (pod: Pod) => usage(pod, stats, resource);
    const candidates = workers.active().filter((pod) => !isCriticalPod(pod));
    const [victim] = rankForEviction(candidates, usageOf, resource);
    if (!victim) {
      logger.warn("nothing is left to evict", { signal: threshold.signal });
      return;
    }
    const grace = threshold.graceMs === 0 ? HARD_GRACE_SECONDS : options.maxPodGraceSeconds;
    await evict(victim, evictionMessage(victim, threshold, observed, usageOf(victim)), grace);
  };

  const run = async () => {
    if (running) return;
    running = true;
    try {
      if (await enforceStorageLimits()) return;
      let observed = await options.observe();
      const now = clock.now();
      let result = assess(options.thresholds, observed, memory, now, options.transitionMs);
      memory = result.memory;
      const changed = [...result.pressures].join() !== [...pressures].join();
      pressures = result.pressures;
      if (changed) options.onChange();
      let [threshold] = result.due;
      if (threshold && SIGNALS[threshold.signal].condition === "disk") {
        await options.reclaimDisk();
        observed = await options.observe();
        result = assess(options.thresholds, observed, memory, now, options.transitionMs);
        [threshold] = result.due;
      }
      if (threshold) await evictOne(threshold, observed);
    } catch (error) {
      logger.warn("cannot look after the node's resources", { error });
    } finally {
      running = false;
    }
  };

  return {
    pressures: () => ({ memory: pressures.has("memory"), disk: pressures.has("disk"), pid: pressures.has("pid") }),
    refuse(pod) {
      if (pressures.size === 0 || isCriticalPod(pod)) return undefined;
      const names: Record<Pressure, string> = { memory: "MemoryPressure", disk: "DiskPressure", pid: "PIDPressure" };
      const list = [...pressures].map((one) => names[one]);
      // Short memory alone keeps away only those that promise nothing about how much they will use.
      if (list.length === 1 && list[0] === "MemoryPressure") {
        if (qosClass(pod) !== "BestEffort") return undefined;
        const taint = { key: "node.kubernetes.io/memory-pressure", effect: "NoSchedule" };
        if (isTolerated(taint, pod.spec?.tolerations)) return undefined;
      }
      return {
        phase: "Failed",
        reason: "Evicted",
        message: `Pod was rejected: The node had condition: [${list.join(", ")}]. `,
      };
    },
    run,
    start() {
      timer = clock.every(PERIOD_MS, () => void run());
    },
    stop: () => timer?.cancel(),
  };
}

/** What the pod uses, by container; undefined where the runtime has no figures or the resource is not one it counts. */
function usage(pod: Pod, stats: readonly ContainerStats[], resource: string): Usage | undefined {
  const own = stats.filter(({ labels }) => labels[POD_UID_LABEL] === podUid(pod));
  if (own.length === 0) return undefined;
  const amount = (one: ContainerStats) =>
    resource === "memory"
      ? one.memoryWorkingSetBytes
      : resource === "inodes"
        ? one.filesystemInodesUsed
        : one.filesystemUsedBytes;
  return new Map(own.map((one) => [one.labels[CONTAINER_NAME_LABEL] ?? "", amount(one)]));
}

/** Upstream's text, which names the containers that use more than they asked for. */
export function evictionMessage(
  pod: Pod,
  threshold: Threshold,
  observed: Observations,
  used: Usage | undefined,
): string {
  const { resource } = SIGNALS[threshold.signal];
  const observation = observed.get(threshold.signal) ?? { available: 0, capacity: 0 };
  const amount = (value: number) =>
    Quantity.of(Math.trunc(value), resource === "inodes" || resource === "pids" ? "DecimalSI" : "BinarySI");
  const limit = thresholdAmount(threshold.value, observation.capacity);
  let message = `The node was low on resource: ${resource}. Threshold quantity: ${amount(limit)}, available: ${kibi(observation.available, resource)}. `;
  const requests = (name: string) => {
    const container = pod.spec?.containers.find((one) => one.name === name);
    return Quantity.parse(container?.resources?.requests?.[resource] ?? "0");
  };
  for (const [name, value] of used ?? []) {
    const requested = requests(name);
    if (value <= requested.value()) continue;
    message += `Container ${name} was using ${kibi(value, resource)}, request is ${requested}, has larger consumption of ${resource}. `;
  }
  return message;
}

/** Amounts of bytes are told in whole Ki. */
function kibi(value: number, resource: string): string {
  return resource === "inodes" || resource === "pids" ? String(value) : `${Math.trunc(value / 1024)}Ki`;
}
