import type { KubeObject, ResourceType } from "../api/object.ts";
import type { ResourceDefinition } from "../api/resource-definition.ts";
import {
  customResourceDefinitions,
  endpoints,
  podDisruptionBudgets,
  pods,
  resourceQuotas,
} from "../api/resource-types.ts";
import { resourceDefinition } from "../api/resources/index.ts";
import { type ServedResource as DescribedResource, servedResources } from "../api/schema/served-resources.ts";
import type { Service } from "../api/types/core.v1.ts";
import type { UserInfo } from "../api/user.ts";
import { type Clock, deadline, sleep } from "../base/clock.ts";
import { metricsRegistry } from "../base/metrics.ts";
import { client } from "../client/api-client.ts";
import type { AdmissionPlugin } from "./admission/admission.ts";
import { admissionPlugins } from "./admission/plugins.ts";
import { aggregation } from "./aggregation/aggregation.ts";
import { DEFAULT_CLUSTER_IP_RANGE, DEFAULT_NODE_PORT_RANGE } from "./allocators/service-addresses.ts";
import { serviceNetwork } from "./allocators/service-network.ts";
import { MASTERS_GROUP } from "./authorization/union.ts";
import { bootstrapHooks } from "./bootstrap/hooks.ts";
import { serverIdentity } from "./bootstrap/identity-lease.ts";
import { componentStatusEndpoints } from "./component-statuses.ts";
import { customResources } from "./crd/custom-resources.ts";
import { definitionHooks } from "./crd/definition-hooks.ts";
import { describedCustomResources } from "./crd/described.ts";
import { discovery } from "./discovery/discovery.ts";
import { createVirtual } from "./endpoints/virtual.ts";
import { SHORTEST_WATCH_SECONDS } from "./endpoints/watch.ts";
import { expireObjects } from "./expiry.ts";
import { chain, type Endpoint, type Filter } from "./filters/context.ts";
import { type PathRoute, pathRoutes } from "./generic-paths.ts";
import { inProcessTransport } from "./http/in-process.ts";
import { type Listener, listen } from "./http/listener.ts";
import { jsonReply } from "./http/status-reply.ts";
import { cacheLookup } from "./lookup.ts";
import { withAdmissionMetrics } from "./metrics/admission-metrics.ts";
import { openApiRoutes } from "./openapi/openapi.ts";
import { bindingResources } from "./pod-binding.ts";
import { evictionResource } from "./pod-eviction.ts";
import { beforeShutdown, runPostStartHooks } from "./post-start.ts";
import { objectProxyEndpoints } from "./proxy/object-proxy.ts";
import { podStreamEndpoints } from "./proxy/pod-streams.ts";
import type { KindHooks } from "./registry/kind-hooks.ts";
import { namespaceHooks } from "./registry/namespace-hooks.ts";
import { Registry } from "./registry.ts";
import { requestHandler } from "./request-handler.ts";
import { cacheOptions } from "./resource-caches.ts";
import { builtInCatalogue, type ResourceCatalogue } from "./resource-catalogue.ts";
import { resourceEndpoints, type Verbs } from "./resource-endpoints.ts";
import { security } from "./security.ts";
import type { ApiServer, ApiServerOptions } from "./server-options.ts";
import { startPhases } from "./start-phases.ts";
import { storeCheck } from "./store-check.ts";
import { traffic } from "./traffic.ts";
import { versionInfo } from "./version.ts";
import type { VirtualResource } from "./virtual-resource.ts";
import { watchCaches } from "./watch-cache/watch-caches.ts";
import { serviceResolver } from "./webhook/service-resolver.ts";
import { unreachableWebhooks, webhookCaller } from "./webhook/webhook-client.ts";

export type { ApiServer, ApiServerOptions } from "./server-options.ts";

/** As whom the server calls itself. */
export const SERVER_USER: UserInfo = { name: "system:apiserver", groups: [MASTERS_GROUP] };

/** How long running requests may take when the server stops. */
export const SHUTDOWN_GRACE_MS = 5_000;

/** Assembles an API server over `store`. It answers at once; see `ready`. Throws for options that make no sense. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { store, clock, random, logger, network, externalAddress } = options;
  const stopping = new AbortController();
  const draining = new AbortController();
  const caches = watchCaches({ store, clock, logger: logger.with({}, "watch-cache"), freeze: options.freeze });
  const admission: AdmissionPlugin[] = [];
  const serviceAddresses = serviceNetwork({
    clusterIpRanges: options.serviceClusterIpRanges ?? [DEFAULT_CLUSTER_IP_RANGE],
    nodePortRange: options.serviceNodePortRange ?? DEFAULT_NODE_PORT_RANGE,
    store,
    registryOf: (type) => registryOf(type),
    lookup: () => lookup,
    metrics: () => registry,
    user: SERVER_USER,
    clock,
    random,
    logger,
  });
  // As upstream: a Service made anew under the name must not find the old endpoints.
  const removeEndpoints = async ({ metadata }: Service) => {
    const { cache } = registryOf(endpoints);
    const key = cache.key(metadata?.name ?? "", metadata?.namespace);
    const found = await cache.get(key);
    if (found) await cache.compareAndSwap(key, found.revision, null);
  };
  const hooks: Readonly<Record<string, KindHooks>> = {
    "namespaces.": namespaceHooks,
    "services.": serviceAddresses.hooks(removeEndpoints),
    "customresourcedefinitions.apiextensions.k8s.io": definitionHooks,
  };
  const timeToLiveOf = ({ timeToLiveMs }: ResourceDefinition) =>
    timeToLiveMs === undefined ? {} : { timeToLiveMs: options.eventTtlMs ?? timeToLiveMs };
  const catalogue = builtInCatalogue(
    resourceDefinition,
    (definition) => {
      const cache = caches.open({ ...cacheOptions(definition), ...timeToLiveOf(definition) });
      const { group, resource } = definition.type;
      const kindHooks = hooks[`${resource}.${group}`];
      return new Registry({
        definition,
        cache,
        hooks: kindHooks,
        admission,
        clock,
        random,
        features: options.features,
      });
    },
    options.serves,
  );
  const registryOf = (type: ResourceType<KubeObject>): Registry => {
    const found = catalogue.stored(type);
    if (!found) throw new RangeError(`no stored resource ${type.resource}.${type.group}`);
    return found.registry;
  };
  const lookup = cacheLookup({ cacheOf: (type) => registryOf(type).cache, clock, logger });
  const registry = options.metrics ?? metricsRegistry();
  const webhooks = network
    ? webhookCaller({ network, clock, random, lookup, routing: options.serviceRouting })
    : unreachableWebhooks;
  const secured = security(options.security, {
    lookup,
    clock,
    random,
    externalAddress,
    logger,
    metrics: registry,
    webhooks,
    client: () => ownClient(),
  });
  const { authorizer } = secured;
  const quotas = () => ownClient().resource(resourceQuotas);
  const { tolerations } = options;
  const plugins = admissionPlugins(
    {
      lookup,
      authorizer,
      clock,
      random,
      quotas,
      tolerations,
      client: () => ownClient(),
      catalogue,
      webhooks,
      metrics: registry,
      configuration: options.admissionConfiguration,
    },
    options.admissionPlugins,
  );
  admission.push(...withAdmissionMetrics([...secured.admission, ...plugins], registry, clock));
  const custom = customResources({
    lookup,
    definitions: () => registryOf(customResourceDefinitions),
    catalogue,
    store,
    caches,
    webhooks,
    admission,
    user: SERVER_USER,
    clock,
    random,
    logger: logger.with({}, "crd"),
  });

  const { features } = options;
  const around = traffic(options, { clock, random, logger, registry, catalogue, webhooks, features });
  const { checks, metrics, watchEvents } = around;
  const pod = () => registryOf(pods);
  const budget = () => registryOf(podDisruptionBudgets);
  const virtual = [
    ...secured.virtualResources,
    ...bindingResources(pod, clock),
    evictionResource({ pod, budget, lookup, clock }),
  ];
  const special = specialEndpoints(virtual);
  const storeAnswers = storeCheck(store, clock);
  special.set("componentstatuses.", componentStatusEndpoints([{ name: "etcd-0", check: storeAnswers }]));
  const { shortestWatchSeconds = SHORTEST_WATCH_SECONDS } = options;
  if (network && options.kubeletClient) {
    const proxy = { network, lookup, kubelets: options.kubeletClient };
    for (const [key, verbs] of podStreamEndpoints(proxy, authorizer)) special.set(key, verbs);
    for (const [key, verbs] of objectProxyEndpoints(proxy, random)) special.set(key, verbs);
  }
  const resources = resourceEndpoints({
    catalogue,
    services: { clock, random, logger, admission, draining: draining.signal, watchEvents, shortestWatchSeconds },
    special,
  });
  const aggregated = aggregation({
    catalogue,
    lookup,
    remote: network && {
      network,
      clock,
      resolve: serviceResolver({ lookup, random, routing: options.serviceRouting }),
      proxyClient: options.proxyClient,
    },
    client: () => ownClient(),
    clock,
    logger,
    metrics: registry,
    signal: stopping.signal,
  });
  const describe = discovery(catalogue, aggregated.discovery, () => externalAddress);
  const described = describedResources(catalogue);
  const routes: PathRoute[] = [
    { path: "/api", below: true, serve: describe },
    { path: "/apis", below: true, serve: describe },
    ...openApiRoutes({
      resources: described,
      clock,
      descriptions: options.descriptions,
      remote: aggregated.openApi,
    }),
    { path: "/version", serve: async () => jsonReply(200, versionInfo()) },
    ...around.routes(() => listed()),
    ...secured.documents.map(({ path, headers, body }) => ({
      path,
      serve: async () => ({ status: 200, headers: { ...headers }, body }),
    })),
  ];
  const listed = () => routes.flatMap(({ path, unlisted }) => (unlisted ? [] : [path]));
  const paths = pathRoutes(routes, listed);
  const endpoint: Endpoint = (context) =>
    aggregated.forward(context) ?? (context.info.isResource ? resources(context) : paths(context));

  const postStart = [
    ...bootstrapHooks({
      ranges: serviceAddresses.ranges,
      advertise: options.advertise,
      authentication: { clientCa: options.clientCa, requestHeader: options.security.requestHeader },
      identity: serverIdentity(options.hostname, externalAddress, random.uuid()),
      store,
      sole: options.soleServer ?? false,
      clock,
      logger,
    }),
    serviceAddresses.repair,
    ...around.postStartHooks,
    ...aggregated.postStartHooks,
    ...(options.postStartHooks ?? []),
  ];
  checks.add({ name: "ping", check: () => {} }, ["livez", "readyz"]);
  checks.add({ name: "log", check: () => {} }, ["livez", "readyz"]);
  checks.add({ name: "etcd", group: "etcd", check: storeAnswers }, ["livez", "readyz"]);
  checks.add({ name: "etcd-readiness", group: "etcd-readiness", check: storeAnswers }, ["readyz"]);
  const starting = startPhases(
    {
      security: secured.start(),
      admission: Promise.all(admission.map((plugin) => plugin.start?.())),
      customResources: custom.start(),
      aggregation: aggregated.start(),
      storage: Promise.all([serviceAddresses.start(), around.start(lookup)]),
    },
    checks,
  );
  let isStarted = false;
  starting.then(
    () => {
      isStarted = true;
    },
    (error) => logger.error("what is stored could not be read", { error }),
  );
  const afterStart: Filter = (context, next) => (isStarted ? next(context) : starting.then(() => next(context)));
  const filters = around.filters(secured, afterStart);
  const { handle, idle } = requestHandler({ serve: chain(filters, endpoint), metrics, clock, random, logger });
  const ended = new AbortController();
  const transport = (user: UserInfo) => inProcessTransport(handle, user, ended.signal);

  const ownClient = () => client(transport(SERVER_USER), { userAgent: "kube-apiserver", clock });
  const expiry = catalogue.all.flatMap(({ definition, conversion }) => {
    const { type } = definition;
    const { timeToLiveMs } = timeToLiveOf(definition);
    // Some stores do it by themselves.
    if (timeToLiveMs === undefined || conversion || store.expires) return [];
    return [expireObjects({ cache: () => registryOf(type).cache, timeToLiveMs, clock, logger })];
  });

  for (const check of options.healthChecks ?? []) checks.add(check, ["livez", "readyz"]);
  const ready = runPostStartHooks(postStart, {
    client: ownClient(),
    health: checks,
    clock,
    logger,
    signal: stopping.signal,
  });
  checks.add({ name: "shutdown", check: () => stopping.signal.throwIfAborted() }, ["readyz"]);
  ready.catch((error) => {
    if (!stopping.signal.aborted) logger.error("the start was not completed", { error });
  });

  const listeners: Listener[] = [];
  return {
    ready,
    transport,
    async listen(listenOptions) {
      if (!network) throw new Error("the API server was given no network");
      const { onHandshakeError } = around;
      const listener = await listen(handle, listenOptions, { network, clock, logger, onHandshakeError });
      listeners.push(listener);
      return listener.address;
    },
    updateTls(material) {
      for (const listener of listeners) listener.update(material);
    },
    async close(graceMs = SHUTDOWN_GRACE_MS) {
      if (graceMs > 0) await beforeShutdown(postStart, ownClient(), { clock, logger });
      const { delayMs = 0, sendRetryAfter = false, watchGraceMs = graceMs } = options.shutdown ?? {};
      stopping.abort(new Error("the server is shutting down"));
      if (graceMs > 0 && delayMs > 0) await sleep(clock, delayMs);
      around.leave();
      // Who comes now still finds somebody who sends him elsewhere.
      if (sendRetryAfter) await within(clock, graceMs, idle());
      draining.abort(stopping.signal.reason);
      for (const one of expiry) one.stop();
      const longest = graceMs === 0 ? 0 : Math.max(graceMs, watchGraceMs);
      await Promise.all([...listeners.map((listener) => listener.close(longest)), within(clock, graceMs, idle())]);
      ended.abort();
      custom.stop();
      secured.stop();
      for (const plugin of admission) plugin.stop?.();
      aggregated.stop();
      await around.close();
      webhooks.close();
      caches.close();
    },
  };
}

/** Resolves when `done` does, or after `limitMs`. */
async function within(clock: Clock, limitMs: number, done: Promise<void>): Promise<void> {
  const grace = deadline(clock, limitMs);
  const overdue = new Promise<void>((resolve) => grace.signal.addEventListener("abort", () => resolve()));
  await Promise.race([done, overdue]);
  grace.dispose();
}

/** The resources of the OpenAPI documents: the same list until the catalogue changes. */
function describedResources(catalogue: ResourceCatalogue): () => readonly DescribedResource[] {
  let generation = -1;
  let described: readonly DescribedResource[] = [];
  return () => {
    if (generation === catalogue.generation) return described;
    generation = catalogue.generation;
    described = [
      ...servedResources(true).filter((row) => catalogue.find(row.group, row.version, row.resource)),
      ...describedCustomResources(catalogue),
    ];
    return described;
  };
}

/** Endpoints of what is created, but never stored. */
function specialEndpoints(virtual: readonly VirtualResource[]): Map<string, Verbs> {
  const special = new Map<string, Verbs>();
  for (const one of virtual) {
    const { resource, group } = one.type;
    const key = `${resource}.${group}`;
    special.set(one.subresource ? `${key}/${one.subresource}` : key, { create: createVirtual(one) });
  }
  return special;
}
