import { deployments } from "../../resource-types.ts";
import type { Deployment } from "../../types/apps.v1.ts";
import { define } from "../define.ts";

export const deployment = define<Deployment>({
  type: deployments,
  singular: "deployment",
  shortNames: ["deploy"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
  scale: { specReplicas: ".spec.replicas", statusReplicas: ".status.replicas", selector: ".spec.selector" },
});
