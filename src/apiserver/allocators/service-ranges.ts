import type { ServiceCIDR } from "../../api/types/networking.v1.ts";
import { type IpRange, parseRange } from "../../base/ip-range.ts";
import type { CachedObject, ResourceCache } from "../watch-cache/watch-cache.ts";

/** An address can't be had; the message says why, in upstream's words. */
export class AllocationError extends Error {}

/** The ranges that cluster IPs may be taken from: those of the ServiceCIDR objects (KEP-1880). */
export interface ServiceRanges {
  /** Those that new addresses may come from. Throws where there is none yet. */
  usable(): Promise<readonly IpRange[]>;
  /** All, also those that are about to go. */
  all(): Promise<readonly IpRange[]>;
}

export function serviceRanges(cache: () => ResourceCache): ServiceRanges {
  const read = async (wanted: (range: ServiceCIDR) => boolean, options: { resourceVersion?: number }) => {
    const { items } = await cache().list(options);
    return unique(items.filter((item) => wanted(item.object as ServiceCIDR)).flatMap(rangesOf));
  };
  return {
    async usable() {
      let found = await read(isReady, { resourceVersion: 0 });
      // Another server may just have made the first one.
      if (found.length === 0) found = await read(isReady, {});
      if (found.length === 0) throw new AllocationError("allocator not ready");
      return found;
    },
    all: () => read(() => true, {}),
  };
}

/** Without a condition it counts as ready, so that Services can be made before the controllers run. */
function isReady({ metadata, status }: ServiceCIDR): boolean {
  if (metadata?.deletionTimestamp) return false;
  const condition = status?.conditions?.find(({ type }) => type === "Ready");
  return condition === undefined || condition.status === "True";
}

const rangesOf = (item: CachedObject): IpRange[] => ((item.object as ServiceCIDR).spec?.cidrs ?? []).map(parseRange);

const unique = (ranges: readonly IpRange[]): IpRange[] => [
  ...new Map(ranges.map((range) => [range.text, range])).values(),
];
