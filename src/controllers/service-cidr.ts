import { objectKey } from "../api/object.ts";
import { ipAddresses, serviceCIDRs } from "../api/resource-types.ts";
import { isNotFound } from "../api/status-error.ts";
import type { IPAddress, ServiceCIDR } from "../api/types/networking.v1.ts";
import { contains, covers, type IpRange, overlaps, parseRange } from "../base/ip-range.ts";
import { time } from "../client/timestamps.ts";
import { type Controller, type ControllerContext, type ControllerDefinition, keyedController } from "./controller.ts";

const NAME = "service-cidr-controller";
const FINALIZER = "networking.k8s.io/service-cidr-finalizer";
const MANAGED_BY = "ipaddress.kubernetes.io/managed-by";
const IP_ALLOCATOR = "ipallocator.k8s.io";
/** How long the API servers may take to learn that a range is about to go, and to give out no more addresses of it. */
const GRACE_MS = 10_000;

/** Says that ranges of cluster IPs are ready, and keeps those that are being deleted until no address needs them (KEP-1880). */
export const serviceCidrController: ControllerDefinition = {
  name: NAME,
  serviceAccount: "service-cidrs-controller",
  create,
};

/** What is to be done about one range. */
export type Verdict =
  | { do: "nothing" }
  | { do: "add-finalizer" }
  | { do: "set-ready" }
  | { do: "set-terminating" }
  | { do: "remove-finalizer" }
  | { do: "wait"; ms: number };

export function decide(
  cidr: ServiceCIDR,
  all: readonly ServiceCIDR[],
  addresses: readonly IPAddress[],
  now: number,
): Verdict {
  const { deletionTimestamp, finalizers = [] } = cidr.metadata ?? {};
  const ready = cidr.status?.conditions?.find(({ type }) => type === "Ready");
  if (!deletionTimestamp) {
    if (!finalizers.includes(FINALIZER)) return { do: "add-finalizer" };
    return ready?.status === "True" ? { do: "nothing" } : { do: "set-ready" };
  }
  if (!finalizers.includes(FINALIZER)) return { do: "nothing" };
  if (!isDispensable(cidr, all, addresses)) {
    return ready?.status === "False" && ready.reason === "Terminating" ? { do: "nothing" } : { do: "set-terminating" };
  }
  const ms = Date.parse(deletionTimestamp) + GRACE_MS - now;
  return ms > 0 ? { do: "wait", ms } : { do: "remove-finalizer" };
}

/** Whether others cover all of its blocks, or no address would be left without a range. */
function isDispensable(cidr: ServiceCIDR, all: readonly ServiceCIDR[], addresses: readonly IPAddress[]): boolean {
  const others = all.filter((one) => one.metadata?.name !== cidr.metadata?.name).flatMap(blocksOf);
  const own = blocksOf(cidr);
  if (own.every((block) => others.some((other) => covers(other, block)))) return true;
  return !addresses.some(({ metadata }) => {
    if (metadata?.labels?.[MANAGED_BY] !== IP_ALLOCATOR) return false;
    const address = metadata.name ?? "";
    return own.some((block) => contains(block, address)) && !others.some((block) => contains(block, address));
  });
}

const blocksOf = ({ spec }: ServiceCIDR): IpRange[] => (spec?.cidrs ?? []).map(parseRange);

function create(context: ControllerContext): Controller {
  const { client, informers, clock } = context;
  const resource = client.resource<ServiceCIDR>(serviceCIDRs);
  const cidrs = informers.informer<ServiceCIDR>(serviceCIDRs);
  const addresses = informers.informer<IPAddress>(ipAddresses);
  const controller = keyedController(context, { name: NAME, workers: 5, reconcile });
  const enqueue = (cidr: ServiceCIDR) => controller.queue.add(objectKey(cidr));
  // A range that comes or goes may free others, or keep them.
  const enqueueOverlapping = (cidr: ServiceCIDR) => {
    const blocks = blocksOf(cidr);
    for (const other of cidrs.list()) {
      if (blocksOf(other).some((block) => blocks.some((one) => overlaps(one, block)))) enqueue(other);
    }
  };
  cidrs.on({ add: enqueueOverlapping, update: (_, cidr) => enqueue(cidr), delete: enqueueOverlapping });
  const enqueueHolders = ({ metadata }: IPAddress) => {
    const address = metadata?.name ?? "";
    for (const cidr of cidrs.list()) {
      if (cidr.metadata?.deletionTimestamp && blocksOf(cidr).some((block) => contains(block, address))) {
        enqueue(cidr);
      }
    }
  };
  addresses.on({ add: enqueueHolders, delete: enqueueHolders });

  async function reconcile(key: string, signal: AbortSignal) {
    const cidr = cidrs.get(key);
    if (!cidr) return undefined;
    const verdict = decide(cidr, cidrs.list(), addresses.list(), clock.now());
    if (verdict.do === "wait") return { requeueAfterMs: verdict.ms };
    try {
      await act(cidr, verdict, signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return undefined;
  }

  async function act(cidr: ServiceCIDR, verdict: Verdict, signal: AbortSignal): Promise<void> {
    const { name, finalizers = [] } = cidr.metadata!;
    const setReady = async (status: "True" | "False", reason: string, message: string) => {
      const condition = { type: "Ready", status, reason, message, lastTransitionTime: time(clock.now()) };
      await resource.apply(
        {
          apiVersion: "networking.k8s.io/v1",
          kind: "ServiceCIDR",
          metadata: { name: name! },
          status: { conditions: [condition] },
        } as ServiceCIDR,
        { fieldManager: NAME, force: true, subresource: "status", signal },
      );
    };
    switch (verdict.do) {
      case "add-finalizer":
        // The change brings it here again, to be made ready.
        await resource.patch(name!, undefined, "strategic", { metadata: { finalizers: [FINALIZER] } }, { signal });
        return;
      case "remove-finalizer": {
        const rest = finalizers.filter((one) => one !== FINALIZER);
        await resource.update({ ...cidr, metadata: { ...cidr.metadata, finalizers: rest } }, { signal });
        return;
      }
      case "set-ready":
        return setReady("True", "", "Kubernetes Service CIDR is ready");
      case "set-terminating":
        return setReady(
          "False",
          "Terminating",
          "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR",
        );
    }
  }
  return controller;
}
