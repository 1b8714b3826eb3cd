import type { Lease } from "../../api/types/coordination.v1.ts";
import type { Node, NodeCondition } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";

/** The condition by which a node says how it is; undefined where it never has. */
export const readyCondition = (node: Node): NodeCondition | undefined =>
  node.status?.conditions?.find((condition) => condition.type === "Ready");

/**
 * When each node was last heard of: when its lease was renewed or its Ready condition confirmed, by our own clock, since
 * the nodes' clocks may be wrong. A node that has said nothing yet counts from its creation.
 */
export interface Heartbeats {
  sawNode(node: Node): void;
  sawLease(lease: Lease): void;
  forget(name: string): void;
  /** For how long nothing was heard of a node, in ms. */
  silentFor(node: Node): number;
  /** Everybody gets the full time once more: nobody could be heard before. */
  restart(): void;
}

interface Heard {
  uid: string | undefined;
  at: number;
  heartbeat: string | undefined;
  renewed: string | undefined;
}

export function heartbeats(clock: Clock): Heartbeats {
  const heard = new Map<string, Heard>();
  const ageOf = (node: Node) => Math.max(0, clock.now() - Date.parse(node.metadata?.creationTimestamp ?? ""));

  const entryOf = (node: Node): Heard => {
    const name = node.metadata?.name ?? "";
    const uid = node.metadata?.uid;
    const present = heard.get(name);
    if (present && (present.uid === undefined || present.uid === uid)) {
      present.uid = uid;
      return present;
    }
    const ready = readyCondition(node);
    const now = clock.monotonic();
    const entry: Heard = {
      uid,
      at: ready ? now : now - (ageOf(node) || 0),
      heartbeat: ready?.lastHeartbeatTime,
      renewed: undefined,
    };
    heard.set(name, entry);
    return entry;
  };
  return {
    sawNode(node) {
      const entry = entryOf(node);
      const ready = readyCondition(node);
      // What this controller writes itself keeps the heartbeat time, so it does not pass for one.
      if (ready?.lastHeartbeatTime === entry.heartbeat) return;
      entry.heartbeat = ready?.lastHeartbeatTime;
      entry.at = clock.monotonic();
    },
    sawLease(lease) {
      const name = lease.metadata?.name ?? "";
      const renewed = lease.spec?.renewTime;
      const entry = heard.get(name);
      if (renewed === undefined || entry?.renewed === renewed) return;
      if (entry) {
        entry.at = clock.monotonic();
        entry.renewed = renewed;
      } else heard.set(name, { uid: undefined, at: clock.monotonic(), heartbeat: undefined, renewed });
    },
    forget: (name) => void heard.delete(name),
    silentFor: (node) => clock.monotonic() - entryOf(node).at,
    restart() {
      for (const entry of heard.values()) entry.at = clock.monotonic();
    },
  };
}
