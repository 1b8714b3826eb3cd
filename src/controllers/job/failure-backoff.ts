import type { Pod } from "../../api/types/core.v1.ts";
import { finishedAt } from "./job-pods.ts";

/** How often a Job's pods failed since one last succeeded, and when last. */
export interface FailureRecord {
  readonly failures: number;
  readonly lastFailureMs: number;
}

const FIRST_MS = 10_000;
const LONGEST_MS = 600_000;

/** The wait that is left after `failures` in a row, the last at `lastFailureMs`: 10 s, doubled each time, 10 min at most. */
export function waitAfterFailures({ failures, lastFailureMs }: FailureRecord, now: number): number {
  if (failures <= 0) return 0;
  return Math.max(0, lastFailureMs + Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 1)) - now);
}

/** The record after these pods have ended, too. */
export function recordOutcomes(
  record: FailureRecord | undefined,
  succeeded: readonly Pod[],
  failed: readonly Pod[],
  now: number,
): FailureRecord {
  const before = record ?? { failures: 0, lastFailureMs: 0 };
  const at = (pod: Pod) => finishedAt(pod, now);
  const lastSuccess = Math.max(Number.NEGATIVE_INFINITY, ...succeeded.map(at));
  const since = failed.map(at).filter((time) => time > lastSuccess);
  const failures = (succeeded.length > 0 ? 0 : before.failures) + since.length;
  return { failures, lastFailureMs: since.length > 0 ? Math.max(...since) : before.lastFailureMs };
}
