import type { Random } from "../../base/random.ts";
import { familyOf, formatAddress, type IpFamily, type IpRange, parseAddress } from "./ip-range.ts";
import { NumberPool } from "./number-pool.ts";

/** The lower part of a range that is kept for addresses chosen by users: a sixteenth, at least 16 and at most 256. */
const reservedOf = (size: number) => Math.min(256, Math.max(16, Math.floor(size / 16)));

/** The cluster IPs of one range. Errors carry upstream's words, to be put behind "failed to allocate IP". */
export class ClusterIps {
  readonly range: IpRange;
  readonly #pool: NumberPool;

  constructor(range: IpRange, random: Random) {
    this.range = range;
    this.#pool = new NumberPool(range.size, reservedOf(range.size), random);
  }

  get family(): IpFamily {
    return this.range.family;
  }

  /** Takes a certain address. Throws where it is taken, or not of this range. */
  take(address: string): void {
    const offset = this.#offset(address);
    if (offset === undefined) {
      throw new Error(
        `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${this.range.text}`,
      );
    }
    if (!this.#pool.take(offset)) throw new Error("provided IP is already allocated");
  }

  /** Takes any address. Throws where none is left. */
  takeAny(): string {
    const offset = this.#pool.takeAny();
    if (offset === undefined) throw new Error("range is full");
    return formatAddress(this.range.first + BigInt(offset), this.range.family);
  }

  release(address: string): void {
    const offset = this.#offset(address);
    if (offset !== undefined) this.#pool.release(offset);
  }

  #offset(address: string): number | undefined {
    if (familyOf(address) !== this.range.family) return undefined;
    const offset = parseAddress(address) - this.range.first;
    return offset >= 0n && offset < BigInt(this.range.size) ? Number(offset) : undefined;
  }
}
