import type { Service } from "../../api/types/core.v1.ts";
import type { PortRange } from "./port-allocation.ts";
import { showPortRange } from "./port-allocation.ts";
import { portsOf } from "./service-ports.ts";

/** A port that nobody has is given free when it was seen so often; its Service may only not be written yet. */
const SIGHTINGS = 3;

export interface PortFinding {
  readonly service: Service;
  readonly reason: string;
  readonly message: string;
}

export interface PortRepair {
  /** To be taken and to be given free. */
  readonly missing: readonly number[];
  readonly leaked: readonly number[];
  readonly findings: readonly PortFinding[];
  /** Of ports that nobody has: how often each was seen; for the next time. */
  readonly suspects: ReadonlyMap<number, number>;
}

/** Compares the ports that the Services have with those that are taken, by upstream's rules. */
export function planPortRepair(observed: {
  services: readonly Service[];
  taken: ReadonlySet<number>;
  range: PortRange;
  suspects: ReadonlyMap<number, number>;
}): PortRepair {
  const { taken, range } = observed;
  const used = new Set<number>();
  const missing: number[] = [];
  const findings: PortFinding[] = [];
  for (const service of observed.services) {
    for (const port of portsOf(service)) {
      const tell = (reason: string, message: string) => findings.push({ service, reason, message });
      if (port < range.first || port > range.last) {
        const where = showPortRange(range);
        tell("PortOutOfRange", `Port ${port} is not within the port range ${where}; please recreate service`);
      } else if (used.has(port)) {
        tell("PortAlreadyAllocated", `Port ${port} was assigned to multiple services; please recreate service`);
      } else {
        used.add(port);
        if (taken.has(port)) continue;
        missing.push(port);
        tell("PortNotAllocated", `Port ${port} is not allocated; repairing`);
      }
    }
  }
  const suspects = new Map<number, number>();
  const leaked: number[] = [];
  for (const port of taken) {
    if (used.has(port)) continue;
    const sightings = (observed.suspects.get(port) ?? 0) + 1;
    if (sightings > SIGHTINGS) leaked.push(port);
    else suspects.set(port, sightings);
  }
  return { missing, leaked, findings, suspects };
}
