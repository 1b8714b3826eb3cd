import { jsonEqual, semanticEqual } from "../../json-equal.ts";
import type { FieldError, TableColumn } from "../../resource-definition.ts";
import { daemonSets } from "../../resource-types.ts";
import type { DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy } from "../../types/apps.v1.ts";
import { ageColumn, column, containerColumns, formatLabels, nameColumn, selectorText, wideColumn } from "../columns.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { templateWarnings } from "../core/pod-warnings.ts";
import { define } from "../define.ts";
import { child, invalid, notSupported, required } from "../field-errors.ts";
import { isEmptySelector, validateLabelSelector } from "../label-checks.ts";
import {
  IMMUTABLE,
  isZeroIntOrPercent,
  validateNonNegative,
  validateNonNegativeIntOrPercent,
  validateNotOver100Percent,
} from "../value-checks.ts";
import { validateLastingTemplate, validateTemplateLabels } from "./selector-checks.ts";

export const daemonSet = define<DaemonSet>({
  warnings({ metadata, spec }, old) {
    return metadata?.generation === old?.metadata?.generation && old
      ? []
      : templateWarnings(spec?.template, "spec.template");
  },
  type: daemonSets,
  singular: "daemonset",
  shortNames: ["ds"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
  columns: [
    nameColumn,
    count("Desired", "How many nodes should run the pod.", "desiredNumberScheduled"),
    count("Current", "How many nodes that should run the pod do.", "currentNumberScheduled"),
    count("Ready", "How many of them have a ready pod.", "numberReady"),
    count("Up-to-date", "How many nodes run the pod of the current template.", "updatedNumberScheduled"),
    count("Available", "How many nodes have a pod that is available.", "numberAvailable"),
    column("Node Selector", "Labels of the nodes that are chosen.", ({ spec }) =>
      formatLabels(spec?.template?.spec?.nodeSelector),
    ),
    ageColumn,
    ...containerColumns<DaemonSet>(({ spec }) => spec?.template),
    wideColumn("Selector", "Labels of the pods that belong to it.", ({ spec }) => selectorText(spec?.selector)),
  ],
  validate({ spec }) {
    const errors: FieldError[] = [];
    const { selector, template, updateStrategy, minReadySeconds, revisionHistoryLimit } = spec!;
    validateLabelSelector(selector, "spec.selector", errors);
    validateTemplateLabels(selector, template, "spec.template", errors);
    if (selector && isEmptySelector(selector)) {
      errors.push(invalid("spec.selector", selector, "empty selector is invalid for daemonset"));
    }
    validateLastingTemplate(template, "DaemonSet", "spec.template", errors);
    validateNonNegative(minReadySeconds, "spec.minReadySeconds", errors);
    validateUpdateStrategy(updateStrategy ?? {}, "spec.updateStrategy", errors);
    validateNonNegative(revisionHistoryLimit, "spec.revisionHistoryLimit", errors);
    return errors;
  },
  validateUpdate(set, old) {
    if (semanticEqual(set.spec?.selector, old.spec?.selector)) return [];
    return [invalid("spec.selector", set.spec?.selector ?? null, IMMUTABLE)];
  },
  validateStatusUpdate({ status }) {
    const errors: FieldError[] = [];
    for (const [name, value] of Object.entries(status ?? {})) {
      if (typeof value === "number") validateNonNegative(value, child("status", name), errors);
    }
    return errors;
  },
  defaults(set) {
    set.spec ??= {} as DaemonSetSpec;
    const { spec } = set;
    spec.updateStrategy ??= {};
    const { updateStrategy } = spec;
    updateStrategy.type ||= "RollingUpdate";
    if (updateStrategy.type === "RollingUpdate") {
      updateStrategy.rollingUpdate ??= {};
      updateStrategy.rollingUpdate.maxUnavailable ??= 1;
      updateStrategy.rollingUpdate.maxSurge ??= 0;
    }
    spec.revisionHistoryLimit ??= 10;
    spec.template ??= {};
    defaultPodTemplate(spec.template);
  },
  prepareForCreate(set) {
    set.status = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
    setTemplateGeneration(set, Math.max(1, templateGeneration(set)));
  },
  prepareForUpdate(set, old) {
    set.status = old.status;
    const before = templateGeneration(old);
    setTemplateGeneration(set, jsonEqual(set.spec?.template, old.spec?.template) ? before : before + 1);
  },
});

/** How often the template changed: a field once, kept as an annotation for clients that still read it. */
const TEMPLATE_GENERATION = "deprecated.daemonset.template.generation";

function templateGeneration(set: DaemonSet): number {
  return Number.parseInt(set.metadata?.annotations?.[TEMPLATE_GENERATION] ?? "0", 10) || 0;
}

function setTemplateGeneration(set: DaemonSet, generation: number): void {
  set.metadata ??= {};
  set.metadata.annotations = { ...set.metadata.annotations, [TEMPLATE_GENERATION]: String(generation) };
}

type Count =
  | "desiredNumberScheduled"
  | "currentNumberScheduled"
  | "numberReady"
  | "updatedNumberScheduled"
  | "numberAvailable";

function count(name: string, description: string, field: Count): TableColumn<DaemonSet> {
  return column(name, description, ({ status }) => status?.[field] ?? 0, "integer");
}

function validateUpdateStrategy(
  { type, rollingUpdate }: DaemonSetUpdateStrategy,
  path: string,
  errors: FieldError[],
): void {
  if (type === "OnDelete") return;
  const field = child(path, "rollingUpdate");
  if (type !== "RollingUpdate") {
    errors.push(notSupported(child(path, "type"), type ?? "", ["RollingUpdate", "OnDelete"]));
  } else if (!rollingUpdate) errors.push(required(field));
  else {
    const { maxUnavailable, maxSurge } = rollingUpdate;
    validateNonNegativeIntOrPercent(maxUnavailable, child(field, "maxUnavailable"), errors);
    validateNonNegativeIntOrPercent(maxSurge, child(field, "maxSurge"), errors);
    const unavailable = !isZeroIntOrPercent(maxUnavailable);
    const surge = !isZeroIntOrPercent(maxSurge);
    if (unavailable && surge) {
      errors.push(invalid(child(field, "maxSurge"), maxSurge, "may not be set when maxUnavailable is non-zero"));
    } else if (!unavailable && !surge) {
      errors.push(required(child(field, "maxUnavailable"), "cannot be 0 when maxSurge is 0"));
    }
    validateNotOver100Percent(maxUnavailable, child(field, "maxUnavailable"), errors);
    validateNotOver100Percent(maxSurge, child(field, "maxSurge"), errors);
  }
}
