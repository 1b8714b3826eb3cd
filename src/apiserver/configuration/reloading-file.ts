import { createHash } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import type { Files } from "../../base/files.ts";
import type { Logger } from "../../base/logger.ts";

/** How often a file is looked at for changes, as upstream does where it has no notification. */
export const RELOAD_PERIOD_MS = 60_000;

export interface ReloadingFile {
  /** Looks at the file now; for tests, and called by itself every minute. */
  check(): Promise<void>;
  stop(): void;
}

export interface ReloadObserver {
  succeeded(hash: string): void;
  failed(error: unknown): void;
}

/** `sha256:<hex>` of a file's content, as upstream's metrics show it. */
export const contentHash = (content: string): string => `sha256:${createHash("sha256").update(content).digest("hex")}`;

/**
 * Calls `load` when the content of a file has become another than that of `loaded` (a hash). What `load` rejects is
 * logged and counted, what was loaded before stays in force, and the file is tried again after the next period. Tells of
 * changes only: a file that stays as it is costs a read per minute.
 */
export function reloadingFile(options: {
  path: string;
  files: Pick<Files, "readFile">;
  clock: Clock;
  logger: Logger;
  loaded: string;
  load(content: string): Promise<void>;
  observer?: ReloadObserver;
}): ReloadingFile {
  const { path, files, clock, logger, load, observer } = options;
  let { loaded } = options;
  let running: Promise<void> | undefined;
  const attempt = async () => {
    try {
      const content = await files.readFile(path, "utf8");
      const hash = contentHash(content);
      if (hash === loaded) return;
      await load(content);
      loaded = hash;
      logger.info("reloaded a configuration file", { path });
      observer?.succeeded(hash);
    } catch (error) {
      logger.error("a configuration file can't be reloaded: the one before stays in force", { path, error });
      observer?.failed(error);
    }
  };
  const check = () => {
    running ??= attempt().finally(() => {
      running = undefined;
    });
    return running;
  };
  const timer = clock.every(RELOAD_PERIOD_MS, () => void check());
  return { check, stop: () => timer.cancel() };
}
