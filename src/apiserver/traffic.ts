import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { METRICS_CONTENT_TYPE, type MetricsRegistry, metricsRegistry } from "../base/metrics.ts";
import { processFigures } from "../base/process-figures.ts";
import type { Random } from "../base/random.ts";
import { type AuditingOptions, auditing } from "./audit/auditing.ts";
import type { Authenticator } from "./authentication.ts";
import type { Authorizer } from "./authorization.ts";
import type { FeatureGates } from "./feature-gates.ts";
import { authentication } from "./filters/authentication.ts";
import { authorization } from "./filters/authorization.ts";
import type { Filter } from "./filters/context.ts";
import { REQUEST_DEADLINE_MS, requestDeadline } from "./filters/deadline.ts";
import { impersonation } from "./filters/impersonation.ts";
import { type InFlight, MAX_MUTATING, MAX_READING, maxInFlight } from "./filters/max-in-flight.ts";
import { corsHeaders, randomGoaway, retryElsewhere, strictTransportSecurity } from "./filters/surroundings.ts";
import { fairness } from "./flowcontrol/fairness.ts";
import type { PathRoute } from "./generic-paths.ts";
import { type Health, health } from "./health.ts";
import type { Reply } from "./http/exchange.ts";
import type { Lookup } from "./lookup.ts";
import { processMetrics } from "./metrics/process-metrics.ts";
import { type RequestMetrics, requestMetrics } from "./metrics/request-metrics.ts";
import { resourceMetrics, type WatchEventMetrics } from "./metrics/resource-metrics.ts";
import { authenticationMetrics, authorizationMetrics } from "./metrics/security-metrics.ts";
import type { PostStartHook } from "./post-start.ts";
import type { ResourceCatalogue } from "./resource-catalogue.ts";
import type { WebhookCaller } from "./webhook/webhook-client.ts";
import { zPages } from "./zpages.ts";

/** How requests are limited, recorded, decorated and sent away. */
export interface TrafficOptions {
  /** Requests at once, beyond which clients are told to wait; 0: no limit. */
  maxReadingRequests?: number;
  maxMutatingRequests?: number;
  /** Whether requests are queued by priority level, the two limits together being the total. Default true. */
  priorityAndFairness?: boolean;
  requestTimeoutMs?: number;
  /** What is recorded of requests. Absent: nothing. */
  auditing?: AuditingOptions;
  /** Origins whose pages may use the API from a browser. Default: none. */
  corsOrigins?: readonly RegExp[];
  /** Directives of the header Strict-Transport-Security. Default: it is not sent. */
  hstsDirectives?: readonly string[];
  /** The part of HTTP/2 requests whose clients are told to connect anew. Default: 0. */
  goawayChance?: number;
  /** How long after the start post-start hooks that are not done count as alive. Default: 0. */
  livezGraceMs?: number;
  shutdown?: ShutdownOptions;
  /** The values of the flags that the server was started with, for `/flagz`. Absent: it is not served. */
  flags?: Readonly<Record<string, string>>;
}

/** Upstream's graceful termination. */
export interface ShutdownOptions {
  /** How long the server goes on as before after `/readyz` has begun to fail, so that balancers notice. Default: 0. */
  delayMs?: number;
  /** Whether new requests are answered 429 while the running ones finish, instead of being refused. */
  sendRetryAfter?: boolean;
  /** How long watches may take to end. Default: as long as requests. */
  watchGraceMs?: number;
}

/** Everything around the endpoints: the filters before them, and what tells of their work. */
export interface Traffic {
  readonly checks: Health;
  readonly metrics: RequestMetrics;
  readonly watchEvents: WatchEventMetrics;
  readonly postStartHooks: readonly PostStartHook[];
  /** `/metrics`, `/livez` and the like; `paths` lists all that is served. */
  routes(paths: () => readonly string[]): PathRoute[];
  /** The chain up to the endpoints. `afterStart` keeps requests waiting until the server can judge them. */
  filters(security: { authenticator: Authenticator; authorizer: Authorizer }, afterStart: Filter): Filter[];
  /** Resolves when what is stored is in effect. */
  start(lookup: Lookup): Promise<void>;
  /** From now on new requests are sent elsewhere, where the options say so. */
  leave(): void;
  onHandshakeError(): void;
  close(): Promise<void>;
}

export function traffic(
  options: TrafficOptions,
  services: {
    clock: Clock;
    random: Random;
    logger: Logger;
    registry: MetricsRegistry;
    catalogue: ResourceCatalogue;
    webhooks: WebhookCaller;
    features: FeatureGates | undefined;
  },
): Traffic {
  const { clock, random, logger, registry, catalogue, webhooks, features } = services;
  const { corsOrigins = [], hstsDirectives = [], goawayChance = 0, livezGraceMs = 0, shutdown = {} } = options;
  const requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_DEADLINE_MS;
  const limits = {
    reading: options.maxReadingRequests ?? MAX_READING,
    mutating: options.maxMutatingRequests ?? MAX_MUTATING,
  };
  if (options.priorityAndFairness !== false && limits.reading + limits.mutating <= 0) {
    throw new Error(
      `invalid configuration: MaxRequestsInFlight=${limits.reading} and MaxMutatingRequestsInFlight=${limits.mutating}; they must add up to something positive`,
    );
  }
  const slis = metricsRegistry();
  const started = clock.monotonic();
  const checks = health({
    slis,
    isStarting: () => clock.monotonic() - started < livezGraceMs,
    onFailure: (name, error) => logger.info("a health check failed", { name, error }),
  });
  const inFlight: InFlight = { reading: 0, mutating: 0 };
  const listed = new Set<string>();
  const metrics = requestMetrics(registry, catalogue, inFlight, (path) => listed.has(path));
  const watchEvents = resourceMetrics(registry, catalogue);
  processMetrics(registry, processFigures, features);
  const handshakeErrors = registry.counter("apiserver_tls_handshake_errors_total", "TLS handshakes that failed.");
  const fair =
    options.priorityAndFairness === false
      ? undefined
      : fairness({
          clock,
          random,
          logger: logger.with({}, "flowcontrol"),
          registry,
          totalConcurrency: limits.reading + limits.mutating,
          requestTimeoutMs,
          stored: (group, resource) => {
            const found = catalogue.stored({ group, resource });
            return found?.opened ? { count: found.registry.cache.size, bytes: found.registry.cache.bytes } : undefined;
          },
          inFlight,
          onRefused: (context) => metrics.terminated(context, 429),
        });
  const audit = options.auditing && auditing(options.auditing, { clock, random, logger, registry, webhooks });
  let isLeaving = false;

  return {
    checks,
    metrics,
    watchEvents,
    postStartHooks: fair?.postStartHooks ?? [],
    routes(paths) {
      const routes: PathRoute[] = [
        ...["/healthz", "/livez", "/readyz"].map((path) => ({ path, below: true, serve: checks.handle })),
        { path: "/metrics", serve: async () => rendered(registry) },
        { path: "/metrics/slis", serve: async () => rendered(slis) },
        ...zPages({
          clock,
          startTimeSeconds: () => processFigures().startTimeSeconds,
          paths,
          ...(options.flags ? { flags: options.flags } : {}),
        }),
        ...(fair?.routes ?? []),
      ];
      for (const { path } of routes) listed.add(path);
      return routes;
    },
    filters({ authenticator, authorizer }, afterStart) {
      const authenticating = authentication(authenticator, clock, authenticationMetrics(registry));
      return [
        ...(shutdown.sendRetryAfter ? [retryElsewhere(() => isLeaving)] : []),
        ...(hstsDirectives.length > 0 ? [strictTransportSecurity(hstsDirectives)] : []),
        ...(goawayChance > 0 ? [randomGoaway(goawayChance, random)] : []),
        afterStart,
        requestDeadline(clock, requestTimeoutMs, (context) => metrics.terminated(context, 504)),
        ...(corsOrigins.length > 0 ? [corsHeaders(corsOrigins)] : []),
        audit?.after(authenticating) ?? authenticating,
        impersonation(authorizer),
        fair?.filter ?? maxInFlight(limits, inFlight, (context) => metrics.terminated(context, 429)),
        authorization(authorizer, clock, authorizationMetrics(registry)),
      ];
    },
    start: async (lookup) => fair?.start(lookup),
    leave() {
      isLeaving = true;
    },
    onHandshakeError: () => handshakeErrors.with().add(),
    async close() {
      fair?.stop();
      await audit?.close();
    },
  };
}

const rendered = (registry: MetricsRegistry): Reply => ({
  status: 200,
  headers: { "content-type": METRICS_CONTENT_TYPE },
  body: Buffer.from(registry.render()),
});
