import type { KubeObject, UnknownObject } from "../../api/object.ts";
import { apiVersionOf } from "../../api/object.ts";
import { ipAddresses } from "../../api/resource-types.ts";
import { isAlreadyExists, isNotFound } from "../../api/status-error.ts";
import type { Service } from "../../api/types/core.v1.ts";
import type { IPAddress } from "../../api/types/networking.v1.ts";
import { contains, familyOf, formatAddress, type IpFamily, type IpRange, parseAddress } from "../../base/ip-range.ts";
import type { Random } from "../../base/random.ts";
import type { WriteRequest } from "../registry/write-request.ts";
import type { Registry } from "../registry.ts";
import type { AllocatorMetrics } from "./metrics.ts";
import { AllocationError, type ServiceRanges } from "./service-ranges.ts";

export const MANAGED_BY = "ipaddress.kubernetes.io/managed-by";
export const IP_FAMILY = "ipaddress.kubernetes.io/ip-family";
/** Who makes the addresses of Services. */
export const IP_ALLOCATOR = "ipallocator.k8s.io";

/**
 * The cluster IPs (KEP-1880). To take an address is to create its IPAddress object, which names the Service: of several
 * servers that want the same one, the store lets only one have it. Which addresses are taken is read from the cache,
 * only to find a free one sooner. An AllocationError carries
 * upstream's words, to be put behind "failed to allocate IP".
 */
export class ClusterIps {
  readonly #ranges: ServiceRanges;
  readonly #registry: () => Registry;
  readonly #request: WriteRequest;
  readonly #random: Random;
  readonly #metrics: AllocatorMetrics;

  constructor(options: {
    ranges: ServiceRanges;
    registry: () => Registry;
    request: WriteRequest;
    random: Random;
    metrics: AllocatorMetrics;
  }) {
    this.#ranges = options.ranges;
    this.#registry = options.registry;
    this.#request = options.request;
    this.#random = options.random;
    this.#metrics = options.metrics;
  }

  /** Takes a certain address. Throws where it is taken, or of no range. A dry run looks at the range only, as upstream's. */
  async take(address: string, service: Service, dryRun: boolean): Promise<void> {
    const usable = await this.#ranges.usable();
    const range = usable.find((one) => contains(one, address));
    if (!range) {
      throw new AllocationError("the provided network does not match the current range");
    }
    if (dryRun) return;
    const taken = await this.#create(canonical(address), service);
    this.#metrics.address(range.text, "static", taken);
    if (!taken) {
      throw new AllocationError("provided IP is already allocated");
    }
  }

  /** Takes any address. Throws where none is left. A dry run gets what is no Service's, as upstream's. */
  async takeAny(family: IpFamily, service: Service, dryRun: boolean): Promise<string> {
    const usable = (await this.#ranges.usable()).filter((range) => range.family === family);
    if (dryRun && usable[0]) return formatAddress(usable[0].network, family);
    const { cache } = this.#registry();
    for (const range of usable) {
      for (const address of this.#candidates(range)) {
        if (await cache.get(cache.key(address), 0)) continue;
        if (!(await this.#create(address, service))) continue;
        this.#metrics.address(range.text, "dynamic", true);
        return address;
      }
      this.#metrics.address(range.text, "dynamic", false);
    }
    throw new AllocationError("range is full");
  }

  /** Gives an address back, where it is the Service's. */
  async release(address: string, service: Service): Promise<void> {
    const registry = this.#registry();
    const { cache } = registry;
    const name = canonical(address);
    const found = await cache.get(cache.key(name));
    if (!found || !refersTo(found.object as KubeObject as IPAddress, service)) return;
    const preconditions = { uid: found.object.metadata?.uid };
    try {
      await registry.delete(name, "", { preconditions }, this.#request);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** False where it exists. */
  async #create(address: string, service: Service): Promise<boolean> {
    try {
      await this.#registry().create(addressObject(address, service), "", this.#request);
      return true;
    } catch (error) {
      if (isAlreadyExists(error)) return false;
      throw error;
    }
  }

  /** All addresses of a range: those for everybody first, from a random one on, then those kept for users' choices. */
  *#candidates(range: IpRange): Generator<string> {
    const reserved = reservedOf(range);
    yield* this.#from(range.first + reserved, range.last, range.family);
    if (reserved > 0n) yield* this.#from(range.first, range.first + reserved - 1n, range.family);
  }

  *#from(first: bigint, last: bigint, family: IpFamily): Generator<string> {
    const size = last - first + 1n;
    const start = BigInt(Math.floor(this.#random.next() * Number(size > MAX_SAFE ? MAX_SAFE : size)));
    for (let step = 0n; step < size; step++) yield formatAddress(first + ((start + step) % size), family);
  }
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** An address as it names its object. */
export const canonical = (address: string): string => formatAddress(parseAddress(address), familyOf(address)!);

/** The IPAddress of a Service's address, which is canonical. */
export function addressObject(address: string, { metadata }: Service): UnknownObject & IPAddress {
  return {
    kind: ipAddresses.kind,
    apiVersion: apiVersionOf(ipAddresses),
    metadata: { name: address, labels: { [IP_FAMILY]: familyOf(address)!, [MANAGED_BY]: IP_ALLOCATOR } },
    spec: { parentRef: { resource: "services", namespace: metadata!.namespace!, name: metadata!.name! } },
  };
}

/** Whether an address says that it is this Service's. */
export function refersTo({ spec }: IPAddress, { metadata }: Service): boolean {
  const { group = "", resource, namespace, name } = spec?.parentRef ?? {};
  return group === "" && resource === "services" && namespace === metadata?.namespace && name === metadata?.name;
}

/** The lower part of a range that is kept for addresses chosen by users: a sixteenth, at least 16 and at most 256 (KEP-3070). */
function reservedOf({ first, last }: IpRange): bigint {
  const sixteenth = (last - first + 1n) / 16n;
  const reserved = sixteenth < 16n ? 16n : sixteenth > 256n ? 256n : sixteenth;
  return reserved < last - first + 1n ? reserved : 0n;
}
