import { alignService, dropTypeDependentFields, isHeadless } from "../../api/resources/core/service-allocation.ts";
import { internalError } from "../../api/status-error.ts";
import type { Service } from "../../api/types/core.v1.ts";
import { familyOf, type IpFamily } from "../../base/ip-range.ts";
import type { Logger } from "../../base/logger.ts";
import { type Finish, type KindHooks, kindHooks } from "../registry/kind-hooks.ts";
import type { ClusterIps } from "./cluster-ips.ts";
import type { AllocatorMetrics } from "./metrics.ts";
import type { NodePorts } from "./node-ports.ts";
import { settleFamilies } from "./service-families.ts";
import { portsOf, refused, takePorts } from "./service-ports.ts";
import { AllocationError } from "./service-ranges.ts";

/** Upstream's defaults of --service-cluster-ip-range (kubeadm's, in fact) and --service-node-port-range. */
export const DEFAULT_CLUSTER_IP_RANGE = "10.96.0.0/16";
export const DEFAULT_NODE_PORT_RANGE = "30000-32767";

export interface ServiceAddressesOptions {
  ips: ClusterIps;
  ports: NodePorts;
  /** Those of the cluster; the first is the default. */
  families: readonly IpFamily[];
  metrics: AllocatorMetrics;
  logger: Logger;
}

/** What was taken for a Service, to be given back where the Service is not written. */
interface Taken {
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
}

/**
 * Gives Services their cluster IPs and node ports. All of them are taken in the store before the Service is written, and
 * given back after it is gone; what a crash in between leaves behind is found by the repair loops.
 */
export class ServiceAddresses {
  readonly #options: ServiceAddressesOptions;

  constructor(options: ServiceAddressesOptions) {
    this.#options = options;
  }

  /** The engine's hooks for Services. `afterDelete` is called once the addresses of a deleted one are free. */
  hooks(afterDelete: (service: Service) => Promise<void>): KindHooks {
    return kindHooks<Service>({
      beginCreate: async (service, { dryRun }): Promise<Finish> => {
        alignService(service);
        settleFamilies(service, undefined, this.#options.families);
        const taken = await this.#take(service, undefined, dryRun);
        return (outcome) => (outcome === "refused" ? this.#giveBack(service, taken) : undefined);
      },
      beginUpdate: async (service, old, { dryRun, subresource }): Promise<Finish> => {
        if (subresource !== undefined) return () => {};
        dropTypeDependentFields(service, old);
        alignService(service, old);
        settleFamilies(service, old, this.#options.families);
        const taken = await this.#take(service, old, dryRun);
        return (outcome) => {
          if (outcome === "refused") return this.#giveBack(service, taken);
          if (outcome === "written" && !dryRun) return this.#giveBack(old, dropped(old, service));
        };
      },
      afterDelete: async (service) => {
        await this.#giveBack(service, { addresses: addressesOf(service), ports: portsOf(service) });
        await afterDelete(service);
      },
    });
  }

  /** Fills in what is missing and takes what was chosen, beside what `old` has. Throws, with nothing taken. */
  async #take(service: Service, old: Service | undefined, dryRun: boolean): Promise<Taken> {
    const addresses: string[] = [];
    try {
      await this.#takeAddresses(service, new Set(old ? addressesOf(old) : []), addresses, dryRun);
      const present = new Set(old ? portsOf(old) : []);
      const ports = await takePorts(service, present, this.#options.ports, this.#options.metrics, dryRun);
      return { addresses, ports };
    } catch (error) {
      await this.#giveBack(service, { addresses, ports: [] });
      throw error;
    }
  }

  async #takeAddresses(
    service: Service,
    present: ReadonlySet<string>,
    taken: string[],
    dryRun: boolean,
  ): Promise<void> {
    const { ips } = this.#options;
    const spec = service.spec!;
    if (spec.type === "ExternalName" || spec.clusterIP === "None" || isHeadless(spec)) return;
    const addresses = [...(spec.clusterIPs ?? [])];
    for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
      const wanted = addresses[index];
      if (wanted && present.has(wanted)) continue;
      if (wanted) {
        // What is no address, or one of the other family, is left to validation.
        if (familyOf(wanted) !== family) return;
        try {
          await ips.take(wanted, service, dryRun);
        } catch (error) {
          if (!(error instanceof AllocationError)) throw error;
          const reason = `failed to allocate IP ${wanted}: ${error.message}`;
          throw refused(service, "spec.clusterIPs", addresses, reason);
        }
        if (!dryRun) taken.push(wanted);
        continue;
      }
      if (family !== "IPv4" && family !== "IPv6") return;
      try {
        addresses[index] = await ips.takeAny(family, service, dryRun);
      } catch (error) {
        if (!(error instanceof AllocationError)) throw error;
        throw internalError(`failed to allocate a serviceIP: ${error.message}`);
      }
      if (!dryRun) taken.push(addresses[index]);
    }
    if (addresses.length === 0) return;
    spec.clusterIPs = addresses;
    spec.clusterIP ||= addresses[0];
  }

  /** Never throws: what can't be given back now is for the repair loops. */
  async #giveBack(service: Service, { addresses, ports }: Taken): Promise<void> {
    const { ips, ports: nodePorts, logger } = this.#options;
    const releases = [...addresses.map((address) => ips.release(address, service)), nodePorts.release(ports)];
    for (const outcome of await Promise.allSettled(releases)) {
      if (outcome.status === "rejected") {
        logger.warn("an address of a Service could not be given back", { error: outcome.reason });
      }
    }
  }
}

/** The cluster IPs that a Service has. */
export function addressesOf({ spec }: Service): string[] {
  const addresses = spec?.clusterIPs ?? (spec?.clusterIP ? [spec.clusterIP] : []);
  return addresses.filter((address) => address !== "" && address !== "None");
}

/** What `old` has and `service` has not. */
function dropped(old: Service, service: Service): Taken {
  const addresses = new Set(addressesOf(service));
  const ports = new Set(portsOf(service));
  return {
    addresses: addressesOf(old).filter((address) => !addresses.has(address)),
    ports: portsOf(old).filter((port) => !ports.has(port)),
  };
}
