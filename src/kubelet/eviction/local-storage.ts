import { join } from "node:path";
import { Quantity, quantityValue } from "../../api/quantity.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import { type Files, isNotFound } from "../../base/files.ts";
import { podUid, regularContainers } from "../pod/pod.ts";
import { podLimits } from "../pod/resources.ts";

/** What a pod uses of the node's disk. */
export interface StorageUsage {
  /** Writable layer and logs, by container. */
  containers: ReadonlyMap<string, number>;
  /** emptyDir volumes on disk, by name. */
  emptyDirs: ReadonlyMap<string, number>;
}

/** Whether anything limits the pod's use of the disk, so that measuring it is of use. */
export function hasStorageLimits(pod: Pod): boolean {
  return (
    (pod.spec?.volumes ?? []).some(({ emptyDir }) => emptyDir?.sizeLimit && !emptyDir.medium) ||
    regularContainers(pod).some((container) => container.resources?.limits?.["ephemeral-storage"] !== undefined)
  );
}

/** Why the pod is to be evicted for what it uses, in upstream's words; undefined where it keeps within its limits. Pure. */
export function storageExcess(pod: Pod, usage: StorageUsage): string | undefined {
  for (const { name, emptyDir } of pod.spec?.volumes ?? []) {
    if (!emptyDir?.sizeLimit || emptyDir.medium) continue;
    const limit = quantityValue(emptyDir.sizeLimit);
    if (limit > 0 && (usage.emptyDirs.get(name) ?? 0) > limit) {
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${emptyDir.sizeLimit}". `;
    }
  }
  const total = podLimits(pod).get("ephemeral-storage");
  const sum = (numbers: Iterable<number>) => [...numbers].reduce((left, right) => left + right, 0);
  if (total && sum(usage.containers.values()) + sum(usage.emptyDirs.values()) > total.value()) {
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${total}. `;
  }
  for (const container of regularContainers(pod)) {
    const limit = container.resources?.limits?.["ephemeral-storage"];
    if (limit && (usage.containers.get(container.name) ?? 0) > Quantity.parse(limit).value()) {
      return `Container ${container.name} exceeded its local ephemeral storage limit "${limit}". `;
    }
  }
  return undefined;
}

/** The bytes that a directory takes up on disk, without what is mounted below it. */
export async function directoryBytes(files: Files, directory: string): Promise<number> {
  try {
    const { dev } = await files.lstat(directory);
    return await measure(files, directory, dev);
  } catch (error) {
    if (isNotFound(error)) return 0;
    throw error;
  }
}

async function measure(files: Files, path: string, device: number): Promise<number> {
  const info = await files.lstat(path);
  if (info.dev !== device) return 0;
  let bytes = info.blocks * 512;
  if (!info.isDirectory()) return bytes;
  for (const name of await files.readdir(path)) {
    bytes += await measure(files, join(path, name), device).catch((error) => {
      // Containers go on working meanwhile.
      if (isNotFound(error)) return 0;
      throw error;
    });
  }
  return bytes;
}

/** Where the pod's emptyDir volumes on disk are, by name. */
export function emptyDirPaths(pod: Pod, rootDir: string): Map<string, string> {
  const root = join(rootDir, "pods", podUid(pod), "volumes", "kubernetes.io~empty-dir");
  const onDisk = (pod.spec?.volumes ?? []).filter(({ emptyDir }) => emptyDir && !emptyDir.medium);
  return new Map(onDisk.map(({ name }) => [name, join(root, name)]));
}
