/**
 * kube-proxy: follows Services and EndpointSlices through informers and hands each changed Service's front ends to a
 * backend. Changes that arrive together are applied together; a failed application is retried from scratch.
 */

import { objectKey } from "../api/object.ts";
import { endpointSlices, services } from "../api/resource-types.ts";
import type { EndpointSlice } from "../api/types/discovery.v1.ts";
import type { Clock, Timer } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { InformerFactory } from "../client/informer.ts";
import type { ProxyBackend } from "./backend.ts";
import { type HealthCheck, type HealthCheckPorts, healthCheckOf } from "./health-check-ports.ts";
import { type Frontend, frontends, isOurs } from "./service-tracker.ts";

export interface ProxyOptions {
  informers: InformerFactory;
  backend: ProxyBackend;
  clock: Clock;
  logger: Logger;
  nodeName: string;
  /** Told of the health check of each Service that is looked at. */
  healthChecks?: Pick<HealthCheckPorts, "update" | "replace">;
  /** At least this many ms pass between two applications, so that bursts are joined. Default 0: as fast as they are taken. */
  minSyncPeriodMs?: number;
  /** After this many ms without success the whole table is made anew. Default 1000. */
  retryMs?: number;
}

export interface ServiceProxy {
  /** Resolves once the first full set of rules is in place. */
  readonly ready: Promise<void>;
  /** When rules were last applied, in ms; undefined before the first time. */
  readonly lastSync: number | undefined;
  /** Changes that wait to be applied. */
  readonly pending: number;
  /** Stops following; the rules stay in place, so that connections go on while the proxy is replaced. */
  stop(): Promise<void>;
}

/** Starts following. Call it before the informer factory is started; `synced` resolves when both informers are. */
export function startProxy(options: ProxyOptions, synced: Promise<void>): ServiceProxy {
  const { backend, clock, logger, nodeName, minSyncPeriodMs = 0, retryMs = 1000 } = options;
  const serviceInformer = options.informers.informer(services);
  const sliceInformer = options.informers.informer(endpointSlices);
  sliceInformer.addIndex("service", (slice) => {
    const key = serviceKey(slice);
    return key ? [key] : [];
  });

  const dirty = new Set<string>();
  let everything = true;
  let started = false;
  let stopped = false;
  let running: Promise<void> | undefined;
  let timer: Timer | undefined;
  let lastSync: number | undefined;
  let signalReady!: () => void;
  const ready = new Promise<void>((resolve) => {
    signalReady = resolve;
  });

  const compute = (key: string): readonly Frontend[] => {
    const service = serviceInformer.get(key);
    return service ? frontends(service, sliceInformer.byIndex("service", key), nodeName) : [];
  };
  const healthCheck = (key: string): HealthCheck | undefined => {
    const service = serviceInformer.get(key);
    return service && healthCheckOf(service, sliceInformer.byIndex("service", key), nodeName);
  };
  const sync = async () => {
    const all = everything;
    const keys = all ? serviceInformer.list().map(objectKey) : [...dirty];
    dirty.clear();
    everything = false;
    const changes = new Map(keys.map((key) => [key, compute(key)]));
    const checks = new Map(keys.map((key) => [key, healthCheck(key)]));
    try {
      await (all ? backend.replace(changes) : backend.update(changes));
      options.healthChecks?.[all ? "replace" : "update"](checks);
      lastSync = clock.now();
      signalReady();
    } catch (error) {
      logger.error("the rules could not be applied; making them anew", { error, retryMs });
      everything = true;
      schedule(retryMs);
    }
  };
  const schedule = (delayMs: number) => {
    if (!started || stopped || timer || running) return;
    timer = clock.after(delayMs, () => {
      timer = undefined;
      running = sync().finally(() => {
        running = undefined;
        if (everything || dirty.size > 0) schedule(everything ? retryMs : minSyncPeriodMs);
      });
    });
  };
  const touch = (key: string | undefined) => {
    if (key === undefined) return;
    dirty.add(key);
    schedule(lastSync === undefined ? 0 : Math.max(0, lastSync + minSyncPeriodMs - clock.now()));
  };

  const remove = [
    serviceInformer.on({
      add: (service) => touch(objectKey(service)),
      update: (_, service) => touch(objectKey(service)),
      delete: (service) => touch(objectKey(service)),
    }),
    sliceInformer.on({
      add: (slice) => touch(serviceKey(slice)),
      update: (old, slice) => {
        touch(serviceKey(old));
        touch(serviceKey(slice));
      },
      delete: (slice) => touch(serviceKey(slice)),
    }),
  ];
  synced.then(
    () => {
      started = true;
      schedule(0);
    },
    (error) => logger.debug("stopped before the first sync", { error }),
  );

  return {
    ready,
    get lastSync() {
      return lastSync;
    },
    get pending() {
      return dirty.size;
    },
    async stop() {
      stopped = true;
      timer?.cancel();
      for (const off of remove) off();
      await running;
    },
  };
}

function serviceKey(slice: EndpointSlice): string | undefined {
  const name = slice.metadata?.labels?.["kubernetes.io/service-name"];
  return name && isOurs(slice) ? `${slice.metadata!.namespace}/${name}` : undefined;
}
