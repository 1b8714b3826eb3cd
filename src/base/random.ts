import { randomBytes, randomUUID } from "node:crypto";

/** Randomness, handed in so that a seed can replay a run. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** `length` random bytes; from a cryptographic source in the system implementation. */
  bytes(length: number): Uint8Array;
  /** An RFC 4122 version 4 UUID. */
  uuid(): string;
}

/** The machine's cryptographic randomness. */
export function systemRandom(): Random {
  return {
    next: () => Math.random(),
    bytes: (length) => randomBytes(length),
    uuid: () => randomUUID(),
  };
}

/** A deterministic stream from `seed` (mulberry32). For tests and simulations only: not secret. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const bytes = (length: number) => Uint8Array.from({ length }, () => Math.floor(next() * 256));
  return {
    next,
    bytes,
    uuid() {
      const raw = bytes(16);
      raw[6] = (raw[6]! & 0x0f) | 0x40;
      raw[8] = (raw[8]! & 0x3f) | 0x80;
      const hex = Buffer.from(raw).toString("hex");
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    },
  };
}

/** The characters upstream draws generated name suffixes from: no vowels and no look-alikes, so no words appear. */
const NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/** A random suffix of `length` characters as `generateName` appends it. */
export function nameSuffix(random: Random, length = 5): string {
  return Array.from(random.bytes(length), (byte) => NAME_ALPHABET[byte % NAME_ALPHABET.length]).join("");
}
