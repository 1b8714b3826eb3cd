import { createCipheriv, createDecipheriv } from "node:crypto";
import type { Random } from "../../base/random.ts";
import { type StorageContext, startsWith, type Transformer } from "./transformer.ts";

/** The ciphers of upstream's EncryptionConfiguration, each with the layout that upstream gives its values. */

const TOO_SHORT = "the stored data was shorter than the required size";
const AES_BLOCK = 16;
const GCM_NONCE = 12;
const GCM_TAG = 16;
const SECRETBOX_NONCE = 24;
const SECRETBOX_TAG = 16;

/** Stores values as they are, and refuses those that somebody encrypted. */
export const identity: Transformer = {
  fromStorage(stored) {
    if (startsWith(stored, ENCRYPTED)) throw new Error("identity transformer tried to read encrypted data");
    return { plain: stored, stale: false };
  },
  toStorage: (plain) => plain,
};
const ENCRYPTED = Buffer.from("k8s:enc:");

/** AES-GCM with a random nonce: nonce, ciphertext, tag; the storage key is authenticated along. The key has 16, 24 or 32 bytes. */
export function aesGcm(key: Uint8Array, random: Random): Transformer {
  const name = `aes-${key.length * 8}-gcm` as "aes-256-gcm";
  return {
    fromStorage(stored, context) {
      if (stored.length < GCM_NONCE) throw new Error(TOO_SHORT);
      const tagAt = stored.length - GCM_TAG;
      if (tagAt < GCM_NONCE) throw new Error("cipher: message authentication failed");
      const decipher = createDecipheriv(name, key, stored.subarray(0, GCM_NONCE));
      decipher.setAAD(context.key);
      decipher.setAuthTag(stored.subarray(tagAt));
      const plain = decipher.update(stored.subarray(GCM_NONCE, tagAt));
      try {
        decipher.final();
      } catch (error) {
        throw new Error("cipher: message authentication failed", { cause: error });
      }
      return { plain, stale: false };
    },
    toStorage(plain, context) {
      const nonce = random.bytes(GCM_NONCE);
      const cipher = createCipheriv(name, key, nonce);
      cipher.setAAD(context.key);
      return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
  };
}

/** AES-CBC with PKCS#7 padding: initialisation vector, ciphertext. Nothing is authenticated; kept for what is stored so. */
export function aesCbc(key: Uint8Array, random: Random): Transformer {
  const name = `aes-${key.length * 8}-cbc`;
  return {
    fromStorage(stored) {
      if (stored.length < AES_BLOCK) throw new Error(TOO_SHORT);
      if (stored.length % AES_BLOCK !== 0) {
        throw new Error("the stored data is not a multiple of the block size");
      }
      const decipher = createDecipheriv(name, key, stored.subarray(0, AES_BLOCK));
      try {
        return {
          plain: Buffer.concat([decipher.update(stored.subarray(AES_BLOCK)), decipher.final()]),
          stale: false,
        };
      } catch (error) {
        throw new Error("invalid padding on input", { cause: error });
      }
    },
    toStorage(plain) {
      const vector = random.bytes(AES_BLOCK);
      const cipher = createCipheriv(name, key, vector);
      return Buffer.concat([vector, cipher.update(plain), cipher.final()]);
    },
  };
}

/** NaCl's secretbox, XSalsa20 and Poly1305: nonce, tag, ciphertext. The key has 32 bytes. */
export async function secretbox(key: Uint8Array, random: Random): Promise<Transformer> {
  const { xsalsa20poly1305 } = await import("@noble/ciphers/salsa.js");
  return {
    fromStorage(stored) {
      if (stored.length < SECRETBOX_NONCE + SECRETBOX_TAG) throw new Error(TOO_SHORT);
      const box = xsalsa20poly1305(key, stored.subarray(0, SECRETBOX_NONCE));
      try {
        return { plain: box.decrypt(stored.subarray(SECRETBOX_NONCE)), stale: false };
      } catch (error) {
        throw new Error("output array was not large enough for encryption", { cause: error });
      }
    },
    toStorage(plain) {
      const nonce = random.bytes(SECRETBOX_NONCE);
      return Buffer.concat([nonce, xsalsa20poly1305(key, nonce).encrypt(plain)]);
    },
  };
}

/** The context of a value; its key is encoded where a cipher asks for it. */
export function storageContext(key: string, resource: string): StorageContext {
  let encoded: Buffer | undefined;
  return {
    resource,
    get key() {
      encoded ??= Buffer.from(key);
      return encoded;
    },
  };
}
