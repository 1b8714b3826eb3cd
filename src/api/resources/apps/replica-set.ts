import { replicaSets } from "../../resource-types.ts";
import type { ReplicaSet, ReplicaSetSpec } from "../../types/apps.v1.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { define } from "../define.ts";

export const replicaSet = define<ReplicaSet>({
  type: replicaSets,
  singular: "replicaset",
  shortNames: ["rs"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
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
  selectableFields: { "status.replicas": (set) => String(set.status?.replicas ?? 0) },
});
