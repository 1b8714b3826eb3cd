import { invalid as invalidField } from "../../api/resources/field-errors.ts";
import { internalError, invalid, type StatusError } from "../../api/status-error.ts";
import type { Service, ServicePort } from "../../api/types/core.v1.ts";
import type { Random } from "../../base/random.ts";
import { type Finish, type KindHooks, kindHooks } from "../registry/kind-hooks.ts";
import { ClusterIps } from "./cluster-ips.ts";
import { familyOf, type IpFamily, type IpRange } from "./ip-range.ts";
import { NodePorts, type PortRange } from "./node-ports.ts";
import { carryAddresses, dropAddresses, settleFamilies } from "./service-fields.ts";

/** Upstream's defaults of --service-cluster-ip-range (kubeadm's, in fact) and --service-node-port-range. */
export const DEFAULT_CLUSTER_IP_RANGE = "10.96.0.0/16";
export const DEFAULT_NODE_PORT_RANGE = "30000-32767";

/**
 * Gives Services their cluster IPs and node ports, from memory: `load` takes in what the stored ones have. Works for one
 * server; several would have to agree first.
 */
export class ServiceAddresses {
  readonly #ips: readonly ClusterIps[];
  readonly #ports: NodePorts;

  constructor(ranges: readonly IpRange[], portRange: PortRange, random: Random) {
    this.#ips = ranges.map((range) => new ClusterIps(range, random));
    this.#ports = new NodePorts(portRange, random);
  }

  /** Takes in the addresses of a stored Service. One that another Service has too stays with the first. */
  load(service: Service): void {
    for (const address of addressesOf(service)) ignoreTaken(() => this.#range(address)?.take(address));
    for (const port of portsOf(service)) ignoreTaken(() => this.#ports.take(port));
  }

  /** The engine's hooks for Services. `afterDelete` is called once the addresses of a deleted one are free. */
  hooks(afterDelete: (service: Service) => Promise<void>): KindHooks {
    return kindHooks<Service>({
      beginCreate: (service, { dryRun }) => {
        settleFamilies(service, undefined, this.#families());
        const taken = this.#allocate(service, undefined);
        return (written) => {
          if (!written || dryRun) taken.giveBack();
        };
      },
      beginUpdate: (service, old, { dryRun, subresource }): Finish => {
        if (subresource !== undefined) return () => {};
        dropAddresses(service, old);
        carryAddresses(service, old);
        settleFamilies(service, old, this.#families());
        const taken = this.#allocate(service, old);
        return (written) => {
          if (!written || dryRun) taken.giveBack();
          else this.#releaseDropped(old, service);
        };
      },
      afterDelete: (service) => {
        this.#release(addressesOf(service), portsOf(service));
        return afterDelete(service);
      },
    });
  }

  #families(): readonly IpFamily[] {
    return this.#ips.map(({ family }) => family);
  }

  #range(address: string): ClusterIps | undefined {
    const family = familyOf(address);
    return this.#ips.find((one) => one.family === family);
  }

  /** Fills in what is missing and takes what was chosen, beside what `old` has. Throws, with nothing taken. */
  #allocate(service: Service, old: Service | undefined): { giveBack(): void } {
    const taken = { addresses: [] as string[], ports: [] as number[] };
    const giveBack = () => this.#release(taken.addresses, taken.ports);
    try {
      this.#allocateAddresses(service, new Set(old ? addressesOf(old) : []), taken.addresses);
      this.#allocatePorts(service, new Set(old ? portsOf(old) : []), taken.ports);
    } catch (error) {
      giveBack();
      throw error;
    }
    return { giveBack };
  }

  #allocateAddresses(service: Service, present: ReadonlySet<string>, taken: string[]): void {
    const spec = service.spec!;
    if (spec.type === "ExternalName" || spec.clusterIP === "None" || spec.clusterIPs?.[0] === "None") return;
    const addresses = [...(spec.clusterIPs ?? [])];
    (spec.ipFamilies ?? []).forEach((family, index) => {
      const wanted = addresses[index];
      if (wanted && present.has(wanted)) return;
      const range = this.#ips.find((one) => one.family === family);
      if (!range) return;
      if (wanted) {
        // What is no address, or one of the other family, is left to validation.
        if (familyOf(wanted) !== family) return;
        try {
          range.take(wanted);
        } catch (error) {
          const reason = `failed to allocate IP ${wanted}: ${(error as Error).message}`;
          throw refused(service, "spec.clusterIPs", addresses, reason);
        }
        taken.push(wanted);
        return;
      }
      addresses[index] = orInternal(() => range.takeAny(), "failed to allocate a serviceIP");
      taken.push(addresses[index]);
    });
    if (addresses.length === 0) return;
    spec.clusterIPs = addresses;
    spec.clusterIP ||= addresses[0];
  }

  #allocatePorts(service: Service, present: ReadonlySet<number>, taken: number[]): void {
    const spec = service.spec!;
    const { type } = spec;
    if (type !== "NodePort" && type !== "LoadBalancer") return;
    const automatic = type === "NodePort" || spec.allocateLoadBalancerNodePorts !== false;
    // The same number may serve a port over TCP and one over UDP.
    const own = new Set(present);
    const ports = spec.ports ?? [];
    ports.forEach((port, index) => {
      if (!port.nodePort || own.has(port.nodePort)) return;
      try {
        this.#ports.take(port.nodePort);
      } catch (error) {
        throw refused(service, `spec.ports[${index}].nodePort`, port.nodePort, (error as Error).message);
      }
      taken.push(port.nodePort);
      own.add(port.nodePort);
    });
    if (automatic) {
      for (const port of ports) {
        if (port.nodePort) continue;
        port.nodePort =
          sharedPort(port, ports) ?? orInternal(() => this.#ports.takeAny(), "failed to allocate a nodePort");
        if (!own.has(port.nodePort)) taken.push(port.nodePort);
        own.add(port.nodePort);
      }
    }
    this.#allocateHealthPort(service, own, taken);
  }

  #allocateHealthPort(service: Service, own: ReadonlySet<number>, taken: number[]): void {
    const spec = service.spec!;
    if (spec.type !== "LoadBalancer" || spec.externalTrafficPolicy !== "Local") return;
    if (!spec.healthCheckNodePort) {
      spec.healthCheckNodePort = orInternal(() => this.#ports.takeAny(), "failed to allocate a HealthCheck NodePort");
      taken.push(spec.healthCheckNodePort);
    } else if (!own.has(spec.healthCheckNodePort)) {
      const port = spec.healthCheckNodePort;
      orInternal(() => this.#ports.take(port), `failed to allocate requested HealthCheck NodePort ${port}`);
      taken.push(port);
    }
  }

  #releaseDropped(old: Service, service: Service): void {
    const addresses = new Set(addressesOf(service));
    const ports = new Set(portsOf(service));
    this.#release(
      addressesOf(old).filter((address) => !addresses.has(address)),
      portsOf(old).filter((port) => !ports.has(port)),
    );
  }

  #release(addresses: readonly string[], ports: readonly number[]): void {
    for (const address of addresses) this.#range(address)?.release(address);
    for (const port of ports) this.#ports.release(port);
  }
}

function addressesOf({ spec }: Service): string[] {
  const addresses = spec?.clusterIPs ?? (spec?.clusterIP ? [spec.clusterIP] : []);
  return addresses.filter((address) => address !== "" && address !== "None");
}

function portsOf({ spec }: Service): number[] {
  const ports = (spec?.ports ?? []).map(({ nodePort }) => nodePort ?? 0);
  return [...new Set([...ports, spec?.healthCheckNodePort ?? 0])].filter((port) => port > 0);
}

/** The node port of another port of the same number, which differs in its protocol. */
function sharedPort(port: ServicePort, ports: readonly ServicePort[]): number | undefined {
  const other = ports.find(
    (one) => one !== port && one.nodePort && one.port === port.port && one.protocol !== port.protocol,
  );
  const taken = ports.some((one) => one.nodePort === other?.nodePort && one.protocol === port.protocol);
  return taken ? undefined : other?.nodePort;
}

function refused(service: Service, path: string, value: unknown, detail: string): StatusError {
  const { type, field, message } = invalidField(path, value, detail);
  return invalid({ group: "", kind: "Service" }, service.metadata?.name ?? "", [{ reason: type, message, field }]);
}

function orInternal<T>(take: () => T, what: string): T {
  try {
    return take();
  } catch (error) {
    throw internalError(`${what}: ${(error as Error).message}`);
  }
}

/** What is taken already, or lies outside of the (changed) range, is left as it is. */
function ignoreTaken(take: () => void): void {
  try {
    take();
  } catch {
    // Nothing to do: the address is not ours to give out anyway.
  }
}
