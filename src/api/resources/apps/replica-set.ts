import { semanticEqual } from "../../json-equal.ts";
import type { FieldError } from "../../resource-definition.ts";
import { replicaSets } from "../../resource-types.ts";
import type { ReplicaSet, ReplicaSetSpec } from "../../types/apps.v1.ts";
import { ageColumn, column, containerColumns, nameColumn, selectorText, wideColumn } from "../columns.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { workloadWarnings } from "../core/pod-warnings.ts";
import { define } from "../define.ts";
import { invalid } from "../field-errors.ts";
import { IMMUTABLE, validateNonNegative } from "../value-checks.ts";
import {
  validateLastingTemplate,
  validateReplicaCounts,
  validateTemplateLabels,
  validateWorkloadSelector,
} from "./selector-checks.ts";

export const replicaSet = define<ReplicaSet>({
  warnings: (object, old) => workloadWarnings(object, old, object.spec?.template),
  type: replicaSets,
  singular: "replicaset",
  shortNames: ["rs"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
  columns: [
    nameColumn,
    column("Desired", "How many replicas are wanted.", (set) => set.spec?.replicas ?? 0, "integer"),
    column("Current", "How many replicas there are.", (set) => set.status?.replicas ?? 0, "integer"),
    column("Ready", "How many replicas are ready.", (set) => set.status?.readyReplicas ?? 0, "integer"),
    ageColumn,
    ...containerColumns<ReplicaSet>((set) => set.spec?.template),
    wideColumn("Selector", "Labels of the pods that belong to it.", (set) => selectorText(set.spec?.selector)),
  ],
  validate({ spec }) {
    const errors: FieldError[] = [];
    const { selector, template, replicas, minReadySeconds } = spec!;
    validateNonNegative(replicas, "spec.replicas", errors);
    validateNonNegative(minReadySeconds, "spec.minReadySeconds", errors);
    validateWorkloadSelector(selector, "deployment", "spec.selector", errors);
    validateTemplateLabels(selector, template, "spec.template", errors);
    validateLastingTemplate(template, "ReplicaSet", "spec.template", errors);
    return errors;
  },
  validateUpdate(set, old) {
    if (semanticEqual(set.spec?.selector, old.spec?.selector)) return [];
    return [invalid("spec.selector", set.spec?.selector ?? null, IMMUTABLE)];
  },
  validateStatusUpdate({ status }) {
    const errors: FieldError[] = [];
    const parts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
    validateReplicaCounts({ ...status }, parts, "readyReplicas", errors);
    return errors;
  },
  defaults(set) {
    set.spec ??= {} as ReplicaSetSpec;
    const { spec } = set;
    spec.replicas ??= 1;
    spec.template ??= {};
    defaultPodTemplate(spec.template);
  },
  prepareForCreate(set) {
    set.status = { replicas: 0 };
  },
  scale: { specReplicas: ".spec.replicas", statusReplicas: ".status.replicas", selector: ".spec.selector" },
});
