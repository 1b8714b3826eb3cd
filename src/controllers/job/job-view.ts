import type { Job } from "../../api/types/batch.v1.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import { isActive } from "../pod-state.ts";
import { parseIndexes } from "./index-set.ts";
import {
  annotatedFailures,
  hasFailed,
  INDEX_FAILURES,
  INDEX_IGNORED_FAILURES,
  indexOf,
  isIndexed,
  isTracked,
} from "./job-pods.ts";
import { judgeFailure } from "./policies.ts";

/** How a Job stands: what its status and its pods together say. */
export interface JobView {
  readonly active: readonly Pod[];
  /** Ended, but not noted in the status yet. Failures that a policy ignores are none. */
  readonly newlySucceeded: readonly Pod[];
  readonly newlyFailed: readonly Pod[];
  /** Counted, noted and new ones together. */
  readonly succeeded: number;
  readonly failed: number;
  /** Whether failures are limited for each index (KEP-3850). */
  readonly limitsIndexes: boolean;
  readonly succeededIndexes: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
  /** Failed pods that keep an index's count of failures until another pod takes it over. */
  readonly lastOfIndex: ReadonlyMap<number, Pod>;
}

export function jobView(job: Job, pods: readonly Pod[]): JobView {
  const status = job.status ?? {};
  const { succeeded: notedSuccesses = [], failed: notedFailures = [] } = status.uncountedTerminatedPods ?? {};
  const noted = new Set([...notedSuccesses, ...notedFailures]);
  const fresh = pods.filter((pod) => isTracked(pod) && !noted.has(pod.metadata?.uid ?? ""));
  const active = pods.filter(isActive);
  const newlySucceeded = fresh.filter((pod) => pod.status?.phase === "Succeeded");
  const newlyFailed = fresh.filter((pod) => hasFailed(job, pod) && judgeFailure(job, pod).action !== "Ignore");
  const indexed = isIndexed(job);
  const limit = indexed ? job.spec?.backoffLimitPerIndex : undefined;
  const completions = job.spec?.completions ?? 0;
  const succeededIndexes = parseIndexes(status.completedIndexes, completions);
  if (indexed) {
    for (const pod of newlySucceeded) {
      const index = indexOf(job, pod);
      if (index !== undefined) succeededIndexes.add(index);
    }
  }
  const failedIndexes = parseIndexes(status.failedIndexes, completions);
  const failedHere = limit === undefined ? [] : fresh.filter((pod) => hasFailed(job, pod));
  for (const pod of failedHere) {
    const index = indexOf(job, pod);
    const { action } = judgeFailure(job, pod);
    const exhausted = annotatedFailures(pod, INDEX_FAILURES) >= limit!;
    const fails = action === "FailIndex" || (action !== "Ignore" && exhausted);
    if (index !== undefined && fails) failedIndexes.add(index);
  }
  const busy = new Set(active.map((pod) => indexOf(job, pod)));
  const settled = (index: number) => busy.has(index) || succeededIndexes.has(index) || failedIndexes.has(index);
  return {
    active,
    newlySucceeded,
    newlyFailed,
    succeeded: indexed
      ? succeededIndexes.size
      : (status.succeeded ?? 0) + notedSuccesses.length + newlySucceeded.length,
    failed: (status.failed ?? 0) + notedFailures.length + newlyFailed.length,
    limitsIndexes: limit !== undefined,
    succeededIndexes,
    failedIndexes,
    lastOfIndex: lastOfIndex(job, failedHere, settled),
  };
}

function lastOfIndex(job: Job, failed: readonly Pod[], settled: (index: number) => boolean): Map<number, Pod> {
  const last = new Map<number, Pod>();
  const failures = (pod: Pod) =>
    annotatedFailures(pod, INDEX_FAILURES) + annotatedFailures(pod, INDEX_IGNORED_FAILURES);
  for (const pod of failed) {
    const index = indexOf(job, pod);
    if (index === undefined || settled(index)) continue;
    const present = last.get(index);
    if (!present || failures(pod) >= failures(present)) last.set(index, pod);
  }
  return last;
}
