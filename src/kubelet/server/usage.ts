import { availableParallelism } from "node:os";
import type { Pod } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Files } from "../../base/files.ts";
import { CONTAINER_NAME_LABEL, POD_UID_LABEL } from "../pod/runtime-labels.ts";
import type { Runtime } from "../runtime.ts";
import type { PodAccess } from "./pod-access.ts";

/** Processor time and memory in use. */
export interface Usage {
  /** When it was measured, in ms since the epoch. */
  readonly time: number;
  readonly cpuNanoSeconds: number;
  /** Nanoseconds per second since the measurement before; absent at the first. */
  readonly cpuNanoCores?: number;
  readonly memoryUsageBytes: number;
  readonly memoryWorkingSetBytes: number;
  readonly memoryRssBytes: number;
}
export interface FileSystemUsage {
  readonly capacityBytes: number;
  readonly availableBytes: number;
  readonly usedBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
}
export interface NetworkUsage {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxErrors: number;
  readonly txBytes: number;
  readonly txErrors: number;
}
export interface ContainerUsage extends Usage {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  /** In ms since the epoch; absent where the status doesn't say it yet. */
  readonly startedAt?: number;
  readonly fileSystemUsedBytes: number;
  readonly fileSystemInodesUsed: number;
}
export interface PodUsage extends Usage {
  readonly pod: Pod;
  readonly containers: readonly ContainerUsage[];
}
/** What the node and its pods use, measured at about one moment. */
export interface NodeUsage {
  readonly node: Usage & { readonly memoryTotalBytes: number; readonly startedAt: number; readonly cpus: number };
  readonly network: readonly NetworkUsage[];
  readonly fileSystem: FileSystemUsage;
  readonly imageFileSystem: FileSystemUsage & { readonly imagesBytes: number };
  readonly pods: readonly PodUsage[];
}

export interface UsageOptions {
  runtime: Runtime;
  pods: PodAccess;
  files: Files;
  clock: Clock;
  /** The kubelet's directory, whose file system counts as the node's. */
  rootDir: string;
}

/** Scrapers that come together share one measurement. */
const SHARED_MS = 1_000;
const NANOSECONDS_PER_TICK = 10_000_000;

/** Measures on demand. Rejects where the runtime can't be asked. */
export function usageMeter(options: UsageOptions): { measure(): Promise<NodeUsage> } {
  const { clock } = options;
  let last: { at: number; result: Promise<NodeUsage> } | undefined;
  let previous = new Map<string, { time: number; cpu: number; rate?: number }>();
  let current = previous;
  /** The rate against the measurement before; one within the same moment says nothing new. */
  const rate = (key: string, time: number, cpu: number): { cpuNanoCores?: number } => {
    const before = previous.get(key);
    const value =
      before && time > before.time
        ? Math.max(0, Math.round((cpu - before.cpu) / ((time - before.time) / 1000)))
        : before?.rate;
    current.set(key, { time, cpu, ...(value === undefined ? {} : { rate: value }) });
    return value === undefined ? {} : { cpuNanoCores: value };
  };
  const measure = async (): Promise<NodeUsage> => {
    const { files, rootDir, runtime } = options;
    const [stats, images, stat, meminfo, network, fileSystem] = await Promise.all([
      runtime.stats(),
      runtime.imageFsInfo(),
      files.readFile("/proc/stat", "utf8"),
      files.readFile("/proc/meminfo", "utf8"),
      files.readFile("/proc/net/dev", "utf8"),
      fileSystemUsage(files, rootDir),
    ]);
    const imageFileSystem = (await files.exists(images.mountpoint))
      ? await fileSystemUsage(files, images.mountpoint)
      : fileSystem;
    current = new Map();
    const now = clock.now();
    const nodeCpu = busyNanoSeconds(stat);
    const memory = memoryOf(meminfo);
    const pods = options.pods.pods().map((pod): PodUsage => {
      const containers = stats
        .filter(({ labels }) => labels[POD_UID_LABEL] === pod.metadata?.uid)
        .map((one): ContainerUsage => {
          const name = one.labels[CONTAINER_NAME_LABEL] ?? "";
          return {
            id: one.id,
            name,
            ...describe(pod, name),
            time: one.timestamp,
            cpuNanoSeconds: one.cpuUsageCoreNanoSeconds,
            ...rate(one.id, one.timestamp, one.cpuUsageCoreNanoSeconds),
            memoryUsageBytes: one.memoryUsageBytes,
            memoryWorkingSetBytes: one.memoryWorkingSetBytes,
            memoryRssBytes: one.memoryRssBytes,
            fileSystemUsedBytes: one.filesystemUsedBytes,
            fileSystemInodesUsed: one.filesystemInodesUsed,
          };
        });
      const sum = (field: "cpuNanoSeconds" | "memoryUsageBytes" | "memoryWorkingSetBytes" | "memoryRssBytes") =>
        containers.reduce((total, container) => total + container[field], 0);
      const rates = containers.map(({ cpuNanoCores }) => cpuNanoCores);
      return {
        pod,
        containers,
        time: Math.max(0, ...containers.map(({ time }) => time)),
        cpuNanoSeconds: sum("cpuNanoSeconds"),
        ...(rates.includes(undefined) ? {} : { cpuNanoCores: rates.reduce<number>((total, one) => total + one!, 0) }),
        memoryUsageBytes: sum("memoryUsageBytes"),
        memoryWorkingSetBytes: sum("memoryWorkingSetBytes"),
        memoryRssBytes: sum("memoryRssBytes"),
      };
    });
    const node = {
      time: now,
      startedAt: Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? 0) * 1000,
      cpus: availableParallelism(),
      cpuNanoSeconds: nodeCpu,
      ...rate("", now, nodeCpu),
      ...memory,
    };
    previous = current;
    return {
      node,
      network: interfaces(network),
      fileSystem,
      imageFileSystem: { ...imageFileSystem, imagesBytes: images.usedBytes },
      pods,
    };
  };
  return {
    measure() {
      if (!last || clock.monotonic() - last.at >= SHARED_MS) {
        const result = measure();
        last = { at: clock.monotonic(), result };
        result.catch(() => {
          if (last?.result === result) last = undefined;
        });
      }
      return last.result;
    },
  };
}

function describe(pod: Pod, name: string): { image: string; startedAt?: number } {
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {};
  const status = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find(
    (candidate) => candidate.name === name,
  );
  const startedAt = status?.state?.running?.startedAt;
  return { image: status?.image ?? "", ...(startedAt ? { startedAt: Date.parse(startedAt) } : {}) };
}

/** All processor time that was not idle, from /proc/stat (proc(5)): user, nice, system, irq, softirq, steal. */
function busyNanoSeconds(stat: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? "")
    .split(" ")
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * NANOSECONDS_PER_TICK;
}

/** From /proc/meminfo. The working set leaves out file pages that nobody has touched lately, as upstream's does. */
function memoryOf(meminfo: string) {
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(meminfo)?.[1] ?? 0) * 1024;
  const total = bytes("MemTotal");
  const usage = total - bytes("MemFree");
  return {
    memoryTotalBytes: total,
    memoryUsageBytes: usage,
    memoryWorkingSetBytes: Math.max(0, usage - bytes("Inactive\\(file\\)")),
    memoryRssBytes: bytes("AnonPages"),
  };
}

/** The links of this network namespace but the loopback, from /proc/net/dev. */
function interfaces(text: string): NetworkUsage[] {
  return text
    .split("\n")
    .slice(2)
    .map((line) => line.trim().split(/:?\s+/))
    .filter(([name]) => name && name !== "lo")
    .map(([name, rxBytes, , rxErrors, , , , , , txBytes, , txErrors]) => ({
      name: name!,
      rxBytes: Number(rxBytes),
      rxErrors: Number(rxErrors),
      txBytes: Number(txBytes),
      txErrors: Number(txErrors),
    }));
}

async function fileSystemUsage(files: Files, path: string): Promise<FileSystemUsage> {
  const { bsize, blocks, bavail, bfree, files: inodes, ffree } = await files.statfs(path);
  return {
    capacityBytes: blocks * bsize,
    availableBytes: bavail * bsize,
    usedBytes: (blocks - bfree) * bsize,
    inodes,
    inodesFree: ffree,
  };
}
