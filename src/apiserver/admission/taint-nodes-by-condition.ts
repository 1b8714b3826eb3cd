import { nodes } from "../../api/resource-types.ts";
import { sameTaint } from "../../api/taints.ts";
import type { Node, Taint } from "../../api/types/core.v1.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns, written } from "./refusal.ts";

const NOT_READY: Taint = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" };

/** TaintNodesByCondition: a new node takes no pods before the node controller has seen it ready. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: "TaintNodesByCondition",
  handles: (attributes) => attributes.operation === "CREATE" && concerns(attributes, nodes),
  admit(attributes) {
    const node = written<Node>(attributes);
    const taints = node.spec?.taints ?? [];
    if (taints.some((taint) => sameTaint(taint, NOT_READY))) return;
    node.spec = { ...node.spec, taints: [...taints, { ...NOT_READY }] };
  },
};
