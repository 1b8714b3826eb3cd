import { podRequests } from "../../api/pod-requests.ts";
import type { Pod } from "../../api/types/core.v1.ts";

/** What a pod's containers use of the resource that is short, by container. */
export type Usage = ReadonlyMap<string, number>;

/**
 * The order in which pods are evicted: first those that use more than they asked for, then by priority, then by how much
 * they are above their request. `resource` is a resource's name, or one that pods can't ask for (inodes, pids).
 */
export function rankForEviction(
  pods: readonly Pod[],
  usageOf: (pod: Pod) => Usage | undefined,
  resource: string,
): Pod[] {
  const facts = pods.map((pod) => {
    const usage = usageOf(pod);
    const used = [...(usage?.values() ?? [])].reduce((sum, one) => sum + one, 0);
    const requested = podRequests(pod)[resource] ?? 0;
    // Of a pod without figures nothing good can be said.
    return { pod, exceeds: !usage || used > requested, priority: pod.spec?.priority ?? 0, above: used - requested };
  });
  facts.sort((a, b) => Number(b.exceeds) - Number(a.exceeds) || a.priority - b.priority || b.above - a.above);
  return facts.map(({ pod }) => pod);
}
