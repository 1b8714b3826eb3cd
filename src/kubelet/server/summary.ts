import type { ContainerUsage, FileSystemUsage, NetworkUsage, NodeUsage, Usage } from "./usage.ts";

const timestamp = (ms: number) => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");

/** The answer of `/stats/summary` (k8s.io/kubelet/pkg/apis/stats/v1alpha1). */
export function summary(usage: NodeUsage, nodeName: string): unknown {
  const { node } = usage;
  const time = timestamp(node.time);
  const fileSystem = (of: FileSystemUsage) => ({
    time,
    availableBytes: of.availableBytes,
    capacityBytes: of.capacityBytes,
    usedBytes: of.usedBytes,
    inodesFree: of.inodesFree,
    inodes: of.inodes,
    inodesUsed: of.inodes - of.inodesFree,
  });
  return {
    node: {
      nodeName,
      startTime: timestamp(node.startedAt),
      ...processing(node),
      memory: {
        ...processing(node).memory,
        availableBytes: Math.max(0, node.memoryTotalBytes - node.memoryWorkingSetBytes),
      },
      ...(usage.network[0] ? { network: network(time, usage.network) } : {}),
      fs: fileSystem(usage.fileSystem),
      runtime: { imageFs: { ...fileSystem(usage.imageFileSystem), usedBytes: usage.imageFileSystem.imagesBytes } },
    },
    pods: usage.pods
      .filter(({ containers }) => containers.length > 0)
      .map((one) => {
        const { name, namespace, uid } = one.pod.metadata ?? {};
        return {
          podRef: { name, namespace, uid },
          ...(one.pod.status?.startTime ? { startTime: one.pod.status.startTime } : {}),
          containers: one.containers.map(container),
          ...processing(one),
        };
      }),
  };
}

function container(one: ContainerUsage): unknown {
  const { rootfs } = { rootfs: { usedBytes: one.fileSystemUsedBytes, inodesUsed: one.fileSystemInodesUsed } };
  return {
    name: one.name,
    ...(one.startedAt === undefined ? {} : { startTime: timestamp(one.startedAt) }),
    ...processing(one),
    rootfs: { time: timestamp(one.time), ...rootfs },
  };
}

function processing(of: Usage) {
  const time = timestamp(of.time);
  return {
    cpu: {
      time,
      ...(of.cpuNanoCores === undefined ? {} : { usageNanoCores: of.cpuNanoCores }),
      usageCoreNanoSeconds: of.cpuNanoSeconds,
    },
    memory: {
      time,
      usageBytes: of.memoryUsageBytes,
      workingSetBytes: of.memoryWorkingSetBytes,
      rssBytes: of.memoryRssBytes,
    },
  };
}

function network(time: string, links: readonly NetworkUsage[]): unknown {
  return { time, ...(links.find(({ name }) => name === "eth0") ?? links[0]), interfaces: links };
}
