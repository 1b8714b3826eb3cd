import { daemonSets } from "../../resource-types.ts";
import type { DaemonSet } from "../../types/apps.v1.ts";
import { define } from "../define.ts";

export const daemonSet = define<DaemonSet>({
  type: daemonSets,
  singular: "daemonset",
  shortNames: ["ds"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
});
