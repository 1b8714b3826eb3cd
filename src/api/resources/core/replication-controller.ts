import { replicationControllers } from "../../resource-types.ts";
import type { ReplicationController } from "../../types/core.v1.ts";
import { define } from "../define.ts";
import { defaultPodTemplate } from "./pod-defaults.ts";

export const replicationController = define<ReplicationController>({
  type: replicationControllers,
  singular: "replicationcontroller",
  shortNames: ["rc"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
  defaultPropagation: "Orphan",
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
