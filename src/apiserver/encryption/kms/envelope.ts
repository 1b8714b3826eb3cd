import { checkDnsSubdomain } from "../../../api/names.ts";
import { GrpcError } from "../../../base/grpc.ts";
import type { Random } from "../../../base/random.ts";
import { aesGcm } from "../ciphers.ts";
import { type PlainValue, type Transformer, TransientError } from "../transformer.ts";
import { extendedNonceGcm } from "./extended-nonce.ts";
import { type KmsEncrypted, type KmsService, kmsSchema } from "./service.ts";

const ANNOTATIONS_LIMIT = 32 * 1024;
const KEY_ID_LIMIT = 1024;
const DEK_LIMIT = 1024;
/** Decrypted keys that are remembered. Each server makes one per start and key of the plugin. */
const REMEMBERED = 1000;
const SEED = "HKDF_SHA256_XNONCE_AES_GCM_SEED";

/** What values are written with: a seed, and the same encrypted by the plugin, as it goes along with each value. */
export interface WriteKey {
  readonly transformer: Transformer;
  readonly encrypted: KmsEncrypted;
  /** ms since the epoch, after which nothing is written with it. */
  readonly expires: number;
}

export interface EnvelopeOptions {
  service: Pick<KmsService, "decrypt">;
  /** Throws where there has never been one. */
  writeKey(): WriteKey;
  now(): number;
  random: Random;
  onCacheMiss?(): void;
  onKeyUsed?(direction: "from_storage" | "to_storage", keyId: string): void;
}

const codec = kmsSchema.codec("EncryptedObject");

/**
 * Envelope encryption: values are encrypted by a key of this server's, which is stored along with them, encrypted by the
 * plugin. The plugin is asked once for each such key, not for each value.
 */
export function envelopeTransformer(options: EnvelopeOptions): Transformer {
  const { service, random } = options;
  const known = new Map<string, Transformer>();
  const asked = new Map<string, Promise<Transformer>>();
  const remember = (id: string, transformer: Transformer) => {
    if (known.size >= REMEMBERED) known.delete(known.keys().next().value!);
    known.set(id, transformer);
    return transformer;
  };
  const ask = async (id: string, encrypted: KmsEncrypted, seeded: boolean): Promise<Transformer> => {
    options.onCacheMiss?.();
    try {
      const key = await service.decrypt(random.uuid(), encrypted);
      return remember(id, seeded ? extendedNonceGcm(key, random) : aesGcm(key, random));
    } catch (error) {
      const message = `failed to decrypt DEK, error: ${(error as Error).message}`;
      throw error instanceof GrpcError
        ? new TransientError(message, { cause: error })
        : new Error(message, { cause: error });
    } finally {
      asked.delete(id);
    }
  };
  return {
    fromStorage(stored, context) {
      const { encryptedData, encryptedDekSource, keyId, annotations, encryptedDekSourceType } = codec.decode(stored);
      const encrypted: KmsEncrypted = { ciphertext: encryptedDekSource, keyId, annotations };
      if (encryptedData.length === 0) throw new Error("encrypted data is empty");
      checkEncrypted(encrypted);
      const seeded = encryptedDekSourceType === SEED;
      if (!seeded && encryptedDekSourceType !== "AES_GCM_KEY") {
        throw new Error(`unknown encryptedDEKSourceType: ${encryptedDekSourceType}`);
      }
      const current = options.writeKey();
      const read = (transformer: Transformer): PlainValue => {
        options.onKeyUsed?.("from_storage", keyId);
        const { plain } = transformer.fromStorage(encryptedData, context) as PlainValue;
        return { plain, stale: !seeded || keyId !== current.encrypted.keyId };
      };
      const id = cacheKey(encrypted, seeded);
      const transformer = known.get(id);
      if (transformer) return read(transformer);
      let asking = asked.get(id);
      if (!asking) {
        asking = ask(id, encrypted, seeded);
        asked.set(id, asking);
      }
      return asking.then(read);
    },
    toStorage(plain, context) {
      const { transformer, encrypted, expires } = options.writeKey();
      if (options.now() > expires) {
        throw new TransientError(
          `encryptedDEKSource expired at ${new Date(expires).toISOString()}: the KMS plugin has not been well since`,
        );
      }
      // Spares the plugin the question at the first read.
      const id = cacheKey(encrypted, true);
      if (!known.has(id)) remember(id, transformer);
      options.onKeyUsed?.("to_storage", encrypted.keyId);
      return codec.encode({
        encryptedData: transformer.toStorage(plain, context) as Uint8Array,
        keyId: encrypted.keyId,
        encryptedDekSource: encrypted.ciphertext,
        annotations: encrypted.annotations,
        encryptedDekSourceType: SEED,
      });
    },
  };
}

/** Throws where what the plugin made, or what is stored of it, is out of bounds. */
export function checkEncrypted({ ciphertext, keyId, annotations }: KmsEncrypted): void {
  const wrong = (what: string, reason: string) => new Error(`failed to validate ${what}: ${reason}`);
  if (ciphertext.length === 0) throw wrong("encrypted DEK source", "encrypted DEK source is empty");
  if (ciphertext.length > DEK_LIMIT) {
    throw wrong(
      "encrypted DEK source",
      `encrypted DEK source is ${ciphertext.length} bytes, which exceeds the max size of ${DEK_LIMIT}`,
    );
  }
  const problem = keyIdProblem(keyId);
  if (problem) throw wrong("key id", problem.message);
  let size = 0;
  for (const [name, value] of Object.entries(annotations)) {
    const [
      problem = name.includes(".") ? undefined : "should be a domain with at least two segments separated by dots",
    ] = checkDnsSubdomain(name);
    if (problem) throw wrong("annotations", `annotations: Invalid value: ${JSON.stringify(name)}: ${problem}`);
    size += Buffer.byteLength(name) + value.length;
  }
  if (size > ANNOTATIONS_LIMIT) {
    throw wrong(
      "annotations",
      `total size of annotations is ${size}, which exceeds the max size of ${ANNOTATIONS_LIMIT}`,
    );
  }
}

/** What is wrong with a key id, with upstream's code for it in metrics. */
export function keyIdProblem(keyId: string): { code: "empty" | "too_long"; message: string } | undefined {
  const size = Buffer.byteLength(keyId);
  if (size === 0) return { code: "empty", message: "keyID is empty" };
  if (size > KEY_ID_LIMIT) {
    return { code: "too_long", message: `keyID is ${size} bytes, which exceeds the max size of ${KEY_ID_LIMIT}` };
  }
  return undefined;
}

function cacheKey({ ciphertext, keyId, annotations }: KmsEncrypted, seeded: boolean): string {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  const noted = Object.keys(annotations)
    .sort()
    .map((name) => [name, text(annotations[name]!)]);
  return JSON.stringify([seeded, text(ciphertext), keyId, noted]);
}
