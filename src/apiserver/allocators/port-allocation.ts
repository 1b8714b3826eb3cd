export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Parses `30000-32767`, `30000+100`, or one port. */
export function parsePortRange(text: string): PortRange {
  const match = /^(\d{1,5})(?:-(\d{1,5})|\+(\d{1,5}))?$/.exec(text.trim());
  const first = Number(match?.[1]);
  const last = match?.[3] ? first + Number(match[3]) : Number(match?.[2] ?? match?.[1]);
  if (!match || first < 1 || last > 65535 || last < first) {
    throw new Error(`invalid port range ${JSON.stringify(text)}: expected FIRST-LAST with ports from 1 to 65535`);
  }
  return { first, last };
}

export const showPortRange = ({ first, last }: PortRange): string => (first === last ? `${first}` : `${first}-${last}`);

/**
 * Which ports of a range are taken, as all servers of a cluster share it: upstream's RangeAllocation, whose data are the
 * bytes of one number, the highest first, in which bit i stands for the port `first + i`.
 */
export interface PortAllocation {
  readonly range: PortRange;
  readonly taken: ReadonlySet<number>;
}

export function encodeAllocation({ range, taken }: PortAllocation): Uint8Array {
  const bytes = new Uint8Array(((range.last - range.first) >> 3) + 1);
  for (const port of taken) {
    const bit = port - range.first;
    bytes[bytes.length - 1 - (bit >> 3)]! |= 1 << (bit & 7);
  }
  const start = bytes.findIndex((byte) => byte !== 0);
  const data = Buffer.from(start < 0 ? [] : bytes.subarray(start)).toString("base64");
  const object = { kind: "RangeAllocation", apiVersion: "v1", metadata: {}, range: showPortRange(range), data };
  return Buffer.from(JSON.stringify(object));
}

/** Undefined where it is of another range than `range`, or empty: then it has to be made anew from the Services. */
export function decodeAllocation(value: Uint8Array, range: PortRange): PortAllocation | undefined {
  const stored = JSON.parse(Buffer.from(value).toString("utf8")) as { range?: string; data?: string };
  if (stored.range !== showPortRange(range)) return undefined;
  const bytes = Buffer.from(stored.data ?? "", "base64");
  const taken = new Set<number>();
  for (const [index, byte] of bytes.entries()) {
    const base = range.first + (bytes.length - 1 - index) * 8;
    for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) taken.add(base + bit);
  }
  return { range, taken };
}

/** The lower part that is kept for ports chosen by users; none where the range is small (KEP-3668). */
function reservedOf({ first, last }: PortRange): number {
  const size = last - first + 1;
  return size < 32 ? 0 : Math.min(128, Math.max(16, Math.floor(size / 32)));
}

/** A free port: of those for everybody, from a random one on, or where they are used up of those kept for users' choices. */
export function freePort(range: PortRange, taken: ReadonlySet<number>, random: number): number | undefined {
  const middle = range.first + reservedOf(range);
  return pick(middle, range.last, taken, random) ?? pick(range.first, middle - 1, taken, random);
}

function pick(first: number, last: number, taken: ReadonlySet<number>, random: number): number | undefined {
  const size = last - first + 1;
  const start = Math.floor(random * size);
  for (let step = 0; step < size; step++) {
    const port = first + ((start + step) % size);
    if (!taken.has(port)) return port;
  }
  return undefined;
}
