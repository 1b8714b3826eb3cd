import { jsonEqual } from "../../json-equal.ts";
import { daemonSets } from "../../resource-types.ts";
import type { DaemonSet, DaemonSetSpec } from "../../types/apps.v1.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { define } from "../define.ts";

export const daemonSet = define<DaemonSet>({
  type: daemonSets,
  singular: "daemonset",
  shortNames: ["ds"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
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
