import type { KubeObject } from "../../api/object.ts";
import { isAlreadyExists, isNotFound } from "../../api/status-error.ts";
import type { Service } from "../../api/types/core.v1.ts";
import type { IPAddress } from "../../api/types/networking.v1.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { WriteRequest } from "../registry/write-request.ts";
import type { Registry } from "../registry.ts";
import { planRepairs, type Repair } from "./address-repair.ts";
import { addressObject } from "./cluster-ips.ts";
import type { AllocatorMetrics } from "./metrics.ts";
import type { NodePorts } from "./node-ports.ts";
import { planPortRepair } from "./port-repair.ts";
import type { ServiceRanges } from "./service-ranges.ts";

export interface RepairOptions {
  services: () => Registry;
  addresses: () => Registry;
  ranges: ServiceRanges;
  ports: NodePorts;
  request: WriteRequest;
  /** Of the events about what was found; absent at the start, when nobody can be told yet. */
  recorder?: (component: string) => EventRecorder;
  metrics: AllocatorMetrics;
  clock: Clock;
  logger: Logger;
}

/** How often the cluster looks for what crashes have left behind, as upstream does. */
const PERIOD_MS = 3 * 60_000;
/** So that what goes together is looked at together. */
const SOON_MS = 1_000;

export interface RepairLoops {
  /** Puts addresses and ports right. Rejects where the store can't be read or written. */
  once(): Promise<void>;
  /** Does so now and then until stopped, and soon after `soon` was called. */
  start(): { soon(): void; stop(): void };
}

/** Keeps what is taken and what Services have the same: after crashes, and after whatever people do to the objects. */
export function repairLoops(options: RepairOptions): RepairLoops {
  const { ports, ranges, clock, logger } = options;
  let suspects: ReadonlyMap<number, number> = new Map();
  const objects = async <T extends KubeObject>(registry: Registry): Promise<T[]> =>
    (await registry.cache.list()).items.map(({ object }) => object as KubeObject as T);

  const addressesOnce = async () => {
    // In this order: an address that is there while its Service is not may be early, but not the other way round.
    const addresses = await objects<IPAddress>(options.addresses());
    const services = await objects<Service>(options.services());
    if (addresses.length + services.length === 0) return;
    const repairs = planRepairs({ services, addresses, ranges: await ranges.all(), now: clock.now() });
    const recorder = repairs.length > 0 ? options.recorder?.("ipallocator-repair-controller") : undefined;
    for (const repair of repairs) {
      logger.warn("cluster IPs are not as they should be", { reason: repair.reason, message: repair.message });
      options.metrics.repairedAddress(repair.reason);
      await repairAddress(repair, options);
      recorder?.event(repair.about, "Warning", repair.reason, repair.message);
    }
  };
  const portsOnce = async () => {
    const services = await objects<Service>(options.services());
    const taken = await ports.taken();
    const plan = planPortRepair({ services, taken, range: ports.range, suspects });
    suspects = plan.suspects;
    if (plan.missing.length + plan.leaked.length > 0) {
      await ports.edit((now) => {
        for (const port of plan.missing) now.add(port);
        for (const port of plan.leaked) now.delete(port);
      });
    }
    const recorder = plan.findings.length > 0 ? options.recorder?.("portallocator-repair-controller") : undefined;
    for (const { service, reason, message } of plan.findings) {
      logger.warn("node ports are not as they should be", { reason, message });
      options.metrics.repairedPort(reason);
      recorder?.event(service, "Warning", reason, message);
    }
    for (const port of plan.leaked) logger.warn("a node port appears to have leaked: cleaning up", { port });
  };
  const once = async () => {
    await addressesOnce();
    await portsOnce();
  };
  return {
    once,
    start() {
      let running = false;
      let due: Timer | undefined;
      const run = () => {
        due?.cancel();
        due = undefined;
        if (running) return;
        running = true;
        once()
          .catch((error) => logger.warn("the addresses of Services could not be checked", { error }))
          .finally(() => {
            running = false;
          });
      };
      const timer = clock.every(PERIOD_MS, run);
      return {
        soon() {
          due ??= clock.after(SOON_MS, run);
        },
        stop() {
          due?.cancel();
          timer.cancel();
        },
      };
    },
  };
}

async function repairAddress(repair: Repair, { addresses, request }: RepairOptions): Promise<void> {
  const registry = addresses();
  if (repair.action === "delete" || repair.action === "recreate") {
    const uid = repair.action === "delete" ? repair.about.metadata?.uid : undefined;
    const preconditions = uid === undefined ? {} : { preconditions: { uid } };
    try {
      await registry.delete(repair.address, "", preconditions, request);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  if (repair.action !== "create" && repair.action !== "recreate") return;
  try {
    await registry.create(addressObject(repair.address, repair.service!), "", request);
  } catch (error) {
    // By another server, at the same time.
    if (!isAlreadyExists(error)) throw error;
  }
}
