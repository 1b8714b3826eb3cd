import { formatAddress, type IpRange, overlaps } from "../../base/ip-range.ts";
import type { NodeRange } from "./ranges.ts";

/** The blocks of one range: which are in use, by how many, and which comes next. */
export interface BlockPool {
  readonly range: IpRange;
  /** Marks all blocks that have addresses in common with `part`; what lies outside of the range is left out. */
  occupy(part: IpRange): void;
  /** Takes back one `occupy` of the same `part`. */
  release(part: IpRange): void;
  /** A block that is in no use, as a CIDR; undefined where there is none. Those given back come last. */
  next(): string | undefined;
}

export function blockPool({ range, size }: NodeRange): BlockPool {
  const width = range.family === "IPv4" ? 32 : 128;
  const blockBits = BigInt(width - size);
  const count = 2 ** (size - range.prefix);
  const uses = new Map<number, number>();
  let cursor = 0;

  const change = (part: IpRange, by: 1 | -1) => {
    if (!overlaps(range, part)) return;
    const blocks = 2 ** Math.max(0, size - Math.max(part.prefix, range.prefix));
    const first = part.network <= range.network ? 0 : Number((part.network - range.network) >> blockBits);
    for (let index = first; index < first + blocks; index++) {
      const left = (uses.get(index) ?? 0) + by;
      if (left > 0) uses.set(index, left);
      else uses.delete(index);
    }
  };
  return {
    range,
    occupy: (part) => change(part, 1),
    release: (part) => change(part, -1),
    next() {
      if (uses.size >= count) return undefined;
      while (uses.has(cursor)) cursor = (cursor + 1) % count;
      const network = range.network + (BigInt(cursor) << blockBits);
      cursor = (cursor + 1) % count;
      return `${formatAddress(network, range.family)}/${size}`;
    },
  };
}
