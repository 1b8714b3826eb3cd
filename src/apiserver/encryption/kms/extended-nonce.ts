import { createHmac } from "node:crypto";
import type { Random } from "../../../base/random.ts";
import { aesGcm } from "../ciphers.ts";
import type { Transformer } from "../transformer.ts";

/** Bytes of a seed, of the random part from which a key is derived, and of that key. */
export const SEED_BYTES = 32;

/**
 * AES-256-GCM with a key of its own for each value: HKDF-Expand (SHA-256, RFC 5869) of the seed and 32 random bytes, which
 * go in front of the ciphertext. A seed may so be used for as many values as one likes (KEP-3299).
 */
export function extendedNonceGcm(seed: Uint8Array, random: Random): Transformer {
  if (seed.length < SEED_BYTES) throw new Error(`invalid seed length ${seed.length} used for key generation`);
  // One block of HKDF-Expand is all that a key of 32 bytes takes.
  const derive = (info: Uint8Array) =>
    aesGcm(createHmac("sha256", seed).update(info).update(Uint8Array.of(1)).digest(), random);
  return {
    fromStorage(stored, context) {
      if (stored.length < SEED_BYTES) throw new Error("the stored data was shorter than the required size");
      return derive(stored.subarray(0, SEED_BYTES)).fromStorage(stored.subarray(SEED_BYTES), context);
    },
    toStorage(plain, context) {
      const info = random.bytes(SEED_BYTES);
      return Buffer.concat([info, derive(info).toStorage(plain, context) as Uint8Array]);
    },
  };
}
