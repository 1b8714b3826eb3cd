import { statefulSets } from "../../resource-types.ts";
import type { StatefulSet } from "../../types/apps.v1.ts";
import { define } from "../define.ts";

export const statefulSet = define<StatefulSet>({
  type: statefulSets,
  singular: "statefulset",
  shortNames: ["sts"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
  scale: { specReplicas: ".spec.replicas", statusReplicas: ".status.replicas", selector: ".spec.selector" },
});
