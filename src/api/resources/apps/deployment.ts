import { jsonEqual, semanticEqual } from "../../json-equal.ts";
import { SelectorError, selectorOf } from "../../label-selector.ts";
import type { FieldError } from "../../resource-definition.ts";
import { deployments } from "../../resource-types.ts";
import type { Deployment, DeploymentSpec, DeploymentStrategy } from "../../types/apps.v1.ts";
import { ageColumn, column, containerColumns, nameColumn, wideColumn } from "../columns.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { workloadWarnings } from "../core/pod-warnings.ts";
import { define } from "../define.ts";
import { child, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import {
  IMMUTABLE,
  isZeroIntOrPercent,
  validateNonNegative,
  validateNonNegativeIntOrPercent,
  validateNotOver100Percent,
} from "../value-checks.ts";
import {
  validateCollisionCount,
  validateLastingTemplate,
  validateReplicaCounts,
  validateTemplateLabels,
  validateWorkloadSelector,
} from "./selector-checks.ts";

export const deployment = define<Deployment>({
  warnings: (object, old) => workloadWarnings(object, old, object.spec?.template),
  type: deployments,
  singular: "deployment",
  shortNames: ["deploy"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
  columns: [
    nameColumn,
    column(
      "Ready",
      "How many of the wanted pods are ready.",
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    ),
    column("Up-to-date", "How many pods have the current template.", ({ status }) => status?.updatedReplicas ?? 0),
    column("Available", "How many pods are available.", ({ status }) => status?.availableReplicas ?? 0),
    ageColumn,
    ...containerColumns<Deployment>(({ spec }) => spec?.template),
    wideColumn("Selector", "Labels of the pods that belong to it.", selectorCell),
  ],
  prepareForUpdate(deployment, old) {
    deployment.status = old.status;
    // Rollbacks and pauses are told by annotations too: a change of them counts as a change of the object.
    const changed = !jsonEqual(deployment.metadata?.annotations ?? {}, old.metadata?.annotations ?? {});
    if (changed) deployment.metadata!.generation = (old.metadata?.generation ?? 0) + 1;
  },
  validate: validateDeployment,
  validateUpdate(deployment, old) {
    if (semanticEqual(deployment.spec?.selector, old.spec?.selector)) return [];
    return [invalid("spec.selector", deployment.spec?.selector ?? null, IMMUTABLE)];
  },
  validateStatusUpdate({ status }, old) {
    const errors: FieldError[] = [];
    const parts = ["updatedReplicas", "readyReplicas", "availableReplicas"];
    validateReplicaCounts({ ...status }, parts, "readyReplicas", errors);
    validateNonNegative(status?.unavailableReplicas, "status.unavailableReplicas", errors);
    validateCollisionCount(status?.collisionCount, old.status?.collisionCount, errors);
    return errors;
  },
  defaults(deployment) {
    deployment.spec ??= {} as DeploymentSpec;
    const { spec } = deployment;
    spec.replicas ??= 1;
    spec.strategy ??= {};
    const { strategy } = spec;
    strategy.type ||= "RollingUpdate";
    if (strategy.type === "RollingUpdate") {
      strategy.rollingUpdate ??= {};
      strategy.rollingUpdate.maxUnavailable ??= "25%";
      strategy.rollingUpdate.maxSurge ??= "25%";
    }
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    spec.template ??= {};
    defaultPodTemplate(spec.template);
  },
  prepareForCreate(deployment) {
    deployment.status = {};
  },
  prepareForStatusUpdate(deployment, old) {
    if (old.metadata?.labels) deployment.metadata!.labels = old.metadata.labels;
    else delete deployment.metadata!.labels;
  },
  scale: { specReplicas: ".spec.replicas", statusReplicas: ".status.replicas", selector: ".spec.selector" },
});

function selectorCell({ spec }: Deployment): string {
  try {
    return selectorOf(spec?.selector).toString();
  } catch (error) {
    if (error instanceof SelectorError) return "<invalid>";
    throw error;
  }
}

function validateDeployment({ spec }: Deployment): FieldError[] {
  const errors: FieldError[] = [];
  const { selector, template, strategy, replicas, minReadySeconds, revisionHistoryLimit } = spec!;
  const deadline = spec!.progressDeadlineSeconds;
  validateNonNegative(replicas, "spec.replicas", errors);
  validateWorkloadSelector(selector, "deployment", "spec.selector", errors);
  validateTemplateLabels(selector, template, "spec.template", errors);
  validateLastingTemplate(template, "ReplicaSet", "spec.template", errors);
  validateStrategy(strategy ?? {}, "spec.strategy", errors);
  validateNonNegative(minReadySeconds, "spec.minReadySeconds", errors);
  validateNonNegative(revisionHistoryLimit, "spec.revisionHistoryLimit", errors);
  if (deadline != null) {
    validateNonNegative(deadline, "spec.progressDeadlineSeconds", errors);
    if (deadline <= (minReadySeconds ?? 0)) {
      errors.push(invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"));
    }
  }
  return errors;
}

function validateStrategy({ type, rollingUpdate }: DeploymentStrategy, path: string, errors: FieldError[]): void {
  const field = child(path, "rollingUpdate");
  if (type === "Recreate") {
    const detail = "may not be specified when strategy `type` is 'Recreate'";
    if (rollingUpdate) errors.push(forbidden(field, detail));
  } else if (type !== "RollingUpdate") {
    errors.push(notSupported(child(path, "type"), type ?? "", ["Recreate", "RollingUpdate"]));
  } else if (!rollingUpdate) errors.push(required(field, "this should be defaulted and never be nil"));
  else {
    const { maxUnavailable, maxSurge } = rollingUpdate;
    validateNonNegativeIntOrPercent(maxUnavailable, child(field, "maxUnavailable"), errors);
    validateNonNegativeIntOrPercent(maxSurge, child(field, "maxSurge"), errors);
    if (isZeroIntOrPercent(maxUnavailable) && isZeroIntOrPercent(maxSurge)) {
      errors.push(invalid(child(field, "maxUnavailable"), maxUnavailable ?? 0, "may not be 0 when `maxSurge` is 0"));
    }
    validateNotOver100Percent(maxUnavailable, child(field, "maxUnavailable"), errors);
  }
}
