import { isTolerated } from "../../api/taints.ts";
import type { Plugin } from "../framework.ts";

const TAINT = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

/** A cordoned node takes only pods that tolerate it. */
export const nodeUnschedulable: Plugin = {
  name: "NodeUnschedulable",
  filter: ({ pod }, { node }) =>
    node!.spec?.unschedulable && !isTolerated(TAINT, pod.spec?.tolerations)
      ? { plugin: "NodeUnschedulable", reasons: ["node(s) were unschedulable"], unresolvable: true }
      : undefined,
  wakes: (_, event) =>
    (event.kind === "node-added" || event.kind === "node-updated") && !event.node.node?.spec?.unschedulable,
};
