import { replicaSets } from "../../resource-types.ts";
import type { ReplicaSet } from "../../types/apps.v1.ts";
import { define } from "../define.ts";

export const replicaSet = define<ReplicaSet>({
  type: replicaSets,
  singular: "replicaset",
  shortNames: ["rs"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
  scale: { specReplicas: ".spec.replicas", statusReplicas: ".status.replicas", selector: ".spec.selector" },
  selectableFields: { "status.replicas": (set) => String(set.status?.replicas ?? 0) },
});
