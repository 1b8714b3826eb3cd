import { replicationControllers } from "../../resource-types.ts";
import type { ReplicationController } from "../../types/core.v1.ts";
import { define } from "../define.ts";

export const replicationController = define<ReplicationController>({
  type: replicationControllers,
  singular: "replicationcontroller",
  shortNames: ["rc"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
  defaultPropagation: "Orphan",
  scale: { specReplicas: ".spec.replicas", statusReplicas: ".status.replicas", selector: ".spec.selector" },
  selectableFields: { "status.replicas": (controller) => String(controller.status?.replicas ?? 0) },
});
