import { type Counter, type Histogram, METRICS_CONTENT_TYPE, type MetricsRegistry } from "../base/metrics.ts";
import type { InFlight } from "./filters/max-in-flight.ts";
import type { Reply } from "./http/exchange.ts";
import { isLongRunning, type RequestInfo } from "./request-info.ts";
import type { ResourceCatalogue } from "./resource-catalogue.ts";

/** Upstream's buckets of apiserver_request_duration_seconds. */
const DURATION_BUCKETS = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

export interface ServerMetrics {
  /** Counts an answered request; `seconds` is the time to the head of the answer. */
  observe(info: RequestInfo, dryRun: string, status: number, seconds: number): void;
  reply(): Reply;
}

/** The server's own metrics, under upstream's names. */
export function serverMetrics(
  registry: MetricsRegistry,
  catalogue: ResourceCatalogue,
  inFlight: InFlight,
): ServerMetrics {
  const labels = ["verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component"];
  const total = registry.counter("apiserver_request_total", "Requests, by verb, resource and status code.", [
    ...labels,
    "code",
  ]);
  const duration = registry.histogram(
    "apiserver_request_duration_seconds",
    "Time from a request to the head of its answer, long-running requests apart.",
    DURATION_BUCKETS,
    labels,
  );
  const current = registry.gauge("apiserver_current_inflight_requests", "Requests being served.", ["request_kind"]);
  const longRunning = registry.gauge("apiserver_longrunning_requests", "Long-running requests being served.");
  const objects = registry.gauge("apiserver_resource_objects", "Stored objects, of the resources in use.", [
    "group",
    "resource",
  ]);
  const memory = registry.gauge("process_resident_memory_bytes", "Resident memory size in bytes.");
  const cpu = registry.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.");
  let cpuSeconds = 0;
  const series = new Map<string, Series>();
  registry.onCollect(() => {
    current.with("readOnly").set(inFlight.reading);
    current.with("mutating").set(inFlight.mutating);
    longRunning.with().set(inFlight.longRunning);
    memory.with().set(process.memoryUsage.rss());
    const { user, system } = process.cpuUsage();
    const seconds = (user + system) / 1e6;
    cpu.with().add(seconds - cpuSeconds);
    cpuSeconds = seconds;
    for (const resource of catalogue.all) {
      if (resource.isStorageVersion && resource.opened) {
        objects.with(resource.type.group, resource.type.resource).set(resource.registry.cache.size);
      }
    }
  });
  const seriesOf = (info: RequestInfo, dryRun: string): Series => {
    const { group, version, resource, subresource } = info;
    const verb = info.verb.toUpperCase();
    // Paths and unknown resources come from clients: they must not become series without end.
    const served = info.isResource ? catalogue.find(group, version, resource) : undefined;
    const scope = !served ? "" : info.name ? "resource" : info.namespace ? "namespace" : "cluster";
    const below = served?.subresources.has(subresource) ? subresource : "";
    const labelled = served
      ? [verb, dryRun === "All" ? dryRun : "", group, version, resource, below, scope, "apiserver"]
      : [METHODS.has(verb) ? verb : "other", "", "", "", "", "", "", "apiserver"];
    const key = labelled.join("/");
    let found = series.get(key);
    if (!found) {
      found = { labels: labelled, duration: duration.with(...labelled), codes: new Map() };
      series.set(key, found);
    }
    return found;
  };
  return {
    observe(info, dryRun, status, seconds) {
      const { codes, labels, duration } = seriesOf(info, dryRun);
      let counter = codes.get(status);
      if (!counter) {
        counter = total.with(...labels, String(status));
        codes.set(status, counter);
      }
      counter.add();
      if (!isLongRunning(info)) duration.observe(seconds);
    },
    reply: () => ({
      status: 200,
      headers: { "content-type": METRICS_CONTENT_TYPE },
      body: Buffer.from(registry.render()),
    }),
  };
}

/** The series of one kind of request. */
interface Series {
  readonly labels: readonly string[];
  readonly duration: Histogram;
  readonly codes: Map<number, Counter>;
}

const METHODS = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT"]);
