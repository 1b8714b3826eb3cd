import type { Job, JobCondition, JobStatus } from "../../api/types/batch.v1.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import { time } from "../../client/timestamps.ts";
import { withoutZeros } from "../counts.ts";
import { isFinished, isReady, isTerminating } from "../pod-state.ts";
import { inDeletionOrder } from "../replica-set/pod-ranking.ts";
import { type FailureRecord, recordOutcomes, waitAfterFailures } from "./failure-backoff.ts";
import { formatIndexes } from "./index-set.ts";
import {
  annotatedFailures,
  countsEndedOnly,
  finishedAt,
  hasFailed,
  INDEX_FAILURES,
  INDEX_IGNORED_FAILURES,
  indexOf,
  isIndexed,
  isTracked,
  type WantedPod,
} from "./job-pods.ts";
import { type JobView, jobView } from "./job-view.ts";
import { judgeFailure, judgeSuccess } from "./policies.ts";

/** At most so many pods are created, deleted or counted in one go. */
const BURST = 500;

export interface ObservedJob {
  job: Job;
  /** Those that it controls. */
  pods: readonly Pod[];
  record: FailureRecord | undefined;
  now: number;
}

export interface JobPlan {
  create: WantedPod[];
  /** Not needed any more: let go without being counted. */
  release: Pod[];
  /** Of a Job that is over: they count as failed when they have ended. */
  stop: Pod[];
  status: JobStatus;
  /** Pods that `status` has counted, or that shall not be counted; to be done after it is written. */
  untrack: Pod[];
  events: { type: "Normal" | "Warning"; reason: string; message: string }[];
  record: FailureRecord;
  requeueAfterMs?: number;
}

interface Ending {
  readonly type: "FailureTarget" | "SuccessCriteriaMet";
  readonly reason: string;
  readonly message: string;
}

export const conditionOf = (status: JobStatus | undefined, type: string): JobCondition | undefined =>
  status?.conditions?.find((condition) => condition.type === type && condition.status === "True");

export const isOver = (job: Job): boolean =>
  conditionOf(job.status, "Complete") !== undefined || conditionOf(job.status, "Failed") !== undefined;

/**
 * One step of a Job that is not over yet. Pods are counted exactly once, whatever crashes in between: a pod that has
 * ended is noted in the status by its uid, then its finalizer is taken off, and only then does the note become a count.
 */
export function planJob(observed: ObservedJob): JobPlan {
  const step = new JobStep(observed);
  const ending = step.ending();
  if (ending) step.end(ending);
  else step.run();
  return step.finish(ending ?? step.completion());
}

class JobStep {
  readonly #job: Job;
  readonly #now: number;
  readonly #pods: readonly Pod[];
  readonly #view: JobView;
  readonly #recordBefore: FailureRecord | undefined;
  readonly #plan: JobPlan;
  #wait: number | undefined;
  #startTime: string | undefined;

  constructor({ job, pods, record, now }: ObservedJob) {
    this.#job = job;
    this.#now = now;
    this.#pods = pods;
    this.#view = jobView(job, pods);
    this.#recordBefore = record;
    this.#startTime = job.status?.startTime ?? (job.spec?.suspend ? undefined : time(now));
    const { newlySucceeded, newlyFailed } = this.#view;
    this.#plan = {
      create: [],
      release: [],
      stop: [],
      status: { ...job.status },
      untrack: [],
      events: [],
      record: recordOutcomes(record, newlySucceeded, newlyFailed, now),
    };
  }

  /** Why the Job has to end now; undefined while it may go on. */
  ending(): Ending | undefined {
    const job = this.#job;
    for (const type of ["SuccessCriteriaMet", "FailureTarget"] as const) {
      const present = conditionOf(job.status, type);
      if (present) return { type, reason: present.reason ?? "", message: present.message ?? "" };
    }
    const failure = (reason: string, message: string): Ending => ({ type: "FailureTarget", reason, message });
    const fatal = this.#view.newlyFailed
      .map((pod) => judgeFailure(job, pod))
      .find(({ action }) => action === "FailJob");
    if (fatal) return failure("PodFailurePolicy", fatal.message ?? "");
    const { backoffLimit = 6, activeDeadlineSeconds, maxFailedIndexes, completions = 0, suspend } = job.spec ?? {};
    if (this.#view.failed > backoffLimit || this.#restartedTooOften(backoffLimit)) {
      return failure("BackoffLimitExceeded", "Job has reached the specified backoff limit");
    }
    if (activeDeadlineSeconds !== undefined && !suspend && this.#startTime) {
      const left = Date.parse(this.#startTime) + activeDeadlineSeconds * 1000 - this.#now;
      if (left <= 0) return failure("DeadlineExceeded", "Job was active longer than specified deadline");
      this.#look(left);
    }
    if (this.#view.limitsIndexes) {
      const failed = this.#view.failedIndexes.size;
      if (maxFailedIndexes !== undefined && failed > maxFailedIndexes) {
        return failure("MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes");
      }
      if (failed > 0 && this.#view.succeeded + failed >= completions)
        return failure("FailedIndexes", "Job has failed indexes");
    }
    const met = isIndexed(job) ? judgeSuccess(job, this.#view.succeededIndexes) : undefined;
    return met === undefined ? undefined : { type: "SuccessCriteriaMet", reason: "SuccessPolicy", message: met };
  }

  /** Pods that are restarted in place count by their restarts. */
  #restartedTooOften(limit: number): boolean {
    if (this.#job.spec?.template.spec?.restartPolicy !== "OnFailure") return false;
    const restarts = this.#view.active
      .flatMap((pod) => [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])])
      .reduce((sum, { restartCount }) => sum + restartCount, 0);
    return limit === 0 ? restarts > 0 : restarts >= limit;
  }

  end(ending: Ending): void {
    if (!conditionOf(this.#job.status, ending.type))
      this.#setCondition(ending.type, true, ending.reason, ending.message);
    this.#plan.stop = this.#view.active.slice(0, BURST);
  }

  /** Brings the number of active pods to what is wanted. */
  run(): void {
    const { spec, metadata } = this.#job;
    if (metadata?.deletionTimestamp) return;
    this.#noteSuspension();
    const parallelism = spec?.parallelism ?? 1;
    const active = this.#view.active.length;
    const wanted = spec?.suspend
      ? 0
      : spec?.completions === undefined
        ? this.#view.succeeded > 0
          ? active
          : parallelism
        : Math.max(0, Math.min(parallelism, spec.completions - this.#view.succeeded));
    this.#plan.release = this.#surplus(active - wanted).slice(0, BURST);
    if (this.#plan.release.length > 0) return;
    const leaving = this.#pods.filter((pod) => isTerminating(pod) && !isFinished(pod));
    const missing = wanted - active - (countsEndedOnly(this.#job) ? leaving.length : 0);
    if (missing <= 0) return;
    if (!this.#view.limitsIndexes) {
      const wait = waitAfterFailures(this.#plan.record, this.#now);
      if (wait > 0) {
        this.#look(wait);
        return;
      }
    }
    const count = Math.min(missing, BURST);
    this.#plan.create = isIndexed(this.#job)
      ? this.#pendingIndexes(count, leaving)
      : Array.from({ length: count }, () => ({}));
  }

  /** What is too much: of Indexed Jobs what has no index or one that another has, then as a scale-down would choose. */
  #surplus(atLeast: number): Pod[] {
    const surplus: Pod[] = [];
    let rest = this.#view.active;
    if (isIndexed(this.#job)) {
      const seen = new Set<number>();
      const ordered = [...inDeletionOrder(this.#view.active, () => 0, this.#now)].reverse();
      rest = ordered.filter((pod) => {
        const index = indexOf(this.#job, pod);
        const keep = index !== undefined && !seen.has(index);
        if (keep) seen.add(index);
        else surplus.push(pod);
        return keep;
      });
    }
    const more = atLeast - surplus.length;
    return more > 0 ? [...surplus, ...inDeletionOrder(rest, () => 0, this.#now).slice(0, more)] : surplus;
  }

  #pendingIndexes(count: number, leaving: readonly Pod[]): WantedPod[] {
    const taken = new Set<number | undefined>([...this.#view.succeededIndexes, ...this.#view.failedIndexes]);
    for (const pod of this.#view.active) taken.add(indexOf(this.#job, pod));
    if (countsEndedOnly(this.#job)) for (const pod of leaving) taken.add(indexOf(this.#job, pod));
    const wanted: WantedPod[] = [];
    for (let index = 0; index < (this.#job.spec?.completions ?? 0) && wanted.length < count; index++) {
      if (taken.has(index)) continue;
      if (!this.#view.limitsIndexes) {
        wanted.push({ index });
        continue;
      }
      const last = this.#view.lastOfIndex.get(index);
      const failures = last ? this.#failuresAfter(last) : { counted: 0, ignored: 0 };
      const failed = failures.counted + failures.ignored;
      const wait = last
        ? waitAfterFailures({ failures: failed, lastFailureMs: finishedAt(last, this.#now) }, this.#now)
        : 0;
      if (wait > 0) this.#look(wait);
      else wanted.push({ index, failures });
    }
    return wanted;
  }

  #failuresAfter(pod: Pod): { counted: number; ignored: number } {
    const ignored = judgeFailure(this.#job, pod).action === "Ignore";
    return {
      counted: annotatedFailures(pod, INDEX_FAILURES) + (ignored ? 0 : 1),
      ignored: annotatedFailures(pod, INDEX_IGNORED_FAILURES) + (ignored ? 1 : 0),
    };
  }

  #noteSuspension(): void {
    const present = this.#plan.status.conditions?.find(({ type }) => type === "Suspended");
    if (this.#job.spec?.suspend) {
      if (present?.status === "True") return;
      this.#setCondition("Suspended", true, "JobSuspended", "Job suspended");
      this.#plan.events.push({ type: "Normal", reason: "Suspended", message: "Job suspended" });
    } else if (present?.status === "True") {
      this.#setCondition("Suspended", false, "JobResumed", "Job resumed");
      this.#plan.events.push({ type: "Normal", reason: "Resumed", message: "Job resumed" });
      // The deadline runs from here on.
      this.#startTime = time(this.#now);
    }
  }

  /** The ordinary end: as many have succeeded as were wanted, and none is left. */
  completion(): Ending | undefined {
    const { completions } = this.#job.spec ?? {};
    const left = this.#view.active.length + this.#plan.create.length;
    const enough = completions === undefined ? this.#view.succeeded > 0 : this.#view.succeeded >= completions;
    if (!enough || left > 0 || this.#job.metadata?.deletionTimestamp) return undefined;
    const ending: Ending = {
      type: "SuccessCriteriaMet",
      reason: "CompletionsReached",
      message: "Reached expected number of succeeded pods",
    };
    this.#setCondition(ending.type, true, ending.reason, ending.message);
    return ending;
  }

  /** Counts, and ends the Job when nothing is left to be counted. */
  finish(ending: Ending | undefined): JobPlan {
    const plan = this.#plan;
    const job = this.#job;
    const uncounted = this.#countPods(ending);
    const terminating = this.#pods.filter((pod) => isTerminating(pod) && !isFinished(pod)).length;
    const active = this.#view.active.length + plan.create.length - plan.release.length - plan.stop.length;
    const { completedIndexes: _, failedIndexes: __, active: ___, ...rest } = plan.status;
    const indexes = isIndexed(job) ? formatIndexes(this.#view.succeededIndexes) : "";
    plan.status = {
      ...rest,
      ...withoutZeros({ active }),
      ...(isIndexed(job) ? withoutZeros({ succeeded: this.#view.succeededIndexes.size }) : {}),
      ...(indexes ? { completedIndexes: indexes } : {}),
      ...(this.#view.limitsIndexes ? { failedIndexes: formatIndexes(this.#view.failedIndexes) } : {}),
      ...(this.#startTime ? { startTime: this.#startTime } : {}),
      ready: this.#view.active.filter((pod) => isReady(pod) && !plan.release.includes(pod) && !plan.stop.includes(pod))
        .length,
      terminating,
      uncountedTerminatedPods: uncounted,
    };
    const settled =
      Object.keys(uncounted).length === 0 && plan.untrack.length === 0 && terminating === 0 && active === 0;
    if (ending && settled && plan.stop.length === 0) this.#declareOver(ending);
    // Those that are noted now are not new the next time; all others are.
    const noted = (pod: Pod) => plan.untrack.includes(pod);
    const outcomes = [this.#view.newlySucceeded.filter(noted), this.#view.newlyFailed.filter(noted)] as const;
    plan.record = recordOutcomes(this.#recordBefore, ...outcomes, this.#now);
    if (this.#wait !== undefined && !ending) plan.requeueAfterMs = this.#wait;
    return plan;
  }

  /** Turns notes whose pods have lost their finalizers into counts, and notes the pods that have ended since. */
  #countPods(ending: Ending | undefined): { succeeded?: string[]; failed?: string[] } {
    const plan = this.#plan;
    const tracked = this.#pods.filter(isTracked);
    const still = new Set(tracked.map((pod) => pod.metadata?.uid ?? ""));
    const before = plan.status.uncountedTerminatedPods ?? {};
    const keep = (uids: readonly string[] | undefined) => (uids ?? []).filter((uid) => still.has(uid));
    const [succeeded, failed] = [keep(before.succeeded), keep(before.failed)];
    const settledSuccesses = (before.succeeded?.length ?? 0) - succeeded.length;
    const settledFailures = (before.failed?.length ?? 0) - failed.length;
    plan.status = {
      ...plan.status,
      ...withoutZeros({
        succeeded: (plan.status.succeeded ?? 0) + settledSuccesses,
        failed: (plan.status.failed ?? 0) + settledFailures,
      }),
    };
    for (const pod of tracked) {
      if (plan.untrack.length >= BURST) break;
      if (!this.#mayUntrack(pod, ending)) continue;
      plan.untrack.push(pod);
      const uid = pod.metadata?.uid ?? "";
      if (succeeded.includes(uid) || failed.includes(uid)) continue;
      const ofNoIndex = isIndexed(this.#job) && indexOf(this.#job, pod) === undefined;
      if (pod.status?.phase === "Succeeded") {
        // An index says by itself that it is counted.
        if (!isIndexed(this.#job)) succeeded.push(uid);
      } else if (hasFailed(this.#job, pod) || ending?.type === "FailureTarget") {
        if (!ofNoIndex && judgeFailure(this.#job, pod).action !== "Ignore") failed.push(uid);
      }
    }
    return {
      ...(succeeded.length > 0 ? { succeeded } : {}),
      ...(failed.length > 0 ? { failed } : {}),
    };
  }

  #mayUntrack(pod: Pod, ending: Ending | undefined): boolean {
    if (pod.status?.phase === "Succeeded" || this.#job.metadata?.deletionTimestamp) return true;
    if (ending) return isFinished(pod) || isTerminating(pod);
    if (!hasFailed(this.#job, pod)) return false;
    const index = indexOf(this.#job, pod);
    return index === undefined || this.#view.lastOfIndex.get(index)?.metadata?.uid !== pod.metadata?.uid;
  }

  #declareOver({ type, reason, message }: Ending): void {
    if (type === "SuccessCriteriaMet") {
      this.#setCondition("Complete", true, reason, message);
      this.#plan.status.completionTime = time(this.#now);
      this.#plan.events.push({ type: "Normal", reason: "Completed", message: "Job completed" });
    } else {
      this.#setCondition("Failed", true, reason, message);
      this.#plan.events.push({ type: "Warning", reason, message });
    }
  }

  #setCondition(type: string, holds: boolean, reason: string, message: string): void {
    const at = time(this.#now);
    const status = holds ? "True" : "False";
    const condition = { type, status, lastProbeTime: at, lastTransitionTime: at, reason, message };
    const others = (this.#plan.status.conditions ?? []).filter((one) => one.type !== type);
    this.#plan.status = { ...this.#plan.status, conditions: [...others, condition] };
  }

  #look(afterMs: number): void {
    this.#wait = Math.min(this.#wait ?? Number.POSITIVE_INFINITY, afterMs);
  }
}
