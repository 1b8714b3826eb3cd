import { selectorOfMap } from "../../label-selector.ts";
import type { FieldError } from "../../resource-definition.ts";
import { replicationControllers } from "../../resource-types.ts";
import type { ReplicationController } from "../../types/core.v1.ts";
import { validateLastingTemplate, validateReplicaCounts } from "../apps/selector-checks.ts";
import { ageColumn, column, containerColumns, formatLabels, nameColumn, wideColumn } from "../columns.ts";
import { define } from "../define.ts";
import { invalid, required } from "../field-errors.ts";
import { validateNonNegative } from "../value-checks.ts";
import { defaultPodTemplate } from "./pod-defaults.ts";
import { workloadWarnings } from "./pod-warnings.ts";

export const replicationController = define<ReplicationController>({
  warnings: (object, old) => workloadWarnings(object, old, object.spec?.template),
  type: replicationControllers,
  singular: "replicationcontroller",
  shortNames: ["rc"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
  defaultPropagation: "Orphan",
  columns: [
    nameColumn,
    column("Desired", "How many replicas are wanted.", (controller) => controller.spec?.replicas ?? 0, "integer"),
    column("Current", "How many replicas there are.", (controller) => controller.status?.replicas ?? 0, "integer"),
    column("Ready", "How many replicas are ready.", (controller) => controller.status?.readyReplicas ?? 0, "integer"),
    ageColumn,
    ...containerColumns<ReplicationController>((controller) => controller.spec?.template),
    wideColumn("Selector", "Labels of the pods that belong to it.", (controller) =>
      formatLabels(controller.spec?.selector),
    ),
  ],
  validate({ spec }) {
    const errors: FieldError[] = [];
    const { selector, template, replicas, minReadySeconds } = spec!;
    validateNonNegative(minReadySeconds, "spec.minReadySeconds", errors);
    if (isEmpty(selector)) errors.push(required("spec.selector"));
    validateNonNegative(replicas, "spec.replicas", errors);
    if (!template) {
      errors.push(required("spec.template"));
      return errors;
    }
    const labels = template.metadata?.labels;
    if (!isEmpty(selector) && !selectorOfMap(selector).matches(labels)) {
      const detail = "`selector` does not match template `labels`";
      errors.push(invalid("spec.template.metadata.labels", labels ?? null, detail));
    }
    validateLastingTemplate(template, "ReplicationController", "spec.template", errors);
    return errors;
  },
  validateStatusUpdate({ status }) {
    const errors: FieldError[] = [];
    const parts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
    validateReplicaCounts({ ...status }, parts, "readyReplicas", errors);
    return errors;
  },
  defaults(controller) {
    controller.spec ??= {};
    const { spec } = controller;
    spec.replicas ??= 1;
    if (spec.template) defaultPodTemplate(spec.template);
    const labels = spec.template?.metadata?.labels;
    if (!labels) return;
    if (isEmpty(spec.selector)) spec.selector = { ...labels };
    controller.metadata ??= {};
    if (isEmpty(controller.metadata.labels)) controller.metadata.labels = { ...labels };
  },
  prepareForCreate(controller) {
    controller.status = { replicas: 0 };
  },
  scale: { specReplicas: ".spec.replicas", statusReplicas: ".status.replicas", selector: ".spec.selector" },
  selectableFields: { "status.replicas": (controller) => String(controller.status?.replicas ?? 0) },
});

function isEmpty(labels: Record<string, string> | undefined): boolean {
  return !labels || Object.keys(labels).length === 0;
}
