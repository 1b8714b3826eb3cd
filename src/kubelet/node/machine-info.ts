import type { NodeSystemInfo } from "../../api/types/core.v1.ts";
import { type Files, isNotFound } from "../../base/files.ts";

/** What the kernel and the distribution say of the machine. */
export interface MachineInfo {
  cpus: number;
  memoryBytes: number;
  /** Size in bytes and number of pages, by the name of the size ("2Mi"). */
  hugepages: ReadonlyMap<string, { size: number; count: number }>;
  system: Pick<
    NodeSystemInfo,
    "architecture" | "bootID" | "kernelVersion" | "machineID" | "operatingSystem" | "osImage" | "systemUUID"
  >;
}

/** The names that Go has for Node's. */
const ARCHITECTURES: Record<string, string> = {
  x64: "amd64",
  ia32: "386",
  arm64: "arm64",
  arm: "arm",
  ppc64: "ppc64le",
};

export async function machineInfo(files: Files, architecture: string): Promise<MachineInfo> {
  const [cpus, meminfo, machineId, uuid, bootId, kernel, release, hugepages] = await Promise.all([
    readFirst(files, ["/sys/devices/system/cpu/online"]),
    files.readFile("/proc/meminfo", "utf8"),
    readFirst(files, ["/etc/machine-id", "/var/lib/dbus/machine-id"]),
    readFirst(files, ["/sys/class/dmi/id/product_uuid", "/proc/device-tree/vm,uuid", "/etc/machine-id"]),
    readFirst(files, ["/proc/sys/kernel/random/boot_id"]),
    readFirst(files, ["/proc/sys/kernel/osrelease"]),
    readFirst(files, ["/etc/os-release", "/usr/lib/os-release"]),
    hugepageSizes(files),
  ]);
  return {
    cpus: countRanges(cpus) || 1,
    memoryBytes: memoryValue(meminfo, "MemTotal"),
    hugepages,
    system: {
      architecture: ARCHITECTURES[architecture] ?? architecture,
      bootID: bootId,
      kernelVersion: kernel,
      machineID: machineId,
      operatingSystem: "linux",
      osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release)?.[1] ?? "Unknown",
      systemUUID: uuid.toLowerCase(),
    },
  };
}

/** The first of the files that is there, trimmed; empty where none is, or may be read. */
async function readFirst(files: Files, paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    try {
      const text = (await files.readFile(path, "utf8")).trim();
      if (text !== "") return text;
    } catch (error) {
      if (!isNotFound(error) && (error as NodeJS.ErrnoException).code !== "EACCES") throw error;
    }
  }
  return "";
}

/** How many numbers `0-3,8` names. */
export function countRanges(text: string): number {
  if (text === "") return 0;
  let count = 0;
  for (const part of text.split(",")) {
    const [first = 0, last = first] = part.split("-").map(Number);
    count += last - first + 1;
  }
  return count;
}

/** A line of /proc/meminfo, in bytes. */
export function memoryValue(meminfo: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(meminfo)?.[1] ?? 0) * 1024;
}

async function hugepageSizes(files: Files): Promise<Map<string, { size: number; count: number }>> {
  const sizes = new Map<string, { size: number; count: number }>();
  const root = "/sys/kernel/mm/hugepages";
  const names = await files.readdir(root).catch((error) => {
    if (isNotFound(error)) return [];
    throw error;
  });
  for (const name of names.sort()) {
    const kilobytes = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1]);
    if (!kilobytes) continue;
    const count = Number(await readFirst(files, [`${root}/${name}/nr_hugepages`]));
    const label = kilobytes % (1024 * 1024) === 0 ? `${kilobytes / 1024 / 1024}Gi` : `${kilobytes / 1024}Mi`;
    sizes.set(label, { size: kilobytes * 1024, count });
  }
  return sizes;
}
