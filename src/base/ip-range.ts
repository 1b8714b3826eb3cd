import { isIPv4, isIPv6 } from "./ip.ts";

export type IpFamily = "IPv4" | "IPv6";

/** The family of an address; undefined where the text is none. */
export function familyOf(address: string): IpFamily | undefined {
  return isIPv4(address) ? "IPv4" : isIPv6(address) ? "IPv6" : undefined;
}

/** An address as a number. The text must be a valid address. */
export function parseAddress(address: string): bigint {
  if (isIPv4(address)) return address.split(".").reduce((value, part) => value * 256n + BigInt(part), 0n);
  const [plain = ""] = address.split("%");
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(plain);
  const text = embedded ? `${embedded[1]}${groups(parseAddress(embedded[2]!))}` : plain;
  const [head = "", tail] = text.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const all = [...left, ...new Array<string>(zeros).fill("0"), ...right];
  return all.reduce((value, part) => value * 65536n + BigInt(`0x${part}`), 0n);
}

const groups = (value: bigint) => `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;

/** The canonical text of an address (RFC 5952 for IPv6). */
export function formatAddress(value: bigint, family: IpFamily): string {
  if (family === "IPv4") return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".");
  const parts = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  const text = parts.join(":");
  // The longest run of at least two zero groups is left out, the first of several.
  const runs = [...text.matchAll(/(?<=^|:)0(?::0)+(?=:|$)/g)];
  const longest = runs.reduce<RegExpExecArray | undefined>(
    (best, run) => (run[0].length > (best?.[0].length ?? 0) ? run : best),
    undefined,
  );
  if (!longest) return text;
  const before = text.slice(0, longest.index).replace(/:$/, "");
  const after = text.slice(longest.index + longest[0].length).replace(/^:/, "");
  return `${before}::${after}`;
}

/** A block of addresses. Those that may be given out are `first` to `last`. */
export interface IpRange {
  readonly text: string;
  readonly family: IpFamily;
  readonly network: bigint;
  readonly prefix: number;
  readonly first: bigint;
  readonly last: bigint;
}

/** Parses a CIDR; the network's own address and, for IPv4, its broadcast address are not given out. */
export function parseRange(text: string): IpRange {
  const [address = "", bits = ""] = text.split("/");
  const family = familyOf(address);
  const width = family === "IPv4" ? 32 : 128;
  const prefix = Number(bits);
  if (!family || !/^\d{1,3}$/.test(bits) || prefix > width) throw new Error(`invalid CIDR address: ${text}`);
  const hostBits = BigInt(width - prefix);
  const network = (parseAddress(address) >> hostBits) << hostBits;
  const last = network + (1n << hostBits) - (family === "IPv4" ? 2n : 1n);
  if (last <= network) throw new Error(`the range ${text} has no address to give out`);
  return { text: `${formatAddress(network, family)}/${prefix}`, family, network, prefix, first: network + 1n, last };
}

/** Whether an address may be given out from a range. */
export function contains(range: IpRange, address: string): boolean {
  if (familyOf(address) !== range.family) return false;
  const value = parseAddress(address);
  return value >= range.first && value <= range.last;
}

/** Whether every address of `inner` lies in `outer` too. */
export function covers(outer: IpRange, inner: IpRange): boolean {
  return outer.family === inner.family && outer.prefix <= inner.prefix && overlaps(outer, inner);
}

/** Whether two ranges have addresses in common: then one covers the other. */
export function overlaps(a: IpRange, b: IpRange): boolean {
  if (a.family !== b.family) return false;
  const width = a.family === "IPv4" ? 32 : 128;
  const hostBits = BigInt(width - Math.min(a.prefix, b.prefix));
  return a.network >> hostBits === b.network >> hostBits;
}
