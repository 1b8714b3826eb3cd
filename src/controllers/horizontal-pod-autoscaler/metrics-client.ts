import { parseDuration } from "../../api/duration.ts";
import type { Selector } from "../../api/label-selector.ts";
import { quantityMilliValue } from "../../api/quantity.ts";
import { isNotFound, StatusError } from "../../api/status-error.ts";
import type { APIGroup } from "../../api/types/meta.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Client } from "../../client/client.ts";
import type { PodMetric, PodMetrics } from "./metric-values.ts";

/**
 * Reads the three metrics APIs, which servers beside the API server answer (https://github.com/kubernetes/metrics). Each
 * function rejects with upstream's words where there is nothing to be had.
 */
export interface MetricsClient {
  /** What pods use of a resource: all containers of each together, or the one named. */
  resource(
    query: { resource: string; namespace: string; selector: Selector; container?: string },
    signal: AbortSignal,
  ): Promise<PodMetrics>;
  /** A metric of each of some pods. */
  pods(
    query: { metric: string; namespace: string; selector: Selector; metricSelector: Selector },
    signal: AbortSignal,
  ): Promise<PodMetrics>;
  /** A metric of one object, in thousandths. `resource` is its plural with its group: `ingresses.networking.k8s.io`. */
  object(
    query: { metric: string; namespace: string; resource: string; name: string; metricSelector: Selector },
    signal: AbortSignal,
  ): Promise<number>;
  /** The sum of all series of a metric from outside the cluster, in thousandths. */
  external(query: { metric: string; namespace: string; selector: Selector }, signal: AbortSignal): Promise<number>;
}

const CUSTOM_GROUP = "custom.metrics.k8s.io";
/** What is understood, the better one first. */
const CUSTOM_VERSIONS = ["v1beta2", "v1beta1"];
const DEFAULT_WINDOW_MS = 60_000;
const MAX_INT64 = 2 ** 63;

interface PodMetricsList {
  items?: {
    metadata: { name: string; namespace?: string };
    timestamp: string;
    window: string;
    containers?: { name: string; usage: Record<string, string> }[];
  }[];
}
interface CustomMetricsList {
  items?: {
    describedObject: { name: string };
    timestamp: string;
    value: string;
    /** v1beta2. */
    windowSeconds?: number;
    /** v1beta1. */
    window?: number;
  }[];
}
interface ExternalMetricsList {
  items?: { value: string }[];
}

/** `versionsHoldMs`: how long the version that was agreed on is not asked for again. */
export function metricsClient(client: Client, clock: Clock, versionsHoldMs: number): MetricsClient {
  let agreed: { version: string; until: number } | undefined;
  const customVersion = async (signal: AbortSignal): Promise<string> => {
    if (agreed && clock.monotonic() < agreed.until) return agreed.version;
    const none = () => new Error(`no custom metrics API (${CUSTOM_GROUP}) registered`);
    const group = await client.raw<APIGroup>(`/apis/${CUSTOM_GROUP}`, { signal }).catch((error) => {
      throw isNotFound(error) ? none() : error;
    });
    const offered = [group.preferredVersion, ...group.versions].flatMap((one) => (one ? [one.version] : []));
    const version = offered.find((one) => CUSTOM_VERSIONS.includes(one));
    if (!version) throw none();
    agreed = { version, until: clock.monotonic() + versionsHoldMs };
    return version;
  };
  const custom = async (path: string, query: Record<string, Selector>, signal: AbortSignal) => {
    try {
      const url = `/apis/${CUSTOM_GROUP}/${await customVersion(signal)}/${path}${queryOf(query)}`;
      return (await client.raw<CustomMetricsList>(url, { signal })).items ?? [];
    } catch (error) {
      throw failed("custom", error, signal);
    }
  };

  return {
    async resource({ resource, namespace, selector, container }, signal) {
      const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${part(namespace)}/pods${queryOf({ labelSelector: selector })}`;
      const { items = [] } = await client.raw<PodMetricsList>(path, { signal }).catch((error) => {
        throw failed("resource", error, signal, "pods.metrics.k8s.io");
      });
      if (items.length === 0) throw new Error("no metrics returned from resource metrics API");
      const metrics = new Map<string, PodMetric>();
      for (const { metadata, timestamp, window, containers = [] } of items) {
        const counted = container === undefined ? containers : containers.filter(({ name }) => name === container);
        if (container !== undefined && counted.length === 0) {
          const pod = `${metadata.namespace ?? namespace}/${metadata.name}`;
          throw new Error(
            `failed to get container metrics: container ${container} not present in metrics for pod ${pod}`,
          );
        }
        const usages = counted.flatMap(({ usage }) => usage[resource] ?? []);
        // A pod of which a part is not measured counts as not measured.
        if (usages.length === 0 || usages.length < counted.length) continue;
        metrics.set(metadata.name, {
          value: usages.reduce((sum, usage) => sum + quantityMilliValue(usage), 0),
          at: Date.parse(timestamp),
          windowMs: parseDuration(window),
        });
      }
      return metrics;
    },

    async pods({ metric, namespace, selector, metricSelector }, signal) {
      const path = `namespaces/${part(namespace)}/pods/*/${part(metric)}`;
      const items = await custom(path, { labelSelector: selector, metricLabelSelector: metricSelector }, signal);
      if (items.length === 0) throw new Error("no metrics returned from custom metrics API");
      return new Map(
        items.map(({ describedObject, timestamp, value, windowSeconds, window }): [string, PodMetric] => {
          const seconds = windowSeconds ?? window;
          return [
            describedObject.name,
            {
              value: quantityMilliValue(value),
              at: Date.parse(timestamp),
              windowMs: seconds === undefined ? DEFAULT_WINDOW_MS : seconds * 1000,
            },
          ];
        }),
      );
    },

    async object({ metric, namespace, resource, name, metricSelector }, signal) {
      // A namespace's own metrics are under it; whatever the reference says, it can't name another one.
      const path =
        resource === "namespaces"
          ? `namespaces/${part(namespace)}/metrics/${part(metric)}`
          : `namespaces/${part(namespace)}/${part(resource)}/${part(name)}/${part(metric)}`;
      const items = await custom(path, { metricLabelSelector: metricSelector }, signal);
      if (items.length !== 1) {
        const found = `the custom metrics API server returned ${items.length} results when we asked for exactly one`;
        throw failed("custom", new Error(found), signal);
      }
      return quantityMilliValue(items[0]!.value);
    },

    async external({ metric, namespace, selector }, signal) {
      const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${part(namespace)}/${part(metric)}`;
      const { items = [] } = await client
        .raw<ExternalMetricsList>(`${path}${queryOf({ labelSelector: selector })}`, { signal })
        .catch((error) => {
          throw failed("external", error, signal);
        });
      if (items.length === 0) throw new Error("no metrics returned from external metrics API");
      return Math.min(
        MAX_INT64,
        items.reduce((sum, { value }) => sum + quantityMilliValue(value), 0),
      );
    },
  };
}

const part = encodeURIComponent;

function queryOf(selectors: Record<string, Selector>): string {
  const query = new URLSearchParams();
  for (const [name, selector] of Object.entries(selectors)) {
    const text = selector.toString();
    if (text !== "") query.set(name, text);
  }
  return query.size === 0 ? "" : `?${query}`;
}

function failed(api: string, error: unknown, signal: AbortSignal, resource?: string): Error {
  signal.throwIfAborted();
  const { message } = error as Error;
  // Where nobody is behind the path, the answer does not name what was asked for.
  const unnamed = error instanceof StatusError && (error.code === 404 || error.code === 503);
  const about = unnamed && resource !== undefined && !message.includes(resource) ? ` (get ${resource})` : "";
  return new Error(`unable to fetch metrics from ${api} metrics API: ${message}${about}`, { cause: error });
}
