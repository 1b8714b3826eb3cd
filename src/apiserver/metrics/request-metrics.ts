import type { Counter, Gauge, Histogram, MetricsRegistry } from "../../base/metrics.ts";
import type { RequestContext } from "../filters/context.ts";
import type { InFlight } from "../filters/max-in-flight.ts";
import { bodyLength } from "../http/body.ts";
import { header, isChunks, isStream, type Reply } from "../http/exchange.ts";
import { observed, whenEnded } from "../http/reply-end.ts";
import { isLongRunning, type RequestInfo } from "../request-info.ts";
import type { ResourceCatalogue } from "../resource-catalogue.ts";

/** Upstream's buckets of apiserver_request_duration_seconds, and those of the service level indicators. */
const DURATION_BUCKETS = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
const SLI_BUCKETS = DURATION_BUCKETS.slice(2);
const SIZE_BUCKETS = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

const LABELS = ["group", "version", "resource", "subresource", "scope", "component"];
const COMPONENT = "apiserver";
const CONNECTING = new Set(["log", "exec", "attach", "portforward", "proxy"]);
const METHODS = new Set(["POST", "PUT", "PATCH", "DELETE"]);

/** Kinds of requests whose series are found at once. */
const RECENT = 1024;

export interface RequestMetrics {
  /**
   * Counts an answered request; `seconds` is the time to the head of the answer. The reply is handed on: a long-running
   * request counts as one until its end.
   */
  answered(context: RequestContext, reply: Reply, seconds: number): Reply;
  /** Counts a request that the server gave up in defence of itself: 429, 504. */
  terminated(context: RequestContext, code: number): void;
  /** Counts a request whose client has left before the answer. */
  aborted(context: RequestContext): void;
}

/** The metrics of requests, under upstream's names and labels. */
export function requestMetrics(
  registry: MetricsRegistry,
  catalogue: ResourceCatalogue,
  inFlight: InFlight,
  isListed: (path: string) => boolean,
): RequestMetrics {
  const total = registry.counter("apiserver_request_total", "Requests, by verb, resource and status code.", [
    "verb",
    "dry_run",
    ...LABELS,
    "code",
  ]);
  const duration = registry.histogram(
    "apiserver_request_duration_seconds",
    "Time from a request to the head of its answer, long-running requests apart.",
    DURATION_BUCKETS,
    ["verb", "dry_run", ...LABELS],
  );
  const sli = registry.histogram(
    "apiserver_request_sli_duration_seconds",
    "The same, without the time spent waiting for a turn.",
    SLI_BUCKETS,
    ["verb", ...LABELS],
  );
  const sizes = registry.histogram("apiserver_response_sizes", "Bytes of answers to reads.", SIZE_BUCKETS, [
    "verb",
    ...LABELS,
  ]);
  const longRunning = registry.gauge("apiserver_longrunning_requests", "Long-running requests being served.", [
    "verb",
    ...LABELS,
  ]);
  const terminations = registry.counter(
    "apiserver_request_terminations_total",
    "Requests that the server gave up in self-defence.",
    ["verb", ...LABELS, "code"],
  );
  const aborts = registry.counter("apiserver_request_aborts_total", "Requests whose clients left.", [
    "verb",
    "group",
    "version",
    "resource",
    "subresource",
    "scope",
  ]);
  const own = registry.counter("apiserver_selfrequest_total", "Requests of the server to itself.", [
    "verb",
    "group",
    "resource",
    "subresource",
  ]);
  const current = registry.gauge("apiserver_current_inflight_requests", "Requests being served.", ["request_kind"]);
  registry.onCollect(() => {
    current.with("readOnly").set(inFlight.reading);
    current.with("mutating").set(inFlight.mutating);
  });

  const known = new Map<string, Series>();
  /** By what stands in the request, which clients choose: it is bounded, other than what it leads to. */
  const recent = new Map<string, Series>();
  const seriesOf = (context: RequestContext): Series => {
    const { info, request } = context;
    const { method, query } = request;
    const { verb, group, version, resource, subresource } = info;
    if (!info.isResource || method === "PATCH" || query.size > 0) return findSeries(context);
    const key = `${method} ${verb} ${group}/${version}/${resource}/${subresource} ${scopeOf(info)}`;
    let found = recent.get(key);
    if (!found) {
      found = findSeries(context);
      if (recent.size >= RECENT) recent.clear();
      recent.set(key, found);
    }
    return found;
  };
  const findSeries = ({ info, request }: RequestContext): Series => {
    const verb = reportedVerb(info, request);
    const labels = labelsOf(info);
    const dryRun = dryRunOf(request.query);
    const key = `${verb} ${dryRun} ${labels.join("/")}`;
    let found = known.get(key);
    if (!found) {
      found = {
        verb,
        dryRun,
        labels,
        duration: duration.with(verb, dryRun, ...labels),
        sli: dryRun === "" ? sli.with(verb, ...labels) : undefined,
        codes: new Map(),
      };
      known.set(key, found);
    }
    return found;
  };
  const labelsOf = (info: RequestInfo): string[] => {
    const { group, version, resource, subresource, path } = info;
    // Paths and unknown resources come from clients: they must not become series without end.
    if (!info.isResource) return ["", "", "", isListed(path) ? path : "", "", COMPONENT];
    const served = catalogue.find(group, version, resource);
    if (!served) return ["", "", "", "", scopeOf(info), COMPONENT];
    const below = served.subresources.has(subresource) ? subresource : "";
    return [group, version, resource, below, scopeOf(info), COMPONENT];
  };

  return {
    answered(context, reply, seconds) {
      const series = seriesOf(context);
      const { verb, labels } = series;
      let counter = series.codes.get(reply.status);
      if (!counter) {
        counter = total.with(verb, series.dryRun, ...labels, String(reply.status));
        series.codes.set(reply.status, counter);
      }
      counter.add();
      if (context.user.name === "system:apiserver") own.with(verb, labels[0]!, labels[2]!, labels[3]!).add();
      if (isLongRunning(context.info)) {
        series.running ??= longRunning.with(verb, ...labels);
        const { running } = series;
        running.add();
        return whenEnded(context.request, reply, () => running.add(-1));
      }
      series.duration.observe(seconds);
      series.sli?.observe(Math.max(0, seconds - (context.waitedMs ?? 0) / 1000));
      if ((verb === "GET" || verb === "LIST") && reply.body !== undefined && !isStream(reply.body)) {
        const { body } = reply;
        series.sizes ??= sizes.with(verb, ...labels);
        const observe = (bytes: number) => series.sizes!.observe(bytes);
        const length = bodyLength(body);
        if (length === undefined && isChunks(body)) return { ...reply, body: observed(body, observe) };
        observe(length ?? 0);
      }
      return reply;
    },
    terminated(context, code) {
      const { verb, labels } = seriesOf(context);
      terminations.with(verb, ...labels, String(code)).add();
    },
    aborted(context) {
      const { verb, labels } = seriesOf(context);
      aborts.with(verb, ...labels.slice(0, 5)).add();
    },
  };
}

/** The series of one kind of request. */
interface Series {
  readonly verb: string;
  readonly dryRun: string;
  readonly labels: readonly string[];
  readonly duration: Histogram;
  readonly sli: Histogram | undefined;
  readonly codes: Map<number, Counter>;
  sizes?: Histogram;
  running?: Gauge;
}

/** The verb as upstream's metrics call it: HTTP's, with LIST, WATCH, APPLY and CONNECT apart. */
export function reportedVerb(info: RequestInfo, request: RequestContext["request"]): string {
  if (info.isResource && CONNECTING.has(info.subresource)) return "CONNECT";
  const { method } = request;
  if (method === "GET" || method === "HEAD") {
    if (info.verb === "watch") return "WATCH";
    const scope = scopeOf(info);
    return scope === "" || scope === "resource" ? "GET" : "LIST";
  }
  if (method === "PATCH" && header(request, "content-type") === "application/apply-patch+yaml") return "APPLY";
  return METHODS.has(method) ? method : "other";
}

export function scopeOf(info: RequestInfo): string {
  if (!info.isResource) return "";
  if (info.name !== "" || info.verb === "create") return "resource";
  return info.namespace === "" ? "cluster" : "namespace";
}

function dryRunOf(query: URLSearchParams): string {
  const values = query.getAll("dryRun");
  if (values.length === 0) return "";
  return values.every((value) => value === "All") ? "All" : "invalid";
}
