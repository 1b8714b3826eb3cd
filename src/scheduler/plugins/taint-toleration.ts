import { findUntolerated, isTolerated, keepsPodsAway } from "../../api/taints.ts";
import type { Plugin } from "../framework.ts";

/** Taints that the pod does not tolerate keep it away (NoSchedule, NoExecute) or count against the node (PreferNoSchedule). */
export const taintToleration: Plugin = {
  name: "TaintToleration",
  weight: 3,
  normalize: "lowest-best",
  filter({ pod }, { node }) {
    const taint = findUntolerated(node!.spec?.taints, pod.spec?.tolerations, keepsPodsAway);
    if (!taint) return undefined;
    return {
      plugin: "TaintToleration",
      reasons: ["node(s) had untolerated taint(s)"],
      unresolvable: true,
    };
  },
  score({ pod }, nodes) {
    const tolerations = (pod.spec?.tolerations ?? []).filter(({ effect }) => !effect || effect === "PreferNoSchedule");
    return nodes.map(
      ({ node }) =>
        (node!.spec?.taints ?? []).filter(
          (taint) => taint.effect === "PreferNoSchedule" && !isTolerated(taint, tolerations),
        ).length,
    );
  },
  wakes: (pod, event) =>
    (event.kind === "node-added" || event.kind === "node-updated") &&
    !findUntolerated(event.node.node?.spec?.taints, pod.spec?.tolerations, keepsPodsAway),
};
