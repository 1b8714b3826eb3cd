import { jsonEqual } from "../../json-equal.ts";
import type { TableColumn } from "../../resource-definition.ts";
import { daemonSets } from "../../resource-types.ts";
import type { DaemonSet, DaemonSetSpec } from "../../types/apps.v1.ts";
import { ageColumn, column, containerColumns, formatLabels, nameColumn, selectorText, wideColumn } from "../columns.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { define } from "../define.ts";

export const daemonSet = define<DaemonSet>({
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
