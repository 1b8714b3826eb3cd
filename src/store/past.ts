import { compareBytes } from "../base/sorted-map.ts";

/**
 * Reading the past as the present with the later changes undone. History is short (compaction keeps some minutes), so
 * undoing it costs less than indexing every version, and nothing extra per write.
 *
 * Example: live holds a@7 and c@3; the events after revision 4 are `b@2 deleted` (5), `a@1 → a@6`, `a@6 → a@7`. The first
 * event of each key tells what was there at revision 4: the past is {a: a@1, b: b@2}, and a scan gives a@1, b@2, c@3.
 */
export type Past<V> = Map<string, V | undefined>;

/** The present: a SortedMap, or a table that can do the same. */
export interface Ordered<V> {
  get(key: string): V | undefined;
  scan(from: string, to: string | undefined, visit: (value: V, key: string) => boolean | undefined): void;
  count(from: string, to: string | undefined): number;
}

/** What `changes` (all those after a revision, in order) have to say about that revision. */
export function rewind<V>(changes: Iterable<{ key: string; previous: V | undefined }>): Past<V> {
  const past: Past<V> = new Map();
  for (const { key, previous } of changes) if (!past.has(key)) past.set(key, previous);
  return past;
}

/** Like Ordered.scan, over `live` as it was in the past. */
export function scanPast<V>(
  live: Ordered<V>,
  past: Past<V>,
  from: string,
  to: string | undefined,
  visit: (value: V, key: string) => boolean | undefined,
): void {
  if (past.size === 0) {
    live.scan(from, to, visit);
    return;
  }
  const changed = keysBetween(past, from, to).sort(compareBytes);
  let next = 0;
  /** Visits the changed keys before `key`; false where the visitor has had enough. */
  const visitChangedBefore = (key: string | undefined): boolean => {
    while (next < changed.length && (key === undefined || compareBytes(changed[next]!, key) < 0)) {
      const value = past.get(changed[next]!);
      if (value !== undefined && visit(value, changed[next]!) === false) return false;
      next++;
    }
    return true;
  };
  let more = true;
  live.scan(from, to, (value, key) => {
    more = visitChangedBefore(key);
    if (!more) return false;
    if (changed[next] === key) return undefined; // visited as a changed key, next time round
    more = visit(value, key) !== false;
    return more;
  });
  if (more) visitChangedBefore(undefined);
}

/** Like Ordered.count, over `live` as it was in the past. */
export function countPast<V>(live: Ordered<V>, past: Past<V>, from: string, to: string | undefined): number {
  let count = live.count(from, to);
  for (const key of keysBetween(past, from, to)) {
    const now = live.get(key) !== undefined;
    const then = past.get(key) !== undefined;
    count += Number(then) - Number(now);
  }
  return count;
}

const keysBetween = (past: Past<unknown>, from: string, to: string | undefined): string[] =>
  [...past.keys()].filter((key) => compareBytes(key, from) >= 0 && (to === undefined || compareBytes(key, to) < 0));
