import { matchesRequiredNodeAffinity, preferredNodeWeight } from "../../api/node-affinity.ts";
import type { Plugin } from "../framework.ts";

/** `nodeSelector` and node affinity: the required part filters, the preferred part scores. */
export const nodeAffinity: Plugin = {
  name: "NodeAffinity",
  weight: 2,
  normalize: "highest-best",
  filter: ({ pod }, { node }) =>
    matchesRequiredNodeAffinity(pod.spec!, node!)
      ? undefined
      : { plugin: "NodeAffinity", reasons: ["node(s) didn't match Pod's node affinity/selector"], unresolvable: true },
  score({ pod }, nodes) {
    const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution;
    return preferred?.length ? nodes.map(({ node }) => preferredNodeWeight(preferred, node!)) : undefined;
  },
  wakes: (pod, event) =>
    (event.kind === "node-added" || event.kind === "node-updated") &&
    event.node.node !== undefined &&
    matchesRequiredNodeAffinity(pod.spec!, event.node.node),
};
