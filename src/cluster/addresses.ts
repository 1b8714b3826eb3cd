/**
 * The address plan of one cluster on this machine. Clusters run side by side, and the host has routes to each one's
 * pods and Services, so each takes its own slot of these ranges; slot 0 has the ranges that kubeadm users know.
 */
export interface AddressPlan {
  /** 0 to 11. */
  readonly slot: number;
  /** The link between the host and the nodes: the host has the first address, nodes follow from .2 on. */
  readonly nodeCidr: string;
  readonly hostAddress: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** The `kubernetes` Service: the first of the service range. */
  readonly apiServiceAddress: string;
  /** The DNS Service: the tenth of the service range. */
  readonly dnsServiceAddress: string;
}

/** How many clusters can run side by side: pod ranges run from 10.244/16 to 10.255/16. */
export const MAX_CLUSTERS = 12;

export function addressPlan(slot: number): AddressPlan {
  if (!Number.isInteger(slot) || slot < 0 || slot >= MAX_CLUSTERS) throw new RangeError(`no address slot ${slot}`);
  return {
    slot,
    nodeCidr: `10.80.${slot}.0/24`,
    hostAddress: `10.80.${slot}.1`,
    podCidr: `10.${244 + slot}.0.0/16`,
    serviceCidr: `10.${96 + slot}.0.0/16`,
    apiServiceAddress: `10.${96 + slot}.0.1`,
    dnsServiceAddress: `10.${96 + slot}.0.10`,
  };
}

/** The address of node number `index` (0 is the first), and its share of the pod range. */
export function nodeAddresses(plan: AddressPlan, index: number): { address: string; podCidr: string } {
  return {
    address: `10.80.${plan.slot}.${index + 2}`,
    podCidr: `10.${244 + plan.slot}.${index}.0/24`,
  };
}

/**
 * The first slot that neither another cluster has taken nor a route of the host overlaps with. `routes` are the
 * destinations of `ip -4 route show table all`. Throws where none is left.
 */
export function freeSlot(taken: Iterable<number>, routes: readonly string[]): number {
  const used = new Set(taken);
  const ranges = routes.filter((route) => route !== "default" && route !== "0.0.0.0/0").map(parseCidr);
  for (let slot = 0; slot < MAX_CLUSTERS; slot++) {
    if (used.has(slot)) continue;
    const plan = addressPlan(slot);
    const own = [plan.nodeCidr, plan.podCidr, plan.serviceCidr].map(parseCidr);
    if (!own.some((range) => ranges.some((other) => range.first <= other.last && other.first <= range.last)))
      return slot;
  }
  throw new Error(
    `no address range is free for another cluster: ${MAX_CLUSTERS} at most, and none may overlap this host's routes (10.80/16, 10.96–107/16, 10.244–255/16)`,
  );
}

interface Range {
  first: number;
  last: number;
}

function parseCidr(cidr: string): Range {
  const [address, bits] = cidr.split("/");
  const number = address!.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(bits ?? 32));
  const first = Math.floor(number / size) * size;
  return { first, last: first + size - 1 };
}
