import { replicaSets } from "../../resource-types.ts";
import type { ReplicaSet, ReplicaSetSpec } from "../../types/apps.v1.ts";
import { ageColumn, column, containerColumns, nameColumn, selectorText, wideColumn } from "../columns.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { define } from "../define.ts";

export const replicaSet = define<ReplicaSet>({
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
