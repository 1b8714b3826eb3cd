import { checkDnsLabel } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type { HorizontalPodAutoscaler, HPAScalingRules, MetricSpec, MetricTarget } from "../../types/autoscaling.v2.ts";
import { validateContainerResourceName } from "../core/resource-requirements.ts";
import { at, child, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import { parseQuantity } from "../quantities.ts";
import { validateObjectReference, validateReferenceName } from "../reference-checks.ts";
import { addProblems, NOT_POSITIVE, validateNonNegative, validateNonNegativeQuantity } from "../value-checks.ts";

const MAX_PERIOD_SECONDS = 1800;
const MAX_STABILIZATION_SECONDS = 3600;

/** Scaling to zero (HPAScaleToZero) is alpha, and so off. */
const LOWEST = 1;

export function validateAutoscaler({ spec }: HorizontalPodAutoscaler): FieldError[] {
  const errors: FieldError[] = [];
  const { minReplicas, maxReplicas = 0, scaleTargetRef, metrics, behavior } = spec;
  if (minReplicas != null && minReplicas < LOWEST) {
    errors.push(invalid("spec.minReplicas", minReplicas, `must be greater than or equal to ${LOWEST}`));
  }
  if (maxReplicas < 1) errors.push(invalid("spec.maxReplicas", maxReplicas, "must be greater than 0"));
  if (minReplicas != null && maxReplicas < minReplicas) {
    errors.push(invalid("spec.maxReplicas", maxReplicas, "must be greater than or equal to `minReplicas`"));
  }
  validateObjectReference(scaleTargetRef, "spec.scaleTargetRef", errors);
  for (const [index, metric] of (metrics ?? []).entries()) validateMetric(metric, at("spec.metrics", index), errors);
  validateRules(behavior?.scaleUp, "spec.behavior.scaleUp", errors);
  validateRules(behavior?.scaleDown, "spec.behavior.scaleDown", errors);
  return errors;
}

export function validateAutoscalerStatus({ status }: HorizontalPodAutoscaler): FieldError[] {
  const errors: FieldError[] = [];
  validateNonNegative(status?.currentReplicas, "status.currentReplicas", errors);
  validateNonNegative(status?.desiredReplicas, "status.desiredReplicas", errors);
  return errors;
}

function validateRules(rules: HPAScalingRules | undefined, path: string, errors: FieldError[]): void {
  if (!rules) return;
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules;
  if (window != null) {
    const field = child(path, "stabilizationWindowSeconds");
    if (window < 0) errors.push(invalid(field, window, "must be greater than or equal to zero"));
    if (window > MAX_STABILIZATION_SECONDS) {
      errors.push(invalid(field, window, `must be less than or equal to ${MAX_STABILIZATION_SECONDS}`));
    }
  }
  const choices = ["Disabled", "Max", "Min"];
  if (selectPolicy != null && !choices.includes(selectPolicy)) {
    errors.push(notSupported(child(path, "selectPolicy"), selectPolicy, choices));
  }
  if (policies.length === 0) errors.push(required(child(path, "policies"), "must specify at least one Policy"));
  for (const [index, { type, value, periodSeconds }] of policies.entries()) {
    const field = at(child(path, "policies"), index);
    if (type !== "Pods" && type !== "Percent") {
      errors.push(notSupported(child(field, "type"), type ?? "", ["Percent", "Pods"]));
    }
    if ((value ?? 0) <= 0) errors.push(invalid(child(field, "value"), value ?? 0, NOT_POSITIVE));
    if ((periodSeconds ?? 0) <= 0)
      errors.push(invalid(child(field, "periodSeconds"), periodSeconds ?? 0, NOT_POSITIVE));
    if (periodSeconds > MAX_PERIOD_SECONDS) {
      const detail = `must be less than or equal to ${MAX_PERIOD_SECONDS}`;
      errors.push(invalid(child(field, "periodSeconds"), periodSeconds, detail));
    }
  }
  if (tolerance != null) validateNonNegativeQuantity(tolerance, child(path, "tolerance"), errors);
}

type Source = Exclude<keyof MetricSpec, "type">;
/** Which source goes with which type, in the order in which upstream looks for them. */
const SOURCES: Readonly<Record<Source, string>> = {
  object: "Object",
  external: "External",
  pods: "Pods",
  resource: "Resource",
  containerResource: "ContainerResource",
};
const NAMES = Object.keys(SOURCES) as Source[];
const TYPES = Object.values(SOURCES).sort();

function validateMetric(metric: MetricSpec, path: string, errors: FieldError[]): void {
  const type = metric.type ?? "";
  if (type === "") errors.push(required(child(path, "type"), "must specify a metric source type"));
  if (!TYPES.includes(type)) errors.push(notSupported(child(path, "type"), type, TYPES));
  const present = NAMES.filter((name) => metric[name] != null);
  if (present[0]) validateSource(present[0], metric, child(path, present[0]), errors);
  const expected = NAMES.find((name) => SOURCES[name] === type);
  if (!expected) errors.push(notSupported(child(path, "type"), type, TYPES));
  else if (metric[expected] == null) {
    errors.push(required(child(path, expected), "must populate information for the given metric source"));
  }
  if (present.length === 1) return;
  for (const name of present) {
    if (name !== expected) errors.push(forbidden(child(path, name), "must populate the given metric source only"));
  }
}

function validateSource(name: Source, metric: MetricSpec, path: string, errors: FieldError[]): void {
  const target: MetricTarget = metric[name]!.target ?? { type: "" };
  const field = child(path, "target");
  if (name === "object")
    validateObjectReference(metric.object!.describedObject, child(path, "describedObject"), errors);
  if (name === "containerResource" || name === "resource") {
    validateResourceSource(name, metric, path, errors);
    validateTarget(target, field, errors);
    if (target.averageUtilization == null && target.averageValue == null) {
      const detail = "must set either a target raw value or a target utilization";
      errors.push(required(child(field, "averageUtilization"), detail));
    }
    if (target.averageUtilization != null && target.averageValue != null) {
      const detail = "may not set both a target raw value and a target utilization";
      errors.push(forbidden(child(field, "averageValue"), detail));
    }
    return;
  }
  const identifier = child(path, "metric", "name");
  const metricName = metric[name]!.metric?.name;
  if (!metricName) errors.push(required(identifier, "must specify a metric name"));
  else validateReferenceName(metricName, identifier, errors);
  validateTarget(target, field, errors);
  const average = child(field, "averageValue");
  if (name === "pods") {
    if (target.averageValue == null) errors.push(required(average, "must specify a positive target averageValue"));
    return;
  }
  if (target.value == null && target.averageValue == null) {
    const external = "must set either a target value for metric or a per-pod target";
    errors.push(required(average, name === "external" ? external : "must set either a target value or averageValue"));
  }
  if (name === "external" && target.value != null && target.averageValue != null) {
    const detail = "may not set both a target value for metric and a per-pod target";
    errors.push(forbidden(child(field, "value"), detail));
  }
}

function validateResourceSource(
  source: "resource" | "containerResource",
  metric: MetricSpec,
  path: string,
  errors: FieldError[],
): void {
  const { name } = metric[source]!;
  if (!name) errors.push(required(child(path, "name"), "must specify a resource name"));
  if (source === "resource") return;
  if (name) validateContainerResourceName(name, child(path, "name"), errors);
  const { container } = metric.containerResource!;
  if (!container) errors.push(required(child(path, "container"), "must specify a container"));
  else addProblems(checkDnsLabel(container), child(path, "container"), container, errors);
}

function validateTarget(target: MetricTarget, path: string, errors: FieldError[]): void {
  const { type = "", averageUtilization } = target;
  if (type === "") errors.push(required(child(path, "type"), "must specify a metric target type"));
  if (!["Utilization", "Value", "AverageValue"].includes(type)) {
    errors.push(invalid(child(path, "type"), type, "must be either Utilization, Value, or AverageValue"));
  }
  for (const name of ["value", "averageValue"] as const) {
    const text = target[name];
    if (text == null) continue;
    const quantity = parseQuantity(text);
    if (!quantity || quantity.sign <= 0) errors.push(invalid(child(path, name), text, "must be positive"));
  }
  if (averageUtilization != null && averageUtilization < 1) {
    errors.push(invalid(child(path, "averageUtilization"), averageUtilization, "must be greater than 0"));
  }
}
