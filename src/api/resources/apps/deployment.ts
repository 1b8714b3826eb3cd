import { SelectorError, selectorOf } from "../../label-selector.ts";
import { deployments } from "../../resource-types.ts";
import type { Deployment, DeploymentSpec } from "../../types/apps.v1.ts";
import { ageColumn, column, containerColumns, nameColumn, wideColumn } from "../columns.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { define } from "../define.ts";

export const deployment = define<Deployment>({
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
