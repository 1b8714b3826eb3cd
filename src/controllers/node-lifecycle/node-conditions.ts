import type { Node, NodeCondition } from "../../api/types/core.v1.ts";
import { time } from "../../client/timestamps.ts";

const REPORTED = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/** The node with all that its kubelet reports turned to Unknown; the same object where it is so already. */
export function withUnknownConditions(node: Node, now: number): Node {
  const conditions = node.status?.conditions ?? [];
  let changed = false;
  const next = conditions.map((condition): NodeCondition => {
    if (!REPORTED.includes(condition.type) || condition.status === "Unknown") return condition;
    changed = true;
    return {
      ...condition,
      status: "Unknown",
      reason: "NodeStatusUnknown",
      message: "Kubelet stopped posting node status.",
      lastTransitionTime: time(now),
    };
  });
  for (const type of REPORTED) {
    if (conditions.some((condition) => condition.type === type)) continue;
    changed = true;
    next.push({
      type,
      status: "Unknown",
      reason: "NodeStatusNeverUpdated",
      message: "Kubelet never posted node status.",
      lastHeartbeatTime: node.metadata?.creationTimestamp,
      lastTransitionTime: time(now),
    });
  }
  return changed ? { ...node, status: { ...node.status, conditions: next } } : node;
}
