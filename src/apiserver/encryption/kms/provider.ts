import { type Clock, sleep } from "../../../base/clock.ts";
import type { Logger } from "../../../base/logger.ts";
import type { Random } from "../../../base/random.ts";
import { type Transformer, TransientError } from "../transformer.ts";
import { checkEncrypted, envelopeTransformer, keyIdProblem, type WriteKey } from "./envelope.ts";
import { extendedNonceGcm, SEED_BYTES } from "./extended-nonce.ts";
import type { KmsMetrics } from "./metrics.ts";
import type { KmsService, KmsStatus } from "./service.ts";

/** Upstream's periods. The plugin is asked for its status every minute, every ten seconds while it is not well. */
const POLL_MS = 60_000;
const POLL_UNWELL_MS = 10_000;
/** For so long after the plugin was last seen well, values are written with the key from then. */
const WRITE_KEY_MS = 3 * 60_000;
/** For so long a health check gives the last answer again. */
const WELL_FOR_MS = 20_000;
const UNWELL_FOR_MS = 3_000;
const VERSIONS = ["v2", "v2beta1"];

/** A KMS plugin in use. */
export interface KmsProvider {
  readonly transformer: Transformer;
  /** Rejects where the plugin is not well. Asks it at most every few seconds. */
  check(): Promise<void>;
  stop(): void;
}

/**
 * Keeps a key to write with: a seed of this server's own, encrypted by the plugin. It is made anew when the plugin says that
 * it encrypts with another key; then all that was written with the one before is stale. Where the plugin is not well, the
 * last seed serves for three minutes more; values that were written are read on as long as their keys are remembered.
 * Asks the plugin once before it resolves; that it is not well then is no error, it may come up later.
 */
export async function kmsProvider(options: {
  name: string;
  service: KmsService;
  clock: Clock;
  random: Random;
  logger: Logger;
  metrics?: KmsMetrics;
}): Promise<KmsProvider> {
  const { name, service, clock, random, logger, metrics } = options;
  const ending = new AbortController();
  let current: WriteKey | undefined;
  let version: string | undefined;
  let last: { at: number; error: unknown } | undefined;
  let asking: Promise<void> | undefined;

  /** Goes on with the present key, or makes another where the plugin has changed its own. */
  const renew = async (keyId: string) => {
    const expires = clock.now() + WRITE_KEY_MS;
    if (current?.encrypted.keyId === keyId) {
      current = { ...current, expires };
      return;
    }
    const started = clock.monotonic();
    const seed = random.bytes(SEED_BYTES);
    metrics?.dataKeyGenerated((clock.monotonic() - started) / 1000);
    const encrypted = await service.encrypt(random.uuid(), seed);
    checkEncrypted(encrypted);
    if (encrypted.keyId !== keyId) {
      throw new Error("failed to rotate DEK: the plugin has encrypted with another key than its status names");
    }
    current = { transformer: extendedNonceGcm(seed, random), encrypted, expires };
  };

  const judge = async (status: KmsStatus) => {
    const problems: string[] = [];
    if (status.healthz !== "ok") problems.push(`got unexpected healthz status: ${status.healthz}`);
    if (!VERSIONS.includes(status.version)) {
      problems.push(`expected KMSv2 API version v2, got ${status.version}`);
    } else {
      version ??= status.version;
      if (version !== status.version) {
        problems.push(
          `KMSv2 API version should not change after the initial status response version ${version}, got ${status.version}`,
        );
      }
    }
    const problem = keyIdProblem(status.keyId);
    if (problem) {
      metrics?.invalidKeyId(name, problem.code);
      problems.push(`got invalid KMSv2 KeyID: ${problem.message}`);
    } else {
      metrics?.keyIdFromStatus(name, status.keyId);
      await renew(status.keyId).catch((error: Error) => void problems.push(error.message));
    }
    if (problems.length === 0) return;
    const list = problems.length === 1 ? problems[0] : `[${problems.join(", ")}]`;
    throw new Error(`kmsv2 Provider ${name} is not healthy, error: ${list}`);
  };

  const ask = async () => {
    try {
      const status = await service.status().catch((error: Error) => {
        throw new Error(
          `failed to perform status section of the healthz check for KMS Provider ${name}, error: ${error.message}`,
          { cause: error },
        );
      });
      await judge(status);
      last = { at: clock.monotonic(), error: undefined };
    } catch (error) {
      last = { at: clock.monotonic(), error };
      throw error;
    }
  };
  const check = async (): Promise<void> => {
    if (last && clock.monotonic() - last.at < (last.error ? UNWELL_FOR_MS : WELL_FOR_MS)) {
      if (last.error) throw last.error;
      return;
    }
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  };
  const probe = () =>
    check().then(
      () => true,
      (error: unknown) => {
        logger.warn("a KMS plugin is not well", { name, error });
        return false;
      },
    );
  const poll = async (well: boolean) => {
    for (;;) {
      await sleep(clock, well ? POLL_MS : POLL_UNWELL_MS, ending.signal);
      well = await probe();
    }
  };
  const wellAtFirst = await probe();
  poll(wellAtFirst).catch((error) => {
    if (!ending.signal.aborted) logger.error("a KMS plugin is no longer watched", { name, error });
  });

  return {
    transformer: envelopeTransformer({
      service,
      random,
      now: () => clock.now(),
      writeKey() {
        if (!current) throw new TransientError(`KMS Provider ${name} has not been well since the start`);
        return current;
      },
      onCacheMiss: () => metrics?.cacheMiss(),
      onKeyUsed: (direction, keyId) => metrics?.keyIdUsed(direction, name, keyId),
    }),
    check,
    stop() {
      ending.abort(new Error("stopped"));
      service.close();
    },
  };
}
