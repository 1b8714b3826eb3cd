import { apiServices, endpointSlices, services } from "../../api/resource-types.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { APIService } from "../../api/types/apiregistration.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { MetricsRegistry } from "../../base/metrics.ts";
import type { Client } from "../../client/client.ts";
import { runControllerLoop } from "../../client/controller-loop.ts";
import { workQueue } from "../../client/rate-limited-queue.ts";
import { exponentialPerItem } from "../../client/rate-limiter.ts";
import type { Following, Lookup } from "../lookup.ts";
import { timestamp } from "../registry/deletion.ts";
import type { ApiServices } from "./api-services.ts";
import { discoveryVerdict, serviceVerdict, type Verdict } from "./availability-check.ts";

/** As upstream: a server that can't be reached is asked again soon, and all of them from time to time. */
const RETRY_BASE_MS = 5;
const RETRY_MAX_MS = 30_000;
const RECHECK_MS = 30_000;
const LOCAL: Verdict = { status: "True", reason: "Local", message: "Local APIServices are always available" };
const SERVICE_NAME = "kubernetes.io/service-name";

export interface AvailabilityOptions {
  apiServices: ApiServices;
  lookup: Lookup;
  client: () => Client;
  clock: Clock;
  logger: Logger;
  metrics: MetricsRegistry;
  signal: AbortSignal;
}

/**
 * Keeps the condition Available of each APIService true: by its Service, that one's endpoints, and whether the extension
 * server answers. Services and endpoints are followed only once there is an APIService that refers to one.
 */
export async function watchAvailability(options: AvailabilityOptions): Promise<void> {
  const { lookup, clock, logger, signal, apiServices: known } = options;
  const queue = workQueue({ clock, rateLimiter: exponentialPerItem<string>(RETRY_BASE_MS, RETRY_MAX_MS) });
  const following: Following[] = [];
  let follows = false;
  const addByService = (namespace = "", name = "") => {
    for (const [key, { apiService }] of known.remote) {
      const service = apiService.spec?.service;
      if (service?.namespace === namespace && service.name === name) queue.add(key);
    }
  };
  const splitKey = (key: string) => key.split("/") as [string, string];
  /** The Services of the slices that were seen, as a slice that is gone says no more whose it was. */
  const owners = new Map<string, string>();
  const followServices = async () => {
    if (follows) return;
    follows = true;
    following.push(
      await lookup.follow(services, {
        put: (_, key) => addByService(...splitKey(key)),
        remove: (key) => addByService(...splitKey(key)),
      }),
      await lookup.follow(endpointSlices, {
        put: ({ metadata }, key) => {
          const owner = metadata?.labels?.[SERVICE_NAME] ?? "";
          owners.set(key, owner);
          addByService(metadata?.namespace, owner);
        },
        remove: (key) => {
          addByService(splitKey(key)[0], owners.get(key));
          owners.delete(key);
        },
      }),
    );
  };
  const gauge = options.metrics.gauge("aggregator_unavailable_apiservice", "APIServices that can't be reached.", [
    "name",
  ]);
  options.metrics.onCollect(() => {
    gauge.clear();
    for (const [name, { status }] of known.all) {
      const available = status?.conditions?.some((one) => one.type === "Available" && one.status === "True");
      gauge.with(name).set(available ? 0 : 1);
    }
  });
  const counter = options.metrics.counter(
    "aggregator_unavailable_apiservice_total",
    "How often APIServices became unavailable, and why.",
    ["name", "reason"],
  );

  const settle = async (apiService: APIService, verdict: Verdict): Promise<void> => {
    const name = apiService.metadata?.name ?? "";
    const updated = withVerdict(apiService, verdict, clock.now());
    if (!updated) return;
    if (verdict.status !== "True") counter.with(name, verdict.reason).add();
    try {
      await options.client().resource(apiServices).updateStatus(updated);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  known.onChange((name) => queue.add(name));
  for (const name of known.all.keys()) queue.add(name);
  signal.addEventListener("abort", () => {
    for (const one of following) one.stop();
  });
  await runControllerLoop({
    name: "apiservice-availability",
    queue,
    clock,
    logger,
    signal,
    workers: 5,
    async reconcile(name) {
      const apiService = known.all.get(name);
      if (!apiService) return undefined;
      const remote = known.remote.get(name);
      if (!remote) {
        if (apiService.spec) await settle(apiService, LOCAL);
        return undefined;
      }
      await followServices();
      const { namespace = "", name: serviceName = "" } = apiService.spec?.service ?? {};
      const service = await lookup.get(services, serviceName, namespace);
      const slices = (await lookup.list(endpointSlices, { namespace })).filter(
        ({ metadata }) => metadata?.labels?.[SERVICE_NAME] === serviceName,
      );
      const verdict = serviceVerdict(remote, service, slices) ?? (await discoveryVerdict(remote));
      await settle(apiService, verdict);
      if (verdict.reason === "FailedDiscoveryCheck") throw new Error(verdict.message);
      return { requeueAfterMs: RECHECK_MS };
    },
  });
}

/** The APIService with this condition; undefined where it has it already. Pure. */
export function withVerdict(apiService: APIService, verdict: Verdict, now: number): APIService | undefined {
  const conditions = apiService.status?.conditions ?? [];
  const present = conditions.find(({ type }) => type === "Available");
  const { status, reason, message } = verdict;
  if (present?.status === status && present.reason === reason && present.message === message) return undefined;
  const lastTransitionTime = present?.status === status ? present.lastTransitionTime : timestamp(now);
  const condition = { type: "Available", status, lastTransitionTime, reason, message };
  const others = conditions.filter(({ type }) => type !== "Available");
  return { ...apiService, status: { ...apiService.status, conditions: [...others, condition] } };
}
