import { type Selector, selectorOf } from "../../api/label-selector.ts";
import { Quantity, quantityMilliValue } from "../../api/quantity.ts";
import type {
  ContainerResourceMetricSource,
  CrossVersionObjectReference,
  MetricIdentifier,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
  ResourceMetricSource,
} from "../../api/types/autoscaling.v2.ts";
import type { LabelSelector } from "../../api/types/meta.v1.ts";
import type { Reading, ReplicaBasis, ReplicaProposal } from "./metric-values.ts";
import type { MetricsClient } from "./metrics-client.ts";
import { averageReplicas, sharedValueReplicas, utilizationReplicas, valueReplicas } from "./replica-calculation.ts";

/** What one metric of an autoscaler comes to. */
export type MetricOutcome =
  | {
      readonly replicas: number;
      /** As messages name the metric. */
      readonly name: string;
      readonly status: MetricStatus;
    }
  | {
      /** Of the event and of the condition ScalingActive. */
      readonly reason: string;
      readonly message: string;
      /** The message with what was being done around it. */
      readonly failure: string;
    };

export interface MetricReader {
  readonly metrics: MetricsClient;
  /** The plural with its group of the kind that a reference names. */
  resourceName(reference: CrossVersionObjectReference, signal: AbortSignal): Promise<string>;
}

/** Reads what a metric stands at. Whatever stands against that is the reading, but for the end of `signal`. */
export async function readMetric(
  spec: MetricSpec,
  { metrics, resourceName }: MetricReader,
  at: { namespace: string; selector: Selector },
  signal: AbortSignal,
): Promise<Reading> {
  const { namespace, selector } = at;
  /** Names what could not be read around why. */
  const named = async <T>(what: string, reading: Promise<T>): Promise<T> =>
    reading.catch((error) => {
      throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
    });
  try {
    const { resource, containerResource, pods, object, external } = spec;
    const own: (ResourceMetricSource & Partial<ContainerResourceMetricSource>) | undefined =
      resource ?? containerResource;
    if (own) {
      const query = { resource: own.name, namespace, selector, ...(own.container ? { container: own.container } : {}) };
      return { pods: await named(`unable to get metrics for resource ${own.name}`, metrics.resource(query, signal)) };
    }
    if (pods) {
      const { name: metric, selector: series } = pods.metric;
      const query = { metric, namespace, selector, metricSelector: selectorOf(series) };
      return { pods: await named(`unable to get metric ${metric}`, metrics.pods(query, signal)) };
    }
    if (object) {
      const { name: metric, selector: series } = object.metric;
      const { kind, name } = object.describedObject;
      const metricSelector = selectorOf(series);
      const read = async () => {
        const resource = await resourceName(object.describedObject, signal);
        return metrics.object({ metric, namespace, resource, name, metricSelector }, signal);
      };
      // The order of the words is upstream's.
      return {
        value: await read().catch((error) => {
          const why = (error as Error).message;
          throw new Error(`unable to get metric ${metric}: ${kind} on ${namespace} ${name}/${why}`, { cause: error });
        }),
      };
    }
    if (external) {
      const { name: metric, selector: series } = external.metric;
      const what = `unable to get external metric ${namespace}/${metric}/${formatLabelSelector(series)}`;
      const query = { metric, namespace, selector: selectorOf(series) };
      return { value: await named(what, metrics.external(query, signal)) };
    }
    return { failure: `unknown metric source type ${JSON.stringify(spec.type)}` };
  } catch (error) {
    signal.throwIfAborted();
    return { failure: (error as Error).message };
  }
}

/** How many replicas a metric asks for, given what was read. */
export function proposeReplicas(spec: MetricSpec, reading: Reading, basis: ReplicaBasis): MetricOutcome {
  const source = SOURCES[spec.type];
  if (!source) {
    const message = `unknown metric source type ${JSON.stringify(spec.type)}`;
    return { reason: "InvalidMetricSourceType", message, failure: message };
  }
  const { target, what, doing } = source.describe(spec);
  try {
    if ("failure" in reading) throw new Error(reading.failure);
    const { name, proposal, averaged } = source.propose(spec, target, reading, basis);
    const current: MetricValueStatus = {
      [averaged ? "averageValue" : "value"]: Quantity.ofMilli(BigInt(Math.round(proposal.value))).toString(),
      ...(proposal.utilization === undefined ? {} : { averageUtilization: proposal.utilization }),
    };
    return { replicas: proposal.replicas, name, status: source.status(spec, current, averaged) };
  } catch (error) {
    const inner = (error as Error).message;
    const detailed = doing ? `${doing}: ${inner}` : inner;
    const message = source.detailInMessage ? detailed : inner;
    return { reason: source.reason, message, failure: `failed to get ${what}: ${detailed}` };
  }
}

interface Proposed {
  proposal: ReplicaProposal;
  name: string;
  averaged: boolean;
}

/** What is particular to a kind of metric. */
interface Source {
  readonly reason: string;
  /** Whether `doing` belongs to what the event and the condition say. */
  readonly detailInMessage?: boolean;
  describe(spec: MetricSpec): { target: MetricTarget; what: string; doing?: string };
  propose(spec: MetricSpec, target: MetricTarget, reading: Reading, basis: ReplicaBasis): Proposed;
  status(spec: MetricSpec, current: MetricValueStatus, averaged: boolean): MetricStatus;
}

const SOURCES: Readonly<Record<string, Source>> = {
  Resource: {
    reason: "FailedGetResourceMetric",
    detailInMessage: true,
    describe: ({ resource }) => ({
      target: resource!.target,
      what: `${resource!.name} resource metric value`,
      ...doingOfResource(resource!),
    }),
    propose: ({ resource }, target, reading, basis) =>
      resourceReplicas(resource!.name, undefined, target, reading, basis),
    status: ({ type, resource }, current) => ({ type, resource: { name: resource!.name, current } }),
  },
  ContainerResource: {
    reason: "FailedGetContainerResourceMetric",
    detailInMessage: true,
    describe: ({ containerResource }) => ({
      target: containerResource!.target,
      what: `${containerResource!.container} container metric value`,
      ...doingOfResource(containerResource!),
    }),
    propose: ({ containerResource: { name, container } = { name: "", container: "" } }, target, reading, basis) =>
      resourceReplicas(name, container, target, reading, basis),
    status: ({ type, containerResource }, current) => {
      const { name, container } = containerResource!;
      return { type, containerResource: { name, container, current } };
    },
  },
  Pods: {
    reason: "FailedGetPodsMetric",
    describe: ({ pods }) => ({ target: pods!.target, what: "pods metric value" }),
    propose: ({ pods }, { averageValue }, reading, basis) => ({
      proposal: averageReplicas(basis, podValues(reading), quantityMilliValue(averageValue)),
      name: `pods metric ${pods!.metric.name}`,
      averaged: true,
    }),
    status: ({ type, pods }, current) => ({ type, pods: { metric: identifier(pods!.metric), current } }),
  },
  Object: {
    reason: "FailedGetObjectMetric",
    describe: ({ object }) => ({
      target: object!.target,
      what: "object metric value",
      ...(object!.target.type === "AverageValue"
        ? { doing: `failed to get ${object!.metric.name} object metric` }
        : {}),
    }),
    propose: ({ object }, { type, value, averageValue }, reading, basis) => {
      const { metric, describedObject } = object!;
      if (type === "Value" && value !== undefined) {
        const proposal = valueReplicas(basis, singleValue(reading), quantityMilliValue(value));
        return { proposal, name: `${describedObject.kind} metric ${metric.name}`, averaged: false };
      }
      if (type === "AverageValue" && averageValue !== undefined) {
        const proposal = sharedValueReplicas(basis, singleValue(reading), quantityMilliValue(averageValue));
        return { proposal, name: externalName(metric), averaged: true };
      }
      throw new Error("invalid object metric source: neither a value target nor an average value target was set");
    },
    status: ({ type, object }, current, averaged) => ({
      type,
      object: {
        // Upstream leaves out what the average is of.
        describedObject: averaged ? { kind: "", name: "" } : object!.describedObject,
        metric: identifier(object!.metric),
        current,
      },
    }),
  },
  External: {
    reason: "FailedGetExternalMetric",
    describe: ({ external }) => {
      const { metric, target } = external!;
      return {
        target,
        what: `${metric.name} external metric value`,
        ...(target.averageValue !== undefined
          ? { doing: `failed to get ${metric.name} external metric` }
          : target.value !== undefined
            ? { doing: `failed to get external metric ${metric.name}` }
            : {}),
      };
    },
    propose: ({ external }, { value, averageValue }, reading, basis) => {
      const name = externalName(external!.metric);
      if (averageValue !== undefined) {
        const proposal = sharedValueReplicas(basis, singleValue(reading), quantityMilliValue(averageValue));
        return { proposal, name, averaged: true };
      }
      if (value !== undefined) {
        return {
          proposal: valueReplicas(basis, singleValue(reading), quantityMilliValue(value)),
          name,
          averaged: false,
        };
      }
      throw new Error("invalid external metric source: neither a value target nor an average value target was set");
    },
    status: ({ type, external }, current) => ({ type, external: { metric: identifier(external!.metric), current } }),
  },
};

function doingOfResource({ name, target }: ResourceMetricSource): { doing?: string } {
  if (target.averageValue !== undefined) return { doing: `failed to get ${name} usage` };
  if (target.averageUtilization !== undefined) return { doing: `failed to get ${name} utilization` };
  return {};
}

function resourceReplicas(
  resource: string,
  container: string | undefined,
  { averageValue, averageUtilization }: MetricTarget,
  reading: Reading,
  basis: ReplicaBasis,
): Proposed {
  if (averageValue !== undefined) {
    const proposal = averageReplicas(basis, podValues(reading), quantityMilliValue(averageValue), resource);
    return { proposal, name: `${resource} resource`, averaged: true };
  }
  if (averageUtilization === undefined) {
    throw new Error(
      "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set",
    );
  }
  const target = { percent: averageUtilization, resource, ...(container === undefined ? {} : { container }) };
  const kind = container === undefined ? "" : " container";
  return {
    proposal: utilizationReplicas(basis, podValues(reading), target),
    name: `${resource}${kind} resource utilization (percentage of request)`,
    averaged: true,
  };
}

function podValues(reading: Reading) {
  if (!("pods" in reading)) throw new TypeError("a metric of pods was read as one value");
  return reading.pods;
}
function singleValue(reading: Reading) {
  if (!("value" in reading)) throw new TypeError("a metric of one value was read as one of pods");
  return reading.value;
}

const identifier = ({ name, selector }: MetricIdentifier): MetricIdentifier => ({
  name,
  ...(selector ? { selector } : {}),
});

const externalName = ({ name, selector }: MetricIdentifier) =>
  `external metric ${name}(${formatLabelSelector(selector)})`;

/** As Go prints a LabelSelector in upstream's messages. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  if (!selector) return "nil";
  const labels = Object.entries(selector.matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const requirements = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(" ")}],}`,
  );
  const pairs = labels.map(([key, value]) => `${key}: ${value},`).join("");
  const list = requirements.map((one) => `${one},`).join("");
  return `&LabelSelector{MatchLabels:map[string]string{${pairs}},MatchExpressions:[]LabelSelectorRequirement{${list}},}`;
}

/** The plural of a resource with its group, as the custom metrics API names it in paths. */
export const groupResource = ({ group, resource }: { group: string; resource: string }) =>
  group === "" ? resource : `${resource}.${group}`;
