import type { Clock } from "../../base/clock.ts";
import { sleep } from "../../base/clock.ts";
import type { Files } from "../../base/files.ts";
import type { Logger } from "../../base/logger.ts";
import { type MetricsRegistry, metricsRegistry } from "../../base/metrics.ts";
import type { Random } from "../../base/random.ts";
import { reloadMetrics } from "../configuration/reload-metrics.ts";
import { contentHash, type ReloadingFile, reloadingFile } from "../configuration/reloading-file.ts";
import type { HealthCheck } from "../health.ts";
import { parseEncryptionConfiguration } from "./configuration.ts";
import { kmsMetrics } from "./kms/metrics.ts";
import { transformationMetrics } from "./metrics.ts";
import type { Transformer } from "./transformer.ts";
import { makeTransformers, type TransformerServices, type Transformers } from "./transformers.ts";

/** A new configuration must be well within this time, or the one before stays in force. */
const HEALTHY_WITHIN_MS = 10_000;
const HEALTH_PERIOD_MS = 100;

/** Encryption at rest, as its configuration file says at the moment. */
export interface Encryption {
  transformerOf(group: string, resource: string): Transformer;
  /** Called after another configuration has come into force. */
  onChange(callback: () => void): void;
  /** As upstream's: one for all plugins. Absent where there are none and there won't be any. */
  readonly check: HealthCheck | undefined;
  /** Where the file is followed. */
  readonly file: ReloadingFile | undefined;
  stop(): void;
}

export interface EncryptionOptions {
  /** Upstream's --encryption-provider-config. */
  path: string;
  /** Upstream's --encryption-provider-config-automatic-reload: takes in changes of the file within a minute. */
  reload: boolean;
  files: Pick<Files, "readFile">;
  clock: Clock;
  random: Random;
  logger: Logger;
  metrics?: MetricsRegistry;
  dial?: TransformerServices["dial"];
}

/** Loads the configuration. Rejects where it can't be used; that a KMS plugin is not up yet is no reason. */
export async function encryption(options: EncryptionOptions): Promise<Encryption> {
  const { path, reload, files, clock, random, logger, dial } = options;
  const metrics = options.metrics ?? metricsRegistry();
  const services: TransformerServices = {
    clock,
    random,
    logger,
    observer: transformationMetrics(metrics),
    kmsMetrics: kmsMetrics(metrics, clock),
    ...(dial ? { dial } : {}),
  };
  const load = async (content: string): Promise<Transformers> => {
    if (content === "") throw new Error(`encryption provider configuration file ${JSON.stringify(path)} is empty`);
    return makeTransformers(await parseEncryptionConfiguration(content, { reload }), services);
  };
  const content = await files.readFile(path, "utf8");
  let current = await load(content).catch((error: Error) => {
    throw new Error(`--encryption-provider-config: error while parsing file ${path}: ${error.message}`, {
      cause: error,
    });
  });
  const listeners: (() => void)[] = [];
  const ending = new AbortController();

  const replace = async (changed: string) => {
    const next = await load(changed);
    try {
      await becomesHealthy(next, clock, ending.signal);
    } catch (error) {
      next.stop();
      throw error;
    }
    const before = current;
    current = next;
    // Calls of the old plugins that are under way may end.
    clock.after(before.closeGraceMs, () => before.stop());
    for (const listener of listeners) listener();
  };
  const file = reload
    ? reloadingFile({
        path,
        files,
        clock,
        logger,
        loaded: contentHash(content),
        load: replace,
        observer: reloadMetrics(metrics, clock, "apiserver_encryption_config_controller", contentHash(content)),
      })
    : undefined;
  const check = async () => {
    for (const provider of current.kms) await provider.check();
  };
  return {
    transformerOf: (group, resource) => current.of(group, resource),
    onChange: (callback) => void listeners.push(callback),
    check: reload || current.kms.length > 0 ? { name: "kms-providers", check } : undefined,
    file,
    stop() {
      ending.abort(new Error("stopped"));
      file?.stop();
      current.stop();
    },
  };
}

async function becomesHealthy({ kms }: Transformers, clock: Clock, signal: AbortSignal): Promise<void> {
  const giveUp = clock.monotonic() + HEALTHY_WITHIN_MS;
  for (;;) {
    try {
      for (const provider of kms) await provider.check();
      return;
    } catch (error) {
      if (clock.monotonic() >= giveUp) {
        throw new Error(`health check for new transformers failed: ${(error as Error).message}`, { cause: error });
      }
    }
    await sleep(clock, HEALTH_PERIOD_MS, signal);
  }
}
