import type { Clock } from "../base/clock.ts";
import type { Files } from "../base/files.ts";
import type { Logger } from "../base/logger.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { PodCgroups } from "./cgroups/pod-cgroups.ts";
import { type EvictionManager, evictionManager } from "./eviction/eviction-manager.ts";
import { signalReader } from "./eviction/signals.ts";
import { parseThresholds } from "./eviction/thresholds.ts";
import { containerGc } from "./gc/container-gc.ts";
import { imageGc } from "./gc/image-gc.ts";
import { logRotation } from "./gc/log-rotation.ts";
import { housekeeping } from "./housekeeping.ts";
import type { PodMachinery } from "./pod-machinery.ts";
import type { Runtime } from "./runtime.ts";
import type { KubeletSettings } from "./settings.ts";

export interface UpkeepOptions {
  runtime: Runtime;
  files: Files;
  clock: Clock;
  logger: Logger;
  events: EventRecorder;
  settings: KubeletSettings;
  machinery: PodMachinery;
  cgroups: PodCgroups;
  /** The node, for events about it. */
  node: { kind: string; name: string; uid: string; apiVersion: string };
  onPressureChange(): void;
}

/** What keeps the node in order beside its pods: garbage, logs, and what to do when something runs short. */
export interface Upkeep {
  readonly eviction: Pick<EvictionManager, "pressures" | "refuse">;
  /** Begins; must wait until all sources of pods are known, or pods would be taken for orphans. */
  start(): Promise<void>;
  stop(): void;
}

export function upkeep(options: UpkeepOptions): Upkeep {
  const { runtime, files, clock, logger, events, settings, machinery, cgroups } = options;
  const { workers, cache, volumes } = machinery;
  const { podLogsDir, containerLogsDir, rootDir } = settings;

  const containers = containerGc({ runtime, cache, clock, logger });
  const images = imageGc({
    runtime,
    files,
    clock,
    logger,
    highPercent: settings.imageGcHighThresholdPercent,
    lowPercent: settings.imageGcLowThresholdPercent,
    minimumAgeMs: settings.imageMinimumGcAge,
    maximumAgeMs: settings.imageMaximumGcAge,
    onFailure: (message) => events.event(options.node, "Warning", "FreeDiskSpaceFailed", message),
  });
  const logs = logRotation({
    files,
    runtime,
    cache,
    workers,
    clock,
    logger,
    podLogsDir,
    maxSize: settings.containerLogMaxSize,
    maxFiles: settings.containerLogMaxFiles,
    periodMs: settings.containerLogMonitorInterval,
  });
  const eviction = evictionManager({
    thresholds: parseThresholds(settings.evictionHard, settings.evictionSoft, settings.evictionSoftGracePeriod),
    observe: signalReader({ files, runtime, rootDir }),
    runtime,
    files,
    clock,
    logger,
    events,
    workers,
    rootDir,
    podLogsDir,
    transitionMs: settings.evictionPressureTransitionPeriod,
    maxPodGraceSeconds: settings.evictionMaxPodGracePeriodSeconds,
    async reclaimDisk() {
      await containers.run();
      await images.freeUnused();
    },
    onChange: options.onPressureChange,
  });
  const cleaning = housekeeping({
    clock,
    files,
    logger,
    workers,
    cache,
    volumes,
    cgroups,
    podLogsDir,
    containerLogsDir,
  });

  return {
    eviction,
    async start() {
      await cleaning.run();
      for (const one of [cleaning, containers, images, logs, eviction]) one.start();
    },
    stop() {
      for (const one of [cleaning, containers, images, logs, eviction]) one.stop();
    },
  };
}
