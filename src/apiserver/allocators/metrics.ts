import type { Counter, MetricsRegistry } from "../../base/metrics.ts";

/** `static`: the client chose; `dynamic`: any would do. */
export type Scope = "static" | "dynamic";

/** What was given out and refused, under upstream's names. */
export interface AllocatorMetrics {
  address(cidr: string, scope: Scope, taken: boolean): void;
  port(scope: Scope, taken: boolean): void;
  /** A finding of the repair loops, by the reason of its event. */
  repairedAddress(reason: string): void;
  repairedPort(reason: string): void;
}

/** What upstream's metrics call the findings. */
const TYPES: Readonly<Record<string, string>> = {
  ClusterIPNotValid: "invalid",
  ClusterIPOutOfRange: "outOfRange",
  ClusterIPAlreadyAllocated: "duplicate",
  ClusterIPNotAllocated: "repair",
  IPAddressNotAllocated: "leak",
  IPAddressWrongReference: "leak",
  PortOutOfRange: "outOfRange",
  PortAlreadyAllocated: "duplicate",
  PortNotAllocated: "repair",
};
const typed = (reason: string) => ({ type: TYPES[reason] ?? "unknown" });

/** `registry` is asked for on first use: it is there later than what is measured. */
export function allocatorMetrics(registry: () => MetricsRegistry): AllocatorMetrics {
  const families = new Map<string, { with(...labels: string[]): Counter }>();
  const count = (name: string, help: string, labels: Readonly<Record<string, string>>) => {
    let family = families.get(name);
    if (!family) {
      family = registry().counter(`kube_apiserver_${name}`, help, Object.keys(labels));
      families.set(name, family);
    }
    family.with(...Object.values(labels)).add();
  };
  return {
    address(cidr, scope, taken) {
      if (taken) count("clusterip_allocator_allocation_total", "Cluster IPs taken.", { cidr, scope });
      else
        count("clusterip_allocator_allocation_errors_total", "Cluster IPs that could not be taken.", { cidr, scope });
    },
    port(scope, taken) {
      if (taken) count("nodeport_allocator_allocation_total", "Node ports taken.", { scope });
      else count("nodeport_allocator_allocation_errors_total", "Node ports that could not be taken.", { scope });
    },
    repairedAddress: (reason) =>
      count("clusterip_repair_ip_errors_total", "Cluster IPs that were not right.", typed(reason)),
    repairedPort: (reason) =>
      count("nodeport_repair_port_errors_total", "Node ports that were not right.", typed(reason)),
  };
}
