import { apiServices as apiServiceType } from "../../api/resource-types.ts";
import type { APIService } from "../../api/types/apiregistration.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { MetricsRegistry } from "../../base/metrics.ts";
import type { Client } from "../../client/client.ts";
import { runControllerLoop } from "../../client/controller-loop.ts";
import { workQueue } from "../../client/rate-limited-queue.ts";
import type { DiscoverySource } from "../discovery/discovery.ts";
import type { RequestContext } from "../filters/context.ts";
import type { Reply } from "../http/exchange.ts";
import { textReply } from "../http/status-reply.ts";
import type { Lookup } from "../lookup.ts";
import type { RemoteDocuments } from "../openapi/openapi.ts";
import type { PostStartHook } from "../post-start.ts";
import type { ResourceCatalogue } from "../resource-catalogue.ts";
import { ApiServices, type RemoteApi } from "./api-services.ts";
import { automaticApiServices, carryOut, planApiService } from "./automatic-api-services.ts";
import { watchAvailability } from "./availability.ts";
import { builtInPriority, CUSTOM_PRIORITY, type Ranked, type RankedGroup, rankGroups } from "./group-priorities.ts";
import { RemoteDiscovery } from "./remote-discovery.ts";
import { RemoteOpenApi } from "./remote-openapi.ts";
import type { RemoteServices } from "./remote-server.ts";

export interface AggregationOptions {
  readonly catalogue: ResourceCatalogue;
  readonly lookup: Lookup;
  /** Undefined: other servers can't be reached, and what they should answer is a 503. */
  readonly remote: RemoteServices | undefined;
  readonly client: () => Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  readonly signal: AbortSignal;
}

export interface Aggregation {
  /** The APIServices that other servers answer. */
  readonly apiServices: ApiServices;
  /** Everything that is served here or elsewhere, for the discovery documents. */
  readonly discovery: DiscoverySource;
  readonly openApi: RemoteDocuments;
  /** Passes a request on where another server answers its group version; undefined: it is for this server. */
  forward(context: RequestContext): Promise<Reply> | undefined;
  start(): Promise<void>;
  stop(): void;
  readonly postStartHooks: readonly PostStartHook[];
}

/** Kubernetes' aggregation layer (KEP-263): other API servers behind this one, each for some group versions. */
export function aggregation(options: AggregationOptions): Aggregation {
  const { catalogue, lookup, clock, signal } = options;
  const logger = options.logger.with({}, "aggregator");
  const apiServices = new ApiServices(lookup, options.remote);
  let changes = 0;
  const changed = () => void changes++;
  apiServices.onChange(changed);
  const openApi = new RemoteOpenApi(apiServices, logger);
  const remoteDiscovery = new RemoteDiscovery(apiServices, openApi, changed);

  const discovery: DiscoverySource = {
    get generation() {
      return `${catalogue.generation} ${changes}`;
    },
    groups: () => mergedGroups(catalogue, apiServices),
    remote(group, version) {
      const found = apiServices.remoteOf(group, version);
      return found && remoteDiscovery.version(`${version}.${group}`);
    },
  };
  return {
    apiServices,
    discovery,
    openApi,
    forward(context) {
      const remote = remoteFor(context, apiServices);
      if (!remote) return undefined;
      if (!remote.available) return Promise.resolve(textReply(503, "service unavailable\n"));
      return remote.server.forward(context.request, context.user);
    },
    start: () => apiServices.start(),
    stop: () => apiServices.stop(),
    postStartHooks: [
      {
        name: "kube-apiserver-autoregistration",
        checks: ["autoregister-completion"],
        run: (client) => keepAutomatic(client, apiServices, options, logger),
      },
      {
        name: "apiservice-status-remote-available-controller",
        async run() {
          const watching = {
            apiServices,
            lookup,
            client: options.client,
            clock,
            logger,
            metrics: options.metrics,
            signal,
          };
          inBackground(watchAvailability(watching), logger);
        },
      },
      {
        name: "apiservice-discovery-controller",
        async run() {
          inBackground(remoteDiscovery.run({ clock, logger, signal }), logger);
        },
      },
    ],
  };
}

function inBackground(running: Promise<void>, logger: Logger): void {
  running.catch((error) => logger.error("a controller of the aggregation layer ended", { error }));
}

/** The other server that a request is for, by its path. */
function remoteFor({ info, request }: RequestContext, apiServices: ApiServices): RemoteApi | undefined {
  if (apiServices.remote.size === 0) return undefined;
  if (info.isResource) return apiServices.remoteOf(info.group, info.version);
  const [root, first, second, third] = request.path.split("/").filter((part) => part !== "");
  if (root === "apis" && first && second && third === undefined) return apiServices.remoteOf(first, second);
  return root === "api" && first && second === undefined ? apiServices.remoteOf("", first) : undefined;
}

/** The groups of this server and of others, as their priorities order them. */
function mergedGroups(catalogue: ResourceCatalogue, apiServices: ApiServices): RankedGroup[] {
  const ranked = new Map<string, Ranked>();
  for (const { group, versions } of catalogue.groups) {
    for (const version of versions) {
      const priority = builtInPriority(group, version) ?? CUSTOM_PRIORITY;
      ranked.set(`${version}.${group}`, { group, version, priority });
    }
  }
  for (const [name, { group, version, apiService }] of apiServices.remote) {
    const { groupPriorityMinimum = 0, versionPriority = 0 } = apiService.spec ?? {};
    ranked.set(name, { group, version, priority: { group: groupPriorityMinimum, version: versionPriority } });
  }
  return rankGroups([...ranked.values()]);
}

/** Puts the APIServices of what this server serves in place, then keeps those of custom resources until the server stops. */
async function keepAutomatic(
  client: Client,
  apiServices: ApiServices,
  { catalogue, clock, signal }: AggregationOptions,
  logger: Logger,
): Promise<void> {
  const settled = new Set<string>();
  let made: { readonly generation: number; readonly services: ReadonlyMap<string, APIService> } | undefined;
  /** Made anew when the catalogue has changed. */
  const wanted = () => {
    const { generation } = catalogue;
    if (made?.generation !== generation) made = { generation, services: automaticApiServices(catalogue) };
    return made.services;
  };
  const reconcile = async (name: string) => {
    const step = planApiService(wanted().get(name), apiServices.all.get(name), !settled.has(name));
    if (step) await carryOut(client, step);
    settled.add(name);
  };
  // Answered only when all that is stored has been read, custom resources included.
  const { items } = await client.resource(apiServiceType).list();
  const present = items.map(({ metadata }) => metadata?.name ?? "");
  await Promise.all([...new Set([...wanted().keys(), ...present])].map(reconcile));

  const queue = workQueue({ clock });
  const known = new Set(wanted().keys());
  catalogue.onChange(() => {
    const now = wanted();
    for (const name of now.keys()) if (!known.has(name)) queue.add(name);
    for (const name of known) if (!now.has(name)) queue.add(name);
    known.clear();
    for (const name of now.keys()) known.add(name);
  });
  apiServices.onChange((name) => queue.add(name));
  inBackground(
    runControllerLoop({
      name: "apiservice-registration",
      queue,
      clock,
      logger,
      signal,
      reconcile: async (name) => void (await reconcile(name)),
    }),
    logger,
  );
}
