import { selectorOf } from "../api/label-selector.ts";
import type { Pod } from "../api/types/core.v1.ts";
import type { PodDisruptionBudget } from "../api/types/policy.v1.ts";
import { countReasons, type Decision, filterNode, prepare } from "./algorithm.ts";
import type { Plugin, Snapshot } from "./framework.ts";
import type { NodeInfo, PodInfo } from "./node-info.ts";

/** A node that would take the pod once `victims` are gone, or why none would. */
export type PreemptionPlan =
  | { readonly node: string; readonly victims: readonly Pod[] }
  | { readonly node: undefined; readonly message: string };

const priorityOf = (pod: Pod) => pod.spec?.priority ?? 0;
const startOf = (pod: Pod) => pod.status?.startTime ?? pod.metadata?.creationTimestamp ?? "";

interface Candidate {
  readonly node: string;
  readonly victims: readonly Pod[];
  /** How many of them a disruption budget protects. */
  readonly violations: number;
}

/**
 * Finds the node where evicting pods of lower priority hurts least: fewest broken disruption budgets, then the lowest
 * highest priority, the smallest sum of priorities, the fewest victims, the latest start of the most important one.
 */
export function planPreemption(
  pod: PodInfo,
  decision: Extract<Decision, { node: undefined }>,
  snapshot: Snapshot,
  plugins: readonly Plugin[],
  budgets: readonly PodDisruptionBudget[],
): PreemptionPlan {
  const total = snapshot.nodes.length;
  const refuse = (reasons: readonly string[]): PreemptionPlan => ({
    node: undefined,
    message: `preemption: 0/${total} nodes are available: ${countReasons(reasons)}.`,
  });
  if (pod.pod.spec?.preemptionPolicy === "Never")
    return { node: undefined, message: "preemption: not eligible due to preemptionPolicy=Never." };
  const unhelpful = "Preemption is not helpful for scheduling";
  if (decision.cluster) return refuse(snapshot.nodes.map(() => unhelpful));
  const nominated = pod.pod.status?.nominatedNodeName;
  const leaving = nominated && snapshot.node(nominated);
  if (
    leaving &&
    [...leaving.pods.values()].some(
      ({ pod: other }) => other.metadata?.deletionTimestamp && priorityOf(other) < priorityOf(pod.pod),
    )
  ) {
    return { node: undefined, message: "preemption: not eligible due to terminating pod on the nominated node." };
  }
  const reasons: string[] = [];
  const candidates: Candidate[] = [];
  for (const node of snapshot.nodes) {
    const name = node.node!.metadata!.name!;
    if (decision.rejections.get(name)?.unresolvable) {
      reasons.push(unhelpful);
      continue;
    }
    const candidate = victimsOn(pod, node, snapshot, plugins, budgets);
    if (candidate) candidates.push({ node: name, ...candidate });
    else reasons.push("No preemption victims found for incoming pod");
  }
  if (candidates.length === 0) return refuse(reasons);
  candidates.sort(compare);
  return candidates[0]!;
}

/** The fewest pods of lower priority that must leave; undefined where even all of them would not be enough. */
function victimsOn(
  pod: PodInfo,
  node: NodeInfo,
  snapshot: Snapshot,
  plugins: readonly Plugin[],
  budgets: readonly PodDisruptionBudget[],
): Omit<Candidate, "node"> | undefined {
  const lower = [...node.pods.values()].filter(({ pod: other }) => priorityOf(other) < priorityOf(pod.pod));
  if (lower.length === 0) return undefined;
  const trial = node.clone();
  const name = node.node!.metadata!.name!;
  const hypothetical: Snapshot = {
    ...snapshot,
    nodes: snapshot.nodes.map((other) => (other === node ? trial : other)),
    node: (wanted) => (wanted === name ? trial : snapshot.node(wanted)),
  };
  const fits = () => {
    const prepared = prepare(pod, hypothetical, plugins);
    return "plugins" in prepared && filterNode(pod, trial, prepared) === undefined;
  };
  for (const info of lower) trial.remove(info.pod.metadata!.uid!);
  if (!fits()) return undefined;
  // Let as many stay as can, the most important first, those under a budget before the others.
  const allowed = new Map(budgets.map((budget) => [budget, budget.status?.disruptionsAllowed ?? 0]));
  const important = [...lower].sort(
    (a, b) => priorityOf(b.pod) - priorityOf(a.pod) || (startOf(a.pod) < startOf(b.pod) ? -1 : 1),
  );
  const isProtected = new Map(important.map((info) => [info, breaksBudget(info.pod, allowed)]));
  const victims: PodInfo[] = [];
  for (const info of [
    ...important.filter((one) => isProtected.get(one)),
    ...important.filter((one) => !isProtected.get(one)),
  ]) {
    trial.add(info);
    if (fits()) continue;
    trial.remove(info.pod.metadata!.uid!);
    victims.push(info);
  }
  victims.sort((a, b) => priorityOf(b.pod) - priorityOf(a.pod));
  return {
    victims: victims.map((info) => info.pod),
    violations: victims.filter((info) => isProtected.get(info)).length,
  };
}

/** Counts the pod against the budgets that cover it; true where one of them is used up. */
function breaksBudget(pod: Pod, allowed: Map<PodDisruptionBudget, number>): boolean {
  let broken = false;
  for (const [budget, left] of allowed) {
    if (budget.metadata?.namespace !== pod.metadata?.namespace) continue;
    const selector = selectorOf(budget.spec?.selector);
    if (selector.empty || !selector.matches(pod.metadata?.labels ?? {})) continue;
    if (budget.status?.disruptedPods && pod.metadata!.name! in budget.status.disruptedPods) continue;
    allowed.set(budget, left - 1);
    if (left <= 0) broken = true;
  }
  return broken;
}

function compare(a: Candidate, b: Candidate): number {
  const top = (candidate: Candidate) => Math.max(...candidate.victims.map(priorityOf));
  const sum = (candidate: Candidate) => candidate.victims.reduce((total, victim) => total + priorityOf(victim), 0);
  const start = (candidate: Candidate) => {
    const highest = top(candidate);
    return candidate.victims
      .filter((victim) => priorityOf(victim) === highest)
      .map(startOf)
      .sort()[0]!;
  };
  return (
    a.violations - b.violations ||
    top(a) - top(b) ||
    sum(a) - sum(b) ||
    a.victims.length - b.victims.length ||
    (start(a) === start(b) ? 0 : start(a) > start(b) ? -1 : 1)
  );
}
