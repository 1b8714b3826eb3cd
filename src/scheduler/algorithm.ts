import type { Random } from "../base/random.ts";
import { normalize, type Plugin, type Rejection, type Snapshot } from "./framework.ts";
import type { NodeInfo, PodInfo } from "./node-info.ts";

/** Where a pod goes, or why nowhere. */
export type Decision =
  | { readonly node: string }
  | {
      readonly node: undefined;
      /** Why each node was refused; empty where the pod was refused for the whole cluster. */
      readonly rejections: ReadonlyMap<string, Rejection>;
      readonly cluster?: Rejection;
    };

/** The plugins with what they prepared for one pod. */
export interface Prepared {
  readonly plugins: readonly { readonly plugin: Plugin; readonly state: unknown }[];
}

/** Runs the plugins' preparation; the first that rejects the pod altogether ends it. */
export function prepare(pod: PodInfo, snapshot: Snapshot, plugins: readonly Plugin[]): Prepared | Rejection {
  const ready: { plugin: Plugin; state: unknown }[] = [];
  for (const plugin of plugins) {
    const result = plugin.prepare?.(pod, snapshot);
    if (result && "rejection" in result) return result.rejection;
    ready.push({ plugin, state: result?.state });
  }
  return { plugins: ready };
}

/** The first rejection of the node, or undefined where it will do. */
export function filterNode(pod: PodInfo, node: NodeInfo, prepared: Prepared): Rejection | undefined {
  for (const { plugin, state } of prepared.plugins) {
    const rejection = plugin.filter?.(pod, node, state);
    if (rejection) return rejection;
  }
  return undefined;
}

/** Upstream's percentage of nodes to score in large clusters: all below 100 nodes, then 50% falling to 5%. */
function enough(nodes: number): number {
  if (nodes < 100) return nodes;
  return Math.max(100, Math.trunc((nodes * Math.max(5, 50 - nodes / 125)) / 100));
}

/**
 * Chooses a node: filters, then scores, then one of the best at random. `start` is the node to begin with, so that in
 * large clusters all nodes get their turn; the number of nodes that were looked at is returned with the decision.
 */
export function decide(
  pod: PodInfo,
  snapshot: Snapshot,
  plugins: readonly Plugin[],
  random: Random,
  start = 0,
): { decision: Decision; examined: number } {
  const prepared = prepare(pod, snapshot, plugins);
  if (!("plugins" in prepared))
    return { decision: { node: undefined, rejections: new Map(), cluster: prepared }, examined: 0 };
  const rejections = new Map<string, Rejection>();
  const feasible: NodeInfo[] = [];
  const { nodes } = snapshot;
  const wanted = enough(nodes.length);
  let examined = 0;
  for (; examined < nodes.length && feasible.length < wanted; examined++) {
    const node = nodes[(start + examined) % nodes.length]!;
    const rejection = filterNode(pod, node, prepared);
    if (rejection) rejections.set(node.node!.metadata!.name!, rejection);
    else feasible.push(node);
  }
  if (feasible.length === 0) return { decision: { node: undefined, rejections }, examined };
  const best = feasible.length === 1 ? feasible[0]! : highest(pod, feasible, prepared, snapshot, random);
  return { decision: { node: best.node!.metadata!.name! }, examined };
}

function highest(
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  prepared: Prepared,
  snapshot: Snapshot,
  random: Random,
): NodeInfo {
  const totals = nodes.map(() => 0);
  for (const { plugin, state } of prepared.plugins) {
    const raw = plugin.score?.(pod, nodes, state, snapshot);
    if (!raw) continue;
    for (const [index, score] of normalize(raw, plugin.normalize).entries())
      totals[index]! += score * (plugin.weight ?? 1);
  }
  const top = Math.max(...totals);
  const best = nodes.filter((_, index) => totals[index] === top);
  return best[Math.floor(random.next() * best.length)]!;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` */
export function explain(decision: Extract<Decision, { node: undefined }>, total: number): string {
  if (total === 0) return "no nodes available to schedule pods";
  const head = `0/${total} nodes are available`;
  if (decision.cluster) return `${head}: ${decision.cluster.reasons.join(", ")}.`;
  return `${head}: ${countReasons([...decision.rejections.values()].flatMap(({ reasons }) => reasons))}.`;
}

/** Equal reasons are counted, and the counted texts sorted, as upstream does. */
export function countReasons(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(", ");
}
