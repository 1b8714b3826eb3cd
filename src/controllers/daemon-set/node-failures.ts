import type { Clock } from "../../base/clock.ts";

const FIRST_MS = 1000;
const LONGEST_MS = 900_000;

/** How long to wait before a daemon that failed on a node is replaced there: 1 s, doubled each time, 15 min at most. */
export interface NodeFailures {
  /** In ms; 0 where nothing has to be waited for. */
  waitOn(set: string, node: string): number;
  failedOn(set: string, node: string): void;
  forget(set: string): void;
}

export function nodeFailures(clock: Clock): NodeFailures {
  const sets = new Map<string, Map<string, { backoff: number; until: number }>>();
  return {
    waitOn: (set, node) => Math.max(0, (sets.get(set)?.get(node)?.until ?? 0) - clock.monotonic()),
    failedOn(set, node) {
      const nodes = sets.get(set) ?? new Map<string, { backoff: number; until: number }>();
      sets.set(set, nodes);
      const now = clock.monotonic();
      const before = nodes.get(node);
      // A long time without failure makes up for all that was.
      const forgiven = before === undefined || now - before.until > 2 * LONGEST_MS;
      const backoff = forgiven ? FIRST_MS : Math.min(LONGEST_MS, before.backoff * 2);
      nodes.set(node, { backoff, until: now + backoff });
    },
    forget: (set) => void sets.delete(set),
  };
}
