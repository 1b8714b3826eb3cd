import type { Pod } from "../../api/types/core.v1.ts";
import type { Plugin, Snapshot } from "../framework.ts";
import type { NodeInfo, PodInfo } from "../node-info.ts";
import { type PodTerm, podTerm } from "./pod-selection.ts";

/** How many matching pods there are per topology value, `key=value`. */
type TopologyCounts = Map<string, number>;

interface State {
  readonly snapshot: Snapshot;
  readonly affinity: readonly PodTerm[];
  readonly antiAffinity: readonly PodTerm[];
  readonly affinityCounts: TopologyCounts;
  readonly antiAffinityCounts: TopologyCounts;
  /** Topology values that pods already placed want to keep this one away from. */
  readonly repelled: TopologyCounts;
  readonly matchesOwnTerms: boolean;
}

/** Required and preferred pod affinity and anti-affinity, of the pod and of those already placed. */
export const interPodAffinity: Plugin<State> = {
  name: "InterPodAffinity",
  weight: 2,
  prepare(info, snapshot) {
    const { pod } = info;
    const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
    const affinity = (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) =>
      podTerm(term, pod),
    );
    const antiAffinity = (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) =>
      podTerm(term, pod),
    );
    const affinityCounts: TopologyCounts = new Map();
    const antiAffinityCounts: TopologyCounts = new Map();
    const repelled: TopologyCounts = new Map();
    for (const node of snapshot.nodes) {
      if (affinity.length + antiAffinity.length > 0) {
        for (const { pod: other } of node.pods.values()) {
          // All required terms must match the same pod, each counted in its own topology.
          if (affinity.length > 0 && affinity.every((term) => term.matches(other, snapshot))) {
            for (const term of affinity) count(affinityCounts, node, term.topologyKey);
          }
          for (const term of antiAffinity)
            if (term.matches(other, snapshot)) count(antiAffinityCounts, node, term.topologyKey);
        }
      }
      for (const { pod: other } of node.podsWithAffinity) {
        for (const required of other.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ??
          []) {
          const term = podTerm(required, other);
          if (term.matches(pod, snapshot)) count(repelled, node, term.topologyKey);
        }
      }
    }
    const matchesOwnTerms = affinity.length > 0 && affinity.every((term) => term.matches(pod, snapshot));
    return {
      state: { snapshot, affinity, antiAffinity, affinityCounts, antiAffinityCounts, repelled, matchesOwnTerms },
    };
  },
  filter(_, node, state) {
    const reject = (reason: string, unresolvable = false) => ({
      plugin: "InterPodAffinity",
      reasons: [reason],
      ...(unresolvable ? { unresolvable } : {}),
    });
    const labelled = state.affinity.every(({ topologyKey }) => topologyValue(node, topologyKey) !== undefined);
    const placed = state.affinity.every(
      ({ topologyKey }) => (state.affinityCounts.get(topologyId(node, topologyKey)) ?? 0) > 0,
    );
    // The first of a group that wants to be together may start it anywhere.
    const first = state.affinityCounts.size === 0 && state.matchesOwnTerms;
    if (state.affinity.length > 0 && !(labelled && (placed || first))) {
      return reject("node(s) didn't match pod affinity rules", true);
    }
    if (
      state.antiAffinity.some(
        ({ topologyKey }) => (state.antiAffinityCounts.get(topologyId(node, topologyKey)) ?? 0) > 0,
      )
    ) {
      return reject("node(s) didn't match pod anti-affinity rules");
    }
    for (const key of state.repelled.keys()) {
      if (topologyId(node, key.slice(0, key.indexOf("="))) === key) {
        return reject("node(s) didn't satisfy existing pods anti-affinity rules");
      }
    }
    return undefined;
  },
  score(info, nodes, _, snapshot) {
    const weights = preferences(info, snapshot);
    if (weights.size === 0) return undefined;
    const raw = nodes.map((node) => {
      let sum = 0;
      for (const [id, weight] of weights) if (topologyId(node, id.slice(0, id.indexOf("="))) === id) sum += weight;
      return sum;
    });
    const [lowest, highest] = [Math.min(...raw), Math.max(...raw)];
    return raw.map((score) => (highest === lowest ? 0 : Math.trunc((100 * (score - lowest)) / (highest - lowest))));
  },
  wakes: (_, event) => event.kind !== "volume-changed",
};

/** What being in each topology is worth: the pod's own preferences, and those of pods already placed about it. */
function preferences({ pod }: PodInfo, snapshot: Snapshot): TopologyCounts {
  const weights: TopologyCounts = new Map();
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  const own = [
    ...(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => ({ ...term, sign: 1 })),
    ...(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => ({ ...term, sign: -1 })),
  ].map(({ podAffinityTerm, weight, sign }) => ({ term: podTerm(podAffinityTerm, pod), weight: weight * sign }));
  for (const node of snapshot.nodes) {
    if (own.length > 0) {
      for (const { pod: other } of node.pods.values()) {
        for (const { term, weight } of own)
          if (term.matches(other, snapshot)) count(weights, node, term.topologyKey, weight);
      }
    }
    for (const { pod: other } of node.podsWithAffinity) {
      for (const { term, weight } of termsAboutOthers(other)) {
        if (term.matches(pod, snapshot)) count(weights, node, term.topologyKey, weight);
      }
    }
  }
  return weights;
}

/** A placed pod's required affinity counts as much as a preference of weight 1, as upstream's default does. */
function termsAboutOthers(pod: Pod): { term: PodTerm; weight: number }[] {
  const { podAffinity, podAntiAffinity } = pod.spec!.affinity!;
  return [
    ...(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => ({
      term: podTerm(term, pod),
      weight: 1,
    })),
    ...(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm, weight }) => ({
      term: podTerm(podAffinityTerm, pod),
      weight,
    })),
    ...(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm, weight }) => ({
      term: podTerm(podAffinityTerm, pod),
      weight: -weight,
    })),
  ];
}

const topologyValue = (node: NodeInfo, key: string) => node.node?.metadata?.labels?.[key];
const topologyId = (node: NodeInfo, key: string) => `${key}=${topologyValue(node, key) ?? ""}`;
function count(counts: TopologyCounts, node: NodeInfo, key: string, by = 1): void {
  if (topologyValue(node, key) === undefined) return;
  const id = topologyId(node, key);
  counts.set(id, (counts.get(id) ?? 0) + by);
}
