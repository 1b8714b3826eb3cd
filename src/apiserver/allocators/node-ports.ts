import type { Random } from "../../base/random.ts";
import { NumberPool } from "./number-pool.ts";

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Parses `30000-32767`, or one port. */
export function parsePortRange(text: string): PortRange {
  const match = /^(\d{1,5})(?:-(\d{1,5})|\+(\d{1,5}))?$/.exec(text.trim());
  const first = Number(match?.[1]);
  const last = match?.[3] ? first + Number(match[3]) : Number(match?.[2] ?? match?.[1]);
  if (!match || first < 1 || last > 65535 || last < first) {
    throw new Error(`invalid port range ${JSON.stringify(text)}: expected FIRST-LAST with ports from 1 to 65535`);
  }
  return { first, last };
}

/** The lower part that is kept for ports chosen by users; none where the range is small. */
const reservedOf = (size: number) => (size < 32 ? 0 : Math.min(128, Math.max(16, Math.floor(size / 32))));

/** The node ports of the cluster. Errors carry upstream's words. */
export class NodePorts {
  readonly #range: PortRange;
  readonly #pool: NumberPool;

  constructor(range: PortRange, random: Random) {
    const size = range.last - range.first + 1;
    this.#range = range;
    this.#pool = new NumberPool(size, reservedOf(size), random);
  }

  take(port: number): void {
    const { first, last } = this.#range;
    if (port < first || port > last) {
      throw new Error(`provided port is not in the valid range. The range of valid ports is ${first}-${last}`);
    }
    if (!this.#pool.take(port - first)) throw new Error("provided port is already allocated");
  }

  takeAny(): number {
    const offset = this.#pool.takeAny();
    if (offset === undefined) throw new Error("range is full");
    return this.#range.first + offset;
  }

  release(port: number): void {
    this.#pool.release(port - this.#range.first);
  }
}
