import type { Files } from "../../base/files.ts";
import { memoryValue } from "../node/machine-info.ts";
import type { Runtime } from "../runtime.ts";
import type { Observation, Signal } from "./thresholds.ts";

/** Looks at what the node has left of each thing that can run out. */
export function signalReader(options: {
  files: Files;
  runtime: Runtime;
  rootDir: string;
}): () => Promise<Map<Signal, Observation>> {
  const { files, runtime } = options;
  let imageRoot: string | undefined;

  const filesystem = async (path: string, bytes: Signal, inodes: Signal): Promise<[Signal, Observation][]> => {
    const info = await files.statfs(path);
    const space: [Signal, Observation] = [
      bytes,
      { available: info.bavail * info.bsize, capacity: info.blocks * info.bsize },
    ];
    // Some file systems (btrfs, overlays on it) count no inodes.
    return info.files === 0 ? [space] : [space, [inodes, { available: info.ffree, capacity: info.files }]];
  };

  return async () => {
    imageRoot ??= (await runtime.imageFsInfo()).mountpoint;
    const [meminfo, nodefs, imagefs, processes] = await Promise.all([
      files.readFile("/proc/meminfo", "utf8"),
      filesystem(options.rootDir, "nodefs.available", "nodefs.inodesFree"),
      filesystem(imageRoot, "imagefs.available", "imagefs.inodesFree"),
      processCount(files),
    ]);
    return new Map<Signal, Observation>([
      [
        "memory.available",
        { available: memoryValue(meminfo, "MemAvailable"), capacity: memoryValue(meminfo, "MemTotal") },
      ],
      ["pid.available", processes],
      ...nodefs,
      ...imagefs,
    ]);
  };
}

/** From /proc/loadavg, whose fourth field is `runnable/all`: cheaper than listing /proc. */
async function processCount(files: Files): Promise<Observation> {
  const [load, most] = await Promise.all([
    files.readFile("/proc/loadavg", "utf8"),
    files.readFile("/proc/sys/kernel/pid_max", "utf8"),
  ]);
  const running = Number(load.split(" ")[3]?.split("/")[1] ?? 0);
  return { available: Number(most) - running, capacity: Number(most) };
}
