import { nameSuffix, type Random } from "../../base/random.ts";

/** A generated name has at most 63 characters, five of which are the suffix. */
const LONGEST_BASE = 58;

/** Further suffixes that are tried where the name is taken. */
export const NAME_ATTEMPTS = 8;

/** `base`, cut where it is too long, and a random suffix. */
export function generateName(base: string, random: Random): string {
  return base.slice(0, LONGEST_BASE) + nameSuffix(random);
}
