import type { Files } from "../../base/files.ts";
import type { Logger } from "../../base/logger.ts";
import type { Capacity } from "../node/capacity.ts";
import type { KubeletSettings } from "../settings.ts";
import { cgroupTree } from "./cgroupfs.ts";
import { noPodCgroups, type PodCgroups } from "./pod-cgroups.ts";
import { qosCgroups } from "./qos-cgroups.ts";

/**
 * The pods' cgroups as the settings ask for them. Where this machine lets nobody make cgroups (a container without
 * them), pods run in those of the runtime's own making, and their limits hold for each container alone.
 */
export async function makeCgroups(options: {
  files: Files;
  logger: Logger;
  settings: KubeletSettings;
  capacity: Capacity;
}): Promise<PodCgroups> {
  const { files, logger, settings, capacity } = options;
  if (!settings.cgroupsPerQos) return noPodCgroups;
  const reservesMemory = [settings.kubeReserved, settings.systemReserved].some((list) => list["memory"] !== undefined);
  try {
    const cgroups = qosCgroups({
      tree: await cgroupTree(files),
      root: settings.cgroupRoot,
      cpuCfsQuota: settings.cpuCfsQuota,
      podPidsLimit: settings.podPidsLimit,
      allocatable: {
        cpu: capacity.allocatable["cpu"] ?? "0",
        ...(reservesMemory ? { memoryLimit: capacity.podMemoryLimit } : {}),
      },
    });
    await cgroups.start();
    return { ...cgroups, start: async () => {} };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (!["EROFS", "EACCES", "EPERM", "ENOENT"].includes(code)) throw error;
    logger.warn("cgroups can't be made on this machine, pods have none of their own", { error });
    return noPodCgroups;
  }
}
