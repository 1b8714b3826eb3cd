import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Random } from "../../base/random.ts";
import { aesCbc, aesGcm, identity, secretbox } from "./ciphers.ts";
import { type EncryptionConfiguration, type Key, kmsTimeout, type Provider, splitResource } from "./configuration.ts";
import type { KmsMetrics } from "./kms/metrics.ts";
import { type KmsProvider, kmsProvider } from "./kms/provider.ts";
import { dialKms, type KmsService } from "./kms/service.ts";
import { type Prefixed, prefixed, type TransformationObserver, type Transformer } from "./transformer.ts";

/** The transformers of one configuration. */
export interface Transformers {
  of(group: string, resource: string): Transformer;
  /** The plugins that are used. */
  readonly kms: readonly KmsProvider[];
  /** How long calls of the plugins that are under way may still take. */
  readonly closeGraceMs: number;
  stop(): void;
}

export interface TransformerServices {
  clock: Clock;
  random: Random;
  logger: Logger;
  observer?: TransformationObserver;
  kmsMetrics?: KmsMetrics;
  /** How a plugin is reached; for tests. */
  dial?(endpoint: string, timeoutMs: number, name: string): KmsService;
}

/** Makes the transformers of a valid configuration. Rejects for what is not supported: KMS v1, and rules that are masked. */
export async function makeTransformers(
  { resources = [] }: EncryptionConfiguration,
  services: TransformerServices,
): Promise<Transformers> {
  const choices = new Map<string, Prefixed[]>();
  const kms: KmsProvider[] = [];
  let timeouts = 0;
  const stop = () => {
    for (const provider of kms) provider.stop();
  };
  const make = async (provider: Provider): Promise<Prefixed> => {
    if (!provider.kms) return localProvider(provider, services);
    const made = await kmsOf(provider.kms, services);
    kms.push(made);
    timeouts += kmsTimeout(provider.kms);
    return { prefix: `k8s:enc:kms:v2:${provider.kms.name}:`, transformer: made.transformer };
  };
  try {
    for (const rule of resources) {
      const providers: Prefixed[] = [];
      for (const provider of rule.providers ?? []) providers.push(await make(provider));
      for (const given of rule.resources ?? []) {
        const { group, resource } = splitResource(given);
        for (const earlier of [ruleKey(group, "*"), ruleKey("*", "*")]) {
          if (!choices.has(earlier)) continue;
          throw new Error(
            `resource ${JSON.stringify(given)} is masked by earlier rule ${JSON.stringify(shown(earlier))}`,
          );
        }
        const key = ruleKey(group, resource);
        choices.set(key, [...(choices.get(key) ?? []), ...providers]);
      }
    }
  } catch (error) {
    stop();
    throw error;
  }
  const made = new Map(
    [...choices].map(([key, list]) => [key, prefixed(list, "no matching prefix found", services.observer)]),
  );
  return {
    kms,
    closeGraceMs: 2 * timeouts,
    stop,
    of: (group, resource) =>
      made.get(ruleKey(group, resource)) ?? made.get(ruleKey(group, "*")) ?? made.get(ruleKey("*", "*")) ?? identity,
  };
}

const ruleKey = (group: string, resource: string) => `${resource}.${group}`;
/** As it was written: without a dot where the group is the core one, except for `*.`. */
const shown = (key: string) => (key === "*." || !key.endsWith(".") ? key : key.slice(0, -1));

async function localProvider(provider: Provider, { random }: TransformerServices): Promise<Prefixed> {
  const { aesgcm, aescbc } = provider;
  if (aesgcm) return keyed("k8s:enc:aesgcm:v1:", "AES", aesgcm.keys ?? [], async (key) => aesGcm(key, random));
  if (aescbc) return keyed("k8s:enc:aescbc:v1:", "AES", aescbc.keys ?? [], async (key) => aesCbc(key, random));
  if (provider.secretbox) {
    return keyed("k8s:enc:secretbox:v1:", "Secretbox", provider.secretbox.keys ?? [], (key) => secretbox(key, random));
  }
  return { prefix: "", transformer: identity };
}

/** A transformer of several named keys: the first writes, and the name in front of a value tells which one reads it. */
async function keyed(
  prefix: string,
  cipher: string,
  keys: readonly Key[],
  make: (secret: Uint8Array) => Promise<Transformer>,
): Promise<Prefixed> {
  const choices: Prefixed[] = [];
  for (const { name, secret = "" } of keys) {
    choices.push({ prefix: `${name}:`, transformer: await make(Buffer.from(secret, "base64")) });
  }
  return {
    prefix,
    transformer: prefixed(choices, `no matching key was found for the provided ${cipher} transformer`),
  };
}

async function kmsOf(kms: NonNullable<Provider["kms"]>, services: TransformerServices): Promise<KmsProvider> {
  const { name = "", endpoint = "", apiVersion = "v1" } = kms;
  if (apiVersion === "v1") {
    throw new Error(
      "KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead: Knarr supports v2 only",
    );
  }
  const { clock, random, logger, kmsMetrics, dial = dialer(services) } = services;
  const service = dial(endpoint, kmsTimeout(kms), name);
  return kmsProvider({ name, service, clock, random, logger, metrics: kmsMetrics });
}

const dialer =
  ({ clock, kmsMetrics }: TransformerServices): NonNullable<TransformerServices["dial"]> =>
  (endpoint, timeoutMs, name) =>
    dialKms(
      endpoint,
      timeoutMs,
      (method, code, seconds) => kmsMetrics?.call(name, method, code, seconds),
      () => clock.monotonic(),
    );
