import type { KubeObject, ResourceType } from "../../api/object.ts";
import { ipAddresses, serviceCIDRs, services } from "../../api/resource-types.ts";
import type { Service } from "../../api/types/core.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import type { Clock } from "../../base/clock.ts";
import { type IpRange, parseRange } from "../../base/ip-range.ts";
import type { Logger } from "../../base/logger.ts";
import type { MetricsRegistry } from "../../base/metrics.ts";
import type { Random } from "../../base/random.ts";
import { eventRecorder } from "../../client/event-broadcaster.ts";
import type { Store } from "../../store/store.ts";
import type { Lookup } from "../lookup.ts";
import type { PostStartHook } from "../post-start.ts";
import type { KindHooks } from "../registry/kind-hooks.ts";
import type { WriteRequest } from "../registry/write-request.ts";
import type { Registry } from "../registry.ts";
import { ClusterIps } from "./cluster-ips.ts";
import { allocatorMetrics } from "./metrics.ts";
import { NodePorts } from "./node-ports.ts";
import { parsePortRange } from "./port-allocation.ts";
import { repairLoops } from "./repair-loops.ts";
import { ServiceAddresses } from "./service-addresses.ts";
import { portsOf } from "./service-ports.ts";
import { serviceRanges } from "./service-ranges.ts";

export interface ServiceNetworkOptions {
  /** CIDRs of cluster IPs, one or one of each family, that the cluster begins with. */
  clusterIpRanges: readonly string[];
  nodePortRange: string;
  store: Store;
  registryOf(type: ResourceType<KubeObject>): Registry;
  lookup(): Lookup;
  metrics(): MetricsRegistry;
  /** As whom the server itself writes. */
  user: UserInfo;
  clock: Clock;
  random: Random;
  logger: Logger;
}

/** What gives Services their addresses and ports, and keeps those right. */
export interface ServiceNetwork {
  readonly ranges: readonly IpRange[];
  /** See ServiceAddresses.hooks. */
  hooks(afterDelete: (service: Service) => Promise<void>): KindHooks;
  /** Gives what the stored Services have the objects that say so, where they are missing: of older versions, or lost. */
  start(): Promise<void>;
  readonly repair: PostStartHook;
}

/** Throws for ranges that make no sense. */
export function serviceNetwork(options: ServiceNetworkOptions): ServiceNetwork {
  const { store, registryOf, user, clock, random } = options;
  const logger = options.logger.with({}, "service-addresses");
  const ranges = options.clusterIpRanges.map(parseRange);
  const range = parsePortRange(options.nodePortRange);
  const request: WriteRequest = { user, dryRun: false, options: {}, warn() {} };
  const shared = serviceRanges(() => registryOf(serviceCIDRs).cache);
  const metrics = allocatorMetrics(options.metrics);
  const ips = new ClusterIps({ ranges: shared, registry: () => registryOf(ipAddresses), request, random, metrics });
  const inUse = async () => {
    const { items } = await registryOf(services).cache.list();
    return items.flatMap(({ object }) => portsOf(object as Service));
  };
  const ports = new NodePorts({ range, store, random, inUse });
  const families = ranges.map(({ family }) => family);
  const addresses = new ServiceAddresses({ ips, ports, families, metrics, logger });
  const repairOptions = {
    services: () => registryOf(services),
    addresses: () => registryOf(ipAddresses),
    ranges: shared,
    ports,
    request,
    metrics,
    clock,
    logger,
  };
  return {
    ranges,
    hooks: (afterDelete) => addresses.hooks(afterDelete),
    start: () => repairLoops(repairOptions).once(),
    repair: {
      name: "start-service-ip-repair-controllers",
      after: ["start-kubernetes-service-cidr-controller"],
      async run(client, signal) {
        const recorder = (component: string) => eventRecorder({ client, clock, random, logger, component, signal });
        const loops = repairLoops({ ...repairOptions, recorder });
        await loops.once();
        const loop = loops.start();
        // An address that somebody deletes would be given to another Service.
        const following = await options.lookup().follow(ipAddresses, { put() {}, remove: () => loop.soon() });
        const stop = () => {
          loop.stop();
          following.stop();
        };
        if (signal.aborted) stop();
        else signal.addEventListener("abort", stop, { once: true });
      },
    },
  };
}
