import { join } from "node:path";
import { type Files, isNotFound } from "../../base/files.ts";
import type { LinuxResources } from "../runtime.ts";

/** Control groups as directories, of version 1 (one tree per controller) or 2 (one tree); see cgroups(7). */
export interface CgroupTree {
  /** Makes the group at `path` with its parents and applies `resources`; what they leave out stays as it is. */
  ensure(path: string, resources: LinuxResources & { pids?: number }): Promise<void>;
  /** Removes the group and what is below it. Rejects where processes are left in it. */
  remove(path: string): Promise<void>;
  /** The groups directly below `path`. */
  children(path: string): Promise<string[]>;
}

const MOUNT = "/sys/fs/cgroup";
/** The controllers that get a group of the kubelet's own; the runtime makes the rest as it needs them. */
const V1_CONTROLLERS = ["cpu", "memory", "pids"] as const;
/** All trees from which a group that the runtime made must be removed. */
const V1_ALL = [
  "blkio",
  "cpu",
  "cpuacct",
  "cpuset",
  "devices",
  "freezer",
  "hugetlb",
  "memory",
  "misc",
  "net_cls",
  "net_prio",
  "perf_event",
  "pids",
  "rdma",
  "systemd",
  "unified",
];
const V2_CONTROLLERS = ["cpu", "memory", "pids", "cpuset", "io", "hugetlb"];

/** The machine's cgroups. Rejects where there are none that can be written. */
export async function cgroupTree(files: Files): Promise<CgroupTree> {
  if (await files.exists(join(MOUNT, "cgroup.controllers"))) return unifiedTree(files);
  const roots = new Map<string, string>();
  for (const name of V1_ALL) {
    const root = join(MOUNT, name);
    // Controllers mounted together appear under several names, all but one of them links.
    if (await files.exists(root)) roots.set(await files.realpath(root), name);
  }
  if (roots.size === 0) throw new Error(`there are no control groups below ${MOUNT}`);
  return legacyTree(files, [...roots.keys()]);
}

function legacyTree(files: Files, roots: readonly string[]): CgroupTree {
  const write = async (controller: (typeof V1_CONTROLLERS)[number], path: string, file: string, value: number) => {
    await files.writeFile(join(MOUNT, controller, path, file), String(value));
  };
  return {
    async ensure(path, resources) {
      await Promise.all(V1_CONTROLLERS.map((name) => files.mkdir(join(MOUNT, name, path), { recursive: true })));
      const { cpuShares, cpuQuota, cpuPeriod, memoryLimitInBytes, pids } = resources;
      const writes: Promise<void>[] = [];
      if (cpuShares !== undefined) writes.push(write("cpu", path, "cpu.shares", cpuShares));
      if (cpuPeriod !== undefined) writes.push(write("cpu", path, "cpu.cfs_period_us", cpuPeriod));
      if (cpuQuota !== undefined) writes.push(write("cpu", path, "cpu.cfs_quota_us", cpuQuota === 0 ? -1 : cpuQuota));
      if (memoryLimitInBytes !== undefined)
        writes.push(write("memory", path, "memory.limit_in_bytes", memoryLimitInBytes));
      if (pids !== undefined) writes.push(write("pids", path, "pids.max", pids));
      await Promise.all(writes);
    },
    async remove(path) {
      await Promise.all(roots.map((root) => removeTree(files, join(root, path))));
    },
    children: (path) => directories(files, join(MOUNT, "cpu", path)),
  };
}

function unifiedTree(files: Files): CgroupTree {
  const enabled = new Set<string>();
  /** A controller acts in a group only where all groups above hand it down. */
  const enable = async (path: string) => {
    if (enabled.has(path)) return;
    const available = (await files.readFile(join(MOUNT, path, "cgroup.controllers"), "utf8")).trim().split(" ");
    const wanted = V2_CONTROLLERS.filter((name) => available.includes(name));
    if (wanted.length > 0) {
      const text = wanted.map((name) => `+${name}`).join(" ");
      await files.writeFile(join(MOUNT, path, "cgroup.subtree_control"), text);
    }
    enabled.add(path);
  };
  return {
    async ensure(path, resources) {
      const parts = path.split("/").filter((part) => part !== "");
      let parent = "/";
      for (const part of parts) {
        await enable(parent);
        parent = join(parent, part);
        await files.mkdir(join(MOUNT, parent), { recursive: true });
      }
      const { cpuShares, cpuQuota, cpuPeriod, memoryLimitInBytes, pids } = resources;
      const write = (file: string, value: string) => files.writeFile(join(MOUNT, path, file), value);
      const writes: Promise<void>[] = [];
      if (cpuShares !== undefined) writes.push(write("cpu.weight", String(cpuWeight(cpuShares))));
      if (cpuQuota !== undefined)
        writes.push(write("cpu.max", `${cpuQuota === 0 ? "max" : cpuQuota} ${cpuPeriod ?? 100_000}`));
      if (memoryLimitInBytes !== undefined) writes.push(write("memory.max", String(memoryLimitInBytes)));
      if (pids !== undefined) writes.push(write("pids.max", String(pids)));
      await Promise.all(writes);
    },
    remove: (path) => removeTree(files, join(MOUNT, path)),
    children: (path) => directories(files, join(MOUNT, path)),
  };
}

/** Version 2's weight for version 1's shares: the two ranges mapped onto each other. */
export function cpuWeight(shares: number): number {
  return Math.trunc(1 + ((shares - 2) * 9999) / 262_142);
}

/** Groups go by rmdir, the lowest first: their files are no files. */
async function removeTree(files: Files, path: string): Promise<void> {
  for (const child of await directories(files, path)) await removeTree(files, join(path, child));
  await files.rmdir(path).catch((error) => {
    if (!isNotFound(error)) throw error;
  });
}

async function directories(files: Files, path: string): Promise<string[]> {
  try {
    const entries = await files.readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}
