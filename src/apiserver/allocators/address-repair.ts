import type { KubeObject } from "../../api/object.ts";
import { objectKey } from "../../api/object.ts";
import type { Service } from "../../api/types/core.v1.ts";
import type { IPAddress } from "../../api/types/networking.v1.ts";
import { contains, familyOf, type IpRange } from "../../base/ip-range.ts";
import { canonical, IP_ALLOCATOR, IP_FAMILY, MANAGED_BY, refersTo } from "./cluster-ips.ts";
import { addressesOf } from "./service-addresses.ts";

/** What is wrong between Services and their IPAddress objects, and what to do about it. */
export interface Repair {
  /** `report`: only a person can put it right. `recreate` replaces the object, if there is one, with the Service's. */
  readonly action: "create" | "recreate" | "delete" | "report";
  readonly address: string;
  /** Whose the address is to be. */
  readonly service?: Service;
  readonly about: KubeObject;
  readonly reason: string;
  readonly message: string;
}

/** A Service is written after its address: an object without one may only be early, for as long as a request may take. */
export const GRACE_MS = 60_000;

/**
 * Compares each Service's addresses with the IPAddress objects, by upstream's rules: whatever a Service has must be its
 * own by an object that says so, and an object of a Service must be one of its addresses.
 */
export function planRepairs(observed: {
  services: readonly Service[];
  addresses: readonly IPAddress[];
  ranges: readonly IpRange[];
  /** Wall time in ms. */
  now: number;
}): Repair[] {
  const addresses = new Map(observed.addresses.map((address) => [address.metadata?.name ?? "", address]));
  const services = new Map(observed.services.map((service) => [objectKey(service), service]));
  const repairs: Repair[] = [];
  for (const service of observed.services) {
    for (const text of addressesOf(service)) {
      const repair = checkService(service, text, addresses, services, observed.ranges);
      if (repair) repairs.push(repair);
    }
  }
  const replaced = new Set(repairs.map(({ address }) => address));
  for (const address of observed.addresses) {
    if (replaced.has(address.metadata?.name ?? "")) continue;
    const repair = checkAddress(address, services, observed.now);
    if (repair) repairs.push(repair);
  }
  return repairs;
}

function checkService(
  service: Service,
  text: string,
  addresses: ReadonlyMap<string, IPAddress>,
  services: ReadonlyMap<string, Service>,
  ranges: readonly IpRange[],
): Repair | undefined {
  const family = familyOf(text);
  if (!family) {
    const message = `Cluster IP ${text} is not a valid IP; please recreate Service`;
    return { action: "report", address: text, about: service, reason: "ClusterIPNotValid", message };
  }
  const address = canonical(text);
  const about = service;
  if (!ranges.some((range) => contains(range, address))) {
    const message = `Cluster IP [${family}]: ${address} is not within any configured Service CIDR; please recreate service`;
    return { action: "report", address, about, reason: "ClusterIPOutOfRange", message };
  }
  const found = addresses.get(address);
  const reason = "ClusterIPNotAllocated";
  if (!found) {
    const message = `Cluster IP [${family}]: ${address} is not allocated; repairing`;
    return { action: "create", address, service, about, reason, message };
  }
  if (!refersTo(found, service)) {
    const { resource, group = "", namespace, name } = found.spec?.parentRef ?? {};
    const other = resource === "services" && group === "" ? services.get(`${namespace}/${name}`) : undefined;
    if (other && addressesOf(other).some((one) => canonical(one) === address)) {
      const message = `Cluster IP [${family}]:${address} was assigned to multiple services; please recreate service`;
      return { action: "report", address, about, reason: "ClusterIPAlreadyAllocated", message };
    }
    const whose = `${service.metadata?.namespace}/${service.metadata?.name}`;
    const message = `the ClusterIP [${family}]: ${address} for Service ${whose} has a wrong reference; repairing`;
    return { action: "recreate", address, service, about, reason, message };
  }
  const labels = found.metadata?.labels ?? {};
  if (labels[MANAGED_BY] === IP_ALLOCATOR && labels[IP_FAMILY] === family) return undefined;
  const message = `Cluster IP [${family}]: ${address} has wrong labels; repairing`;
  return { action: "recreate", address, service, about, reason, message };
}

function checkAddress(about: IPAddress, services: ReadonlyMap<string, Service>, now: number): Repair | undefined {
  const { name: address = "", labels = {}, creationTimestamp } = about.metadata ?? {};
  if (labels[MANAGED_BY] !== IP_ALLOCATOR) return undefined;
  const { resource, group = "", namespace, name } = about.spec?.parentRef ?? {};
  const action = "delete";
  if (resource !== "services" || group !== "") {
    const message = `IPAddress ${address} appears to have been modified, not referencing a Service: cleaning up`;
    return { action, address, about, reason: "IPAddressNotAllocated", message };
  }
  if (creationTimestamp && now - Date.parse(creationTimestamp) <= GRACE_MS) return undefined;
  const service = services.get(`${namespace}/${name}`);
  if (!service) {
    const message = `IPAddress: ${address} for Service ${namespace}/${name} appears to have leaked: cleaning up`;
    return { action, address, about, reason: "IPAddressNotAllocated", message };
  }
  if (addressesOf(service).some((one) => familyOf(one) && canonical(one) === address)) return undefined;
  const message = `IPAddress: ${address} for Service ${namespace}/${name} has a wrong reference; cleaning up`;
  return { action, address, about, reason: "IPAddressWrongReference", message };
}
