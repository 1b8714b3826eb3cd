import { type IpRange, parseRange } from "../../base/ip-range.ts";

/** A range of pod addresses, and the prefix length of the block that each node gets of it. */
export interface NodeRange {
  readonly range: IpRange;
  readonly size: number;
}

export interface NodeRangeOptions {
  /** `--cluster-cidr`: one range, or one of each family. */
  readonly clusterCidrs: readonly string[];
  /** `--node-cidr-mask-size`, for clusters of one family. */
  readonly size?: number | undefined;
  /** `--node-cidr-mask-size-ipv4`, `-ipv6`. Defaults: 24 and 64. */
  readonly sizeIpv4?: number | undefined;
  readonly sizeIpv6?: number | undefined;
}

/** An IPv6 range holds at most 2^16 blocks, as upstream's. */
const MOST_IPV6_BITS = 16;
/** The longest prefixes with which a block still has an address to give out. */
const SMALLEST = { IPv4: 30, IPv6: 127 } as const;

/** The ranges that flags stand for. Throws a RangeError, in upstream's words, for flags that contradict each other. */
export function nodeRanges({ clusterCidrs, size, sizeIpv4, sizeIpv6 }: NodeRangeOptions): NodeRange[] {
  const ranges = clusterCidrs.map(parseRange);
  if (ranges.length === 0) throw new RangeError("--allocate-node-cidrs needs --cluster-cidr");
  if (ranges.length > 2) throw new RangeError(`length of clusterCIDRs is:${ranges.length} more than max allowed of 2`);
  const dual = ranges.length === 2;
  if (dual && ranges[0]!.family === ranges[1]!.family) {
    throw new RangeError(
      "len of ClusterCIDRs==2 and they are not configured as dual stack (at least one from each IPFamily",
    );
  }
  if (dual && size !== undefined) {
    throw new RangeError("usage of --node-cidr-mask-size is not allowed with dual-stack clusters");
  }
  if (size !== undefined && (sizeIpv4 !== undefined || sizeIpv6 !== undefined)) {
    throw new RangeError(
      "usage of --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6 is not allowed if --node-cidr-mask-size is set. For dual-stack clusters please unset it and use IPFamily specific flags",
    );
  }
  const [only] = ranges;
  if (!dual && only!.family === "IPv6" && sizeIpv4 !== undefined) {
    throw new RangeError("usage of --node-cidr-mask-size-ipv4 is not allowed for a single-stack IPv6 cluster");
  }
  if (!dual && only!.family === "IPv4" && sizeIpv6 !== undefined) {
    throw new RangeError("usage of --node-cidr-mask-size-ipv6 is not allowed for a single-stack IPv4 cluster");
  }
  return ranges.map((range) => {
    const own = size ?? (range.family === "IPv4" ? (sizeIpv4 ?? 24) : (sizeIpv6 ?? 64));
    if (own < range.prefix) {
      throw new RangeError(
        "Controller: Invalid --cluster-cidr, mask size of cluster CIDR must be less than or equal to --node-cidr-mask-size configured for CIDR family",
      );
    }
    if (own > SMALLEST[range.family]) {
      throw new RangeError(`blocks of /${own} have no address for a pod: /${SMALLEST[range.family]} is the smallest`);
    }
    if (range.family === "IPv6" && own - range.prefix > MOST_IPV6_BITS) {
      throw new RangeError(
        `New CIDR set failed; the node CIDR size is too big: a range of /${range.prefix} has more than 2^${MOST_IPV6_BITS} blocks of /${own}`,
      );
    }
    return { range, size: own };
  });
}
