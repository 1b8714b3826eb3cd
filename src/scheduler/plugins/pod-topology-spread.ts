import { type Selector, selectorOf } from "../../api/label-selector.ts";
import { matchesRequiredNodeAffinity } from "../../api/node-affinity.ts";
import { findUntolerated, keepsPodsAway } from "../../api/taints.ts";
import type { Pod, TopologySpreadConstraint } from "../../api/types/core.v1.ts";
import { MAX_SCORE, type Plugin, type Snapshot } from "../framework.ts";
import type { NodeInfo } from "../node-info.ts";

interface Constraint {
  readonly spec: TopologySpreadConstraint;
  readonly selector: Selector;
  readonly matchesSelf: boolean;
  /** Matching pods per topology value, over the nodes that count. */
  readonly counts: Map<string, number>;
  readonly lowest: number;
}

interface State {
  readonly hard: readonly Constraint[];
  readonly soft: readonly Constraint[];
}

/** `topologySpreadConstraints`: DoNotSchedule filters, ScheduleAnyway scores (KEP-895, KEP-3022, KEP-3094). */
export const podTopologySpread: Plugin<State> = {
  name: "PodTopologySpread",
  weight: 2,
  prepare({ pod }, snapshot) {
    const all = (pod.spec?.topologySpreadConstraints ?? []).map(
      (spec) => [spec, constraint(spec, pod, snapshot)] as const,
    );
    return {
      state: {
        hard: all.filter(([spec]) => spec.whenUnsatisfiable === "DoNotSchedule").map(([, ready]) => ready),
        soft: all.filter(([spec]) => spec.whenUnsatisfiable === "ScheduleAnyway").map(([, ready]) => ready),
      },
    };
  },
  filter(_, { node }, { hard }) {
    for (const { spec, counts, lowest, matchesSelf } of hard) {
      const value = node!.metadata?.labels?.[spec.topologyKey];
      if (value === undefined) {
        return {
          plugin: "PodTopologySpread",
          reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
          unresolvable: true,
        };
      }
      if ((counts.get(value) ?? 0) + (matchesSelf ? 1 : 0) - lowest > spec.maxSkew) {
        return { plugin: "PodTopologySpread", reasons: ["node(s) didn't match pod topology spread constraints"] };
      }
    }
    return undefined;
  },
  score(_, nodes, { soft }) {
    if (soft.length === 0) return undefined;
    const raw = nodes.map(({ node }) => {
      let sum = 0;
      for (const { spec, counts } of soft) {
        const value = node!.metadata?.labels?.[spec.topologyKey];
        if (value === undefined) return undefined;
        sum += (counts.get(value) ?? 0) * Math.log(counts.size + 2) + (spec.maxSkew - 1);
      }
      return Math.round(sum);
    });
    const known = raw.filter((score) => score !== undefined);
    const [lowest, highest] = [Math.min(...known), Math.max(...known)];
    return raw.map((score) => {
      if (score === undefined) return 0;
      return highest === 0 ? MAX_SCORE : Math.trunc((MAX_SCORE * (highest + lowest - score)) / highest);
    });
  },
  wakes: (_, event) => event.kind !== "volume-changed",
};

function constraint(spec: TopologySpreadConstraint, pod: Pod, snapshot: Snapshot): Constraint {
  const labels = pod.metadata?.labels ?? {};
  const keys = Object.fromEntries(
    (spec.matchLabelKeys ?? []).flatMap((key) => (key in labels ? [[key, labels[key]!]] : [])),
  );
  const base = selectorOf(spec.labelSelector);
  const also = Object.entries(keys);
  const selector: Selector = {
    ...base,
    matches: (candidate) => base.matches(candidate) && also.every(([key, value]) => candidate?.[key] === value),
  };
  const counts = new Map<string, number>();
  for (const node of snapshot.nodes) {
    const value = node.node!.metadata?.labels?.[spec.topologyKey];
    if (value === undefined || !included(spec, pod, node)) continue;
    let matching = 0;
    for (const { pod: other } of node.pods.values()) {
      if (other.metadata!.namespace !== pod.metadata!.namespace || other.metadata!.deletionTimestamp) continue;
      if (selector.matches(other.metadata!.labels ?? {})) matching++;
    }
    counts.set(value, (counts.get(value) ?? 0) + matching);
  }
  const enough = counts.size >= (spec.minDomains ?? 1);
  const lowest = enough && counts.size > 0 ? Math.min(...counts.values()) : 0;
  return { spec, selector, counts, lowest, matchesSelf: selector.matches(labels) };
}

/** Whether the node's topology counts: by default only nodes that the pod's affinity allows, whatever their taints. */
function included(spec: TopologySpreadConstraint, pod: Pod, { node }: NodeInfo): boolean {
  if ((spec.nodeAffinityPolicy ?? "Honor") === "Honor" && !matchesRequiredNodeAffinity(pod.spec!, node!)) return false;
  if (spec.nodeTaintsPolicy === "Honor" && findUntolerated(node!.spec?.taints, pod.spec?.tolerations, keepsPodsAway))
    return false;
  return true;
}
