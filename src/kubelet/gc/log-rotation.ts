import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Clock, Timer } from "../../base/clock.ts";
import { type Files, isNotFound } from "../../base/files.ts";
import type { Logger } from "../../base/logger.ts";
import { podLogDirectory } from "../containers/log-paths.ts";
import type { PodWorkers } from "../pod/pod-workers.ts";
import type { RuntimeCache } from "../pod/runtime-cache.ts";
import type { Runtime } from "../runtime.ts";

/**
 * Keeps the logs of running containers bounded: one that has grown beyond `maxSize` is renamed to `<log>.<time>` and
 * begun anew; of the older ones the newest stays as text, the others are compressed, and at most `maxFiles` are kept,
 * the one being written among them. Names and numbers are upstream's.
 */
export interface LogRotation {
  run(): Promise<void>;
  start(): void;
  stop(): void;
}

export interface LogRotationOptions {
  files: Files;
  runtime: Runtime;
  cache: RuntimeCache;
  workers: PodWorkers;
  clock: Clock;
  logger: Logger;
  podLogsDir: string;
  maxSize: number;
  maxFiles: number;
  periodMs: number;
}

const COMPRESSED = ".gz";
const TEMPORARY = ".tmp";

export function logRotation(options: LogRotationOptions): LogRotation {
  const { files, runtime, cache, clock, logger } = options;
  let timer: Timer | undefined;
  let running = false;

  const rotate = async (log: string, containerId: string): Promise<void> => {
    const directory = log.slice(0, log.lastIndexOf("/"));
    const base = log.slice(directory.length + 1);
    const rotated = (await files.readdir(directory)).filter((name) => name.startsWith(`${base}.`)).sort();
    for (const name of rotated.filter((one) => one.endsWith(TEMPORARY))) await files.rm(join(directory, name));
    let kept = rotated.filter((name) => !name.endsWith(TEMPORARY));
    // Room for the one that is renamed now and for the one that takes its place.
    const surplus = kept.length - (options.maxFiles - 2);
    for (const name of kept.slice(0, Math.max(surplus, 0))) await files.rm(join(directory, name));
    kept = kept.slice(Math.max(surplus, 0));
    for (const name of kept) if (!name.endsWith(COMPRESSED)) await compress(files, join(directory, name));

    const target = `${log}.${stamp(clock.now())}`;
    await files.rename(log, target);
    try {
      await runtime.reopenContainerLog(containerId);
    } catch (error) {
      // The runtime still writes to the old file: give it its name back, or its log would seem to have ended.
      await files.rename(target, log);
      throw error;
    }
  };

  const run = async () => {
    if (running) return;
    running = true;
    try {
      for (const { work } of options.workers.all()) {
        if (work.runtimeOnly) continue;
        const directory = podLogDirectory(options.podLogsDir, work.pod);
        for (const { id, status, name } of cache.state(work.uid).containers) {
          if (status.state !== "running") continue;
          const log = join(directory, name, `${status.metadata.attempt}.log`);
          try {
            const { size } = await files.stat(log);
            if (size > options.maxSize) await rotate(log, id);
          } catch (error) {
            if (!isNotFound(error)) logger.warn("cannot rotate a container's log", { log, error });
          }
        }
      }
    } finally {
      running = false;
    }
  };
  return {
    run,
    start() {
      timer = clock.every(options.periodMs, () => void run());
    },
    stop: () => timer?.cancel(),
  };
}

/** Replaces a file by its compressed form, never leaving half of one under the final name. */
async function compress(files: Files, path: string): Promise<void> {
  const temporary = `${path}${TEMPORARY}`;
  await pipeline(files.createReadStream(path), createGzip(), files.createWriteStream(temporary));
  await files.rename(temporary, `${path}${COMPRESSED}`);
  await files.rm(path);
}

/** `20260102-150405`, which sorts by time. */
function stamp(now: number): string {
  const [date = "", time = ""] = new Date(now).toISOString().slice(0, 19).split("T");
  return `${date.replaceAll("-", "")}-${time.replaceAll(":", "")}`;
}
