import type { Random } from "../../base/random.ts";

/**
 * Numbers from 0 to `size - 1`, each given out once. Those that nobody asks for by name are taken at random from
 * `reserved` on, and from below only when the rest is used up: so that the lower ones stay free for those who choose
 * (KEP-3070).
 */
export class NumberPool {
  readonly size: number;
  readonly #reserved: number;
  readonly #random: Random;
  readonly #taken = new Set<number>();

  constructor(size: number, reserved: number, random: Random) {
    this.size = size;
    this.#reserved = Math.min(reserved, size);
    this.#random = random;
  }

  /** Takes a certain number; false where it is taken already. */
  take(number: number): boolean {
    if (this.#taken.has(number)) return false;
    this.#taken.add(number);
    return true;
  }

  /** Takes any number; undefined where none is left. */
  takeAny(): number | undefined {
    return this.#takeFrom(this.#reserved, this.size) ?? this.#takeFrom(0, this.#reserved);
  }

  #takeFrom(from: number, to: number): number | undefined {
    const count = to - from;
    if (count <= 0) return undefined;
    const start = Math.floor(this.#random.next() * count);
    for (let step = 0; step < count; step++) {
      const number = from + ((start + step) % count);
      if (this.take(number)) return number;
    }
    return undefined;
  }

  release(number: number): void {
    this.#taken.delete(number);
  }

  has(number: number): boolean {
    return this.#taken.has(number);
  }
}
