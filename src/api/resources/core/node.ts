import { nodes } from "../../resource-types.ts";
import type { Node } from "../../types/core.v1.ts";
import { define } from "../define.ts";

export const node = define<Node>({
  type: nodes,
  singular: "node",
  shortNames: ["no"],
  hasStatus: true,
  generation: false,
  selectableFields: { "spec.unschedulable": (node) => String(node.spec?.unschedulable === true) },
});
