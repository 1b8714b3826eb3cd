import type { UnknownObject } from "../../object.ts";
import type { Conversion } from "../../resource-definition.ts";
import type { HorizontalPodAutoscaler as V1 } from "../../types/autoscaling.v1.ts";
import type {
  HorizontalPodAutoscalerBehavior,
  HorizontalPodAutoscalerCondition,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  HorizontalPodAutoscaler as V2,
} from "../../types/autoscaling.v2.ts";

/**
 * autoscaling/v1 knows one CPU target; the rest of a v2 object travels in annotations there, as JSON of v1's own metric
 * shapes, so that a client of v1 can read and write an object without losing what it does not know.
 */
const METRICS = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior";

interface Flat {
  type: string;
  object?: Record<string, unknown>;
  pods?: Record<string, unknown>;
  resource?: Record<string, unknown>;
  containerResource?: Record<string, unknown>;
  external?: Record<string, unknown>;
}

export const v1Conversion: Conversion = {
  toStorage: (object) => toV2(object as unknown as V1) as unknown as UnknownObject,
  fromStorage: (object) => toV1(object as unknown as V2) as unknown as UnknownObject,
};

function toV1(object: V2): V1 {
  const annotations: Record<string, string> = { ...object.metadata?.annotations };
  const others: MetricSpec[] = [];
  let target: number | undefined;
  for (const metric of object.spec?.metrics ?? []) {
    const utilization = metric.resource?.target?.averageUtilization;
    if (metric.type === "Resource" && metric.resource?.name === "cpu" && utilization !== undefined) {
      target = utilization;
    } else others.push(metric);
  }
  let current: number | undefined;
  for (const metric of object.status?.currentMetrics ?? []) {
    if (metric.type === "Resource" && metric.resource?.name === "cpu") {
      current = metric.resource.current?.averageUtilization ?? current;
    }
  }
  const note = (name: string, value: unknown[] | object | undefined) => {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) delete annotations[name];
    else annotations[name] = JSON.stringify(value);
  };
  note(METRICS, others.map(flattenSpec));
  note(CURRENT_METRICS, (object.status?.currentMetrics ?? []).map(flattenStatus));
  note(CONDITIONS, object.status?.conditions);
  note(BEHAVIOR, object.spec?.behavior);
  const { metrics: _metrics, behavior: _behavior, ...spec } = object.spec ?? {};
  const { currentMetrics: _current, conditions: _conditions, ...status } = object.status ?? { desiredReplicas: 0 };
  return {
    ...object,
    apiVersion: "autoscaling/v1",
    metadata: withAnnotations(object.metadata, annotations),
    spec: { ...spec, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    status: {
      ...status,
      currentReplicas: status.currentReplicas ?? 0,
      ...(current === undefined ? {} : { currentCPUUtilizationPercentage: current }),
    },
  };
}

function toV2(object: V1): V2 {
  const annotations: Record<string, string> = { ...object.metadata?.annotations };
  const take = <T>(name: string): T | undefined => {
    const text = annotations[name];
    delete annotations[name];
    if (text === undefined) return undefined;
    // Upstream ignores what it cannot read here, so that a broken annotation never makes an object unwritable.
    try {
      return JSON.parse(text) as T;
    } catch {
      return undefined;
    }
  };
  const { targetCPUUtilizationPercentage: target, ...spec } = object.spec ?? {};
  const { currentCPUUtilizationPercentage: current, ...status } = object.status ?? {
    currentReplicas: 0,
    desiredReplicas: 0,
  };
  const metrics = (take<Flat[]>(METRICS) ?? []).map(expandSpec);
  if (target !== undefined && target !== null) metrics.push(cpuMetric(target));
  const currentMetrics = (take<Flat[]>(CURRENT_METRICS) ?? []).map(expandStatus);
  if (current !== undefined && currentMetrics.length === 0) {
    currentMetrics.push({ type: "Resource", resource: { name: "cpu", current: { averageUtilization: current } } });
  }
  const conditions = take<HorizontalPodAutoscalerCondition[]>(CONDITIONS);
  const behavior = take<HorizontalPodAutoscalerBehavior>(BEHAVIOR);
  return {
    ...object,
    apiVersion: "autoscaling/v2",
    metadata: withAnnotations(object.metadata, annotations),
    spec: { ...spec, ...(metrics.length > 0 ? { metrics } : {}), ...(behavior ? { behavior } : {}) },
    ...(object.status
      ? {
          status: {
            ...status,
            ...(currentMetrics.length > 0 ? { currentMetrics } : {}),
            ...(conditions ? { conditions } : {}),
          },
        }
      : {}),
  };
}

/** The metric that a plain CPU target means. */
export function cpuMetric(averageUtilization: number): MetricSpec {
  return { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization } } };
}

function withAnnotations(metadata: V1["metadata"], annotations: Record<string, string>): V1["metadata"] {
  const { annotations: _old, ...rest } = metadata ?? {};
  return Object.keys(annotations).length > 0 ? { ...rest, annotations } : rest;
}

/** Drops absent fields, so that the annotations hold what Go's encoder would have written. */
function compact(fields: Record<string, unknown>): Record<string, unknown> {
  for (const name in fields) if (fields[name] === undefined) delete fields[name];
  return fields;
}

function flattenSpec(metric: MetricSpec): Flat {
  const { type, object, pods, resource, containerResource, external } = metric;
  const resourceTarget = (target: MetricTarget) => ({
    targetAverageUtilization: target.averageUtilization,
    targetAverageValue: target.averageValue,
  });
  if (object) {
    const { describedObject, metric: named, target } = object;
    return {
      type,
      object: compact({
        target: describedObject,
        metricName: named.name,
        targetValue: target.value ?? "0",
        selector: named.selector,
        averageValue: target.averageValue,
      }),
    };
  }
  if (pods) {
    const { metric: named, target } = pods;
    return {
      type,
      pods: compact({ metricName: named.name, targetAverageValue: target.averageValue, selector: named.selector }),
    };
  }
  if (resource) return { type, resource: compact({ name: resource.name, ...resourceTarget(resource.target) }) };
  if (containerResource) {
    const { name, container, target } = containerResource;
    return { type, containerResource: compact({ name, ...resourceTarget(target), container }) };
  }
  if (external) {
    const { metric: named, target } = external;
    return {
      type,
      external: compact({
        metricName: named.name,
        metricSelector: named.selector,
        targetValue: target.value,
        targetAverageValue: target.averageValue,
      }),
    };
  }
  return { type };
}

function flattenStatus(metric: MetricStatus): Flat {
  const { type, object, pods, resource, containerResource, external } = metric;
  if (object) {
    return {
      type,
      object: compact({
        target: object.describedObject,
        metricName: object.metric.name,
        currentValue: object.current.value ?? "0",
        selector: object.metric.selector,
        averageValue: object.current.averageValue,
      }),
    };
  }
  if (pods) {
    return {
      type,
      pods: compact({
        metricName: pods.metric.name,
        currentAverageValue: pods.current.averageValue ?? "0",
        selector: pods.metric.selector,
      }),
    };
  }
  const source = resource ?? containerResource;
  if (source) {
    const flat = compact({
      name: source.name,
      currentAverageUtilization: source.current.averageUtilization,
      currentAverageValue: source.current.averageValue ?? "0",
      container: containerResource?.container,
    });
    return resource ? { type, resource: flat } : { type, containerResource: flat };
  }
  if (external) {
    return {
      type,
      external: compact({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        currentValue: external.current.value ?? "0",
        currentAverageValue: external.current.averageValue,
      }),
    };
  }
  return { type };
}

const identifier = (name: unknown, selector: unknown) => compact({ name, selector });

/** A target whose type follows from the value that is given. */
function target(value: unknown, averageValue: unknown, averageUtilization?: unknown): Record<string, unknown> {
  if (averageUtilization !== undefined) return compact({ type: "Utilization", averageUtilization, averageValue });
  if (averageValue !== undefined) return compact({ type: "AverageValue", averageValue });
  return compact({ type: "Value", value });
}

function expandSpec(flat: Flat): MetricSpec {
  const { type, object, pods, resource, containerResource, external } = flat;
  let result: Record<string, unknown> = { type };
  if (object) {
    result = {
      type,
      object: {
        describedObject: object.target,
        metric: identifier(object.metricName, object.selector),
        target: target(object.targetValue, object.averageValue),
      },
    };
  } else if (pods) {
    result = {
      type,
      pods: { metric: identifier(pods.metricName, pods.selector), target: target(undefined, pods.targetAverageValue) },
    };
  } else if (resource) {
    const { name, targetAverageValue, targetAverageUtilization } = resource;
    result = { type, resource: { name, target: target(undefined, targetAverageValue, targetAverageUtilization) } };
  } else if (containerResource) {
    const { name, container, targetAverageValue, targetAverageUtilization } = containerResource;
    result = {
      type,
      containerResource: { name, container, target: target(undefined, targetAverageValue, targetAverageUtilization) },
    };
  } else if (external) {
    result = {
      type,
      external: {
        metric: identifier(external.metricName, external.metricSelector),
        target: target(external.targetValue, external.targetAverageValue),
      },
    };
  }
  return result as unknown as MetricSpec;
}

function expandStatus(flat: Flat): MetricStatus {
  const { type, object, pods, resource, containerResource, external } = flat;
  let result: Record<string, unknown> = { type };
  if (object) {
    result = {
      type,
      object: {
        describedObject: object.target,
        metric: identifier(object.metricName, object.selector),
        current: compact({ value: object.currentValue, averageValue: object.averageValue }),
      },
    };
  } else if (pods) {
    result = {
      type,
      pods: {
        metric: identifier(pods.metricName, pods.selector),
        current: compact({ averageValue: pods.currentAverageValue }),
      },
    };
  } else if (resource ?? containerResource) {
    const { name, container, currentAverageUtilization, currentAverageValue } = (resource ?? containerResource)!;
    const current = compact({ averageUtilization: currentAverageUtilization, averageValue: currentAverageValue });
    result = resource
      ? { type, resource: { name, current } }
      : { type, containerResource: { name, container, current } };
  } else if (external) {
    result = {
      type,
      external: {
        metric: identifier(external.metricName, external.metricSelector),
        current: compact({ value: external.currentValue, averageValue: external.currentAverageValue }),
      },
    };
  }
  return result as unknown as MetricStatus;
}
