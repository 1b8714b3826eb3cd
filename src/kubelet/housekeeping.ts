import type { Clock, Timer } from "../base/clock.ts";
import type { Files } from "../base/files.ts";
import type { Logger } from "../base/logger.ts";
import type { PodCgroups } from "./cgroups/pod-cgroups.ts";
import { uidOfLogDirectory } from "./containers/log-paths.ts";
import type { PodWorkers } from "./pod/pod-workers.ts";
import type { RuntimeCache } from "./pod/runtime-cache.ts";
import { removeDeadLinks } from "./pod/trace-remover.ts";
import type { VolumeManager } from "./volumes/volume-manager.ts";

export interface HousekeepingOptions {
  clock: Clock;
  files: Files;
  logger: Logger;
  workers: PodWorkers;
  cache: RuntimeCache;
  volumes: VolumeManager;
  cgroups: PodCgroups;
  podLogsDir: string;
  containerLogsDir: string;
}

const PERIOD_MS = 60_000;

/**
 * Clears away what pods left behind whose end nobody saw: they were deleted while the kubelet was down, or a step
 * failed half-way. Must begin only when all sources of pods are known.
 */
export function housekeeping(options: HousekeepingOptions): { run(): Promise<void>; start(): void; stop(): void } {
  const { files, logger, workers, cache, volumes, cgroups } = options;
  let timer: Timer | undefined;
  const known = (uid: string) => workers.get(uid) !== undefined || cache.pods().includes(uid);

  const attempt = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      logger.warn(`cannot clean up ${what}`, { error });
    }
  };

  const run = async () => {
    for (const uid of cache.pods()) {
      if (workers.get(uid)) continue;
      logger.info("ending a pod that is gone from the API", { uid });
      workers.addRuntimeOnly(uid);
    }
    for (const uid of await volumes.podsOnDisk()) {
      if (!known(uid)) await attempt("a pod's volumes", () => volumes.removePod(uid));
    }
    for (const uid of await cgroups.pods()) {
      if (!known(uid)) await attempt("a pod's cgroup", () => cgroups.remove(uid));
    }
    for (const name of await files.readdir(options.podLogsDir)) {
      const uid = uidOfLogDirectory(name);
      if (uid && !known(uid)) {
        await attempt("a pod's logs", () =>
          files.rm(`${options.podLogsDir}/${name}`, { recursive: true, force: true }),
        );
      }
    }
    await removeDeadLinks(files, options.containerLogsDir);
  };
  const guarded = () => attempt("after pods that are gone", run);

  return {
    run: guarded,
    start() {
      timer = options.clock.every(PERIOD_MS, () => void guarded());
    },
    stop: () => timer?.cancel(),
  };
}
