import { controllerRef } from "../../api/controller-ref.ts";
import { cronJobs } from "../../api/resource-types.ts";
import type { CronJob, CronJobStatus, Job } from "../../api/types/batch.v1.ts";
import { time } from "../../client/timestamps.ts";
import { conditionOf, isOver } from "../job/plan.ts";
import type { Schedule } from "./schedule.ts";
import { wallClock } from "./wall-clock.ts";

const SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp";
const MANY_MISSED = 100;
/** Timers may fire a little early by the wall clock. */
const SLACK_MS = 100;

export interface ObservedCronJob {
  cronJob: CronJob;
  /** Those that it controls. */
  jobs: readonly Job[];
  /** Undefined where the schedule can't be read. */
  schedule: Schedule | undefined;
  now: number;
}

export interface CronJobPlan {
  status: CronJobStatus;
  /** Running Jobs that make room for the next one. */
  replace: Job[];
  /** Finished Jobs beyond the history limits. */
  forget: Job[];
  create?: Job;
  events: { type: "Normal" | "Warning"; reason: string; message: string }[];
  requeueAfterMs?: number;
}

/** One step of a CronJob: what has finished, whether a Job is due, and when the next one will be. */
export function planCronJob(observed: ObservedCronJob): CronJobPlan {
  const { cronJob, schedule, now } = observed;
  const plan: CronJobPlan = { status: { ...cronJob.status }, replace: [], forget: [], events: [] };
  noteFinished(observed, plan);
  plan.forget = beyondLimits(observed);
  if (!schedule || cronJob.spec?.suspend || cronJob.metadata?.deletionTimestamp) return plan;
  const due = mostRecentlyDue(cronJob, schedule, now);
  const next = schedule.next(due?.at ?? startOf(cronJob, now));
  if (next !== undefined) plan.requeueAfterMs = Math.max(0, next - now) + SLACK_MS;
  if (!due) return plan;
  if (due.missed > MANY_MISSED) {
    const hint = "Set or decrease .spec.startingDeadlineSeconds or check clock skew";
    plan.events.push({
      type: "Warning",
      reason: "TooManyMissedTimes",
      message: `too many missed start times. ${hint}`,
    });
  }
  startDue(observed, due.at, plan);
  return plan;
}

/** Where to look for due times from: the last one that was used, but no longer back than the deadline allows. */
function startOf({ metadata, spec, status }: CronJob, now: number): number {
  const from = Date.parse(status?.lastScheduleTime ?? metadata?.creationTimestamp ?? "") || now;
  const deadline = spec?.startingDeadlineSeconds;
  return deadline === undefined ? from : Math.max(from, now - deadline * 1000);
}

/** The last due time that is past, and about how many were missed before it. */
function mostRecentlyDue(
  cronJob: CronJob,
  schedule: Schedule,
  now: number,
): { at: number; missed: number } | undefined {
  const start = startOf(cronJob, now);
  const first = schedule.next(start);
  if (first === undefined || first > now) return undefined;
  const second = schedule.next(first);
  if (second === undefined || second > now) return { at: first, missed: 1 };
  // A clock that was wrong for years must not be walked through minute by minute.
  const between = second - first;
  const missed = Math.floor((now - first) / between) + 1;
  let at = first;
  const nearby = missed > 3 ? first + (missed - 3) * between : first;
  for (let due = schedule.next(nearby - 1); due !== undefined && due <= now; due = schedule.next(due)) at = due;
  return { at, missed };
}

const jobName = (cronJob: CronJob, at: number) => `${cronJob.metadata?.name}-${Math.floor(at / 60_000)}`;

function startDue({ cronJob, jobs, now }: ObservedCronJob, at: number, plan: CronJobPlan): void {
  const { startingDeadlineSeconds: deadline, concurrencyPolicy, timeZone } = cronJob.spec ?? {};
  if (deadline !== undefined && at + deadline * 1000 < now) {
    const when = new Date(at).toUTCString().replace("GMT", "+0000");
    const message = `Missed scheduled time to start a job: ${when}`;
    plan.events.push({ type: "Warning", reason: "MissSchedule", message });
    return;
  }
  const name = jobName(cronJob, at);
  const active = plan.status.active ?? [];
  const started = Date.parse(cronJob.status?.lastScheduleTime ?? "");
  if (started === at || active.some((one) => one.name === name)) return;
  if (concurrencyPolicy === "Forbid" && active.length > 0) {
    const message = "Not starting job because prior execution is running and concurrency policy is Forbid";
    plan.events.push({ type: "Normal", reason: "JobAlreadyActive", message });
    return;
  }
  if (concurrencyPolicy === "Replace") {
    plan.replace = jobs.filter((job) => active.some((one) => one.uid === job.metadata?.uid));
    plan.status.active = active.filter((one) => !plan.replace.some((job) => job.metadata?.uid === one.uid));
  }
  plan.create = jobOf(cronJob, name, at, timeZone);
}

/** The Job of a due time; its name makes sure that there is no second one. */
function jobOf(cronJob: CronJob, name: string, at: number, timeZone: string | undefined): Job {
  const { metadata, spec } = cronJob.spec!.jobTemplate;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      ...(metadata?.labels ? { labels: metadata.labels } : {}),
      annotations: { ...metadata?.annotations, [SCHEDULED_AT]: localTime(at, timeZone) },
      name,
      namespace: cronJob.metadata?.namespace,
      creationTimestamp: time(at),
      ownerReferences: [controllerRef(cronJobs, cronJob)],
    },
    ...(spec ? { spec } : {}),
  };
}

/** RFC 3339 with the offset of the time zone. */
function localTime(at: number, timeZone: string | undefined): string {
  if (!timeZone) return time(at);
  const wall = wallClock(timeZone).wallOf(at);
  const offset = Math.round((wall - at) / 60_000);
  if (offset === 0) return time(at);
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
  return `${time(wall).slice(0, -1)}${offset < 0 ? "-" : "+"}${two(hours)}:${two(minutes)}`;
}

/** Brings the list of active Jobs in line with what there is. */
function noteFinished({ cronJob, jobs }: ObservedCronJob, plan: CronJobPlan): void {
  const before = cronJob.status?.active ?? [];
  const byUid = new Map(jobs.map((job) => [job.metadata?.uid, job]));
  const say = (type: "Normal" | "Warning", reason: string, message: string) =>
    plan.events.push({ type, reason, message });
  const active = before.filter((reference) => {
    const job = byUid.get(reference.uid);
    if (!job) say("Normal", "MissingJob", `Active job went missing: ${reference.name}`);
    else if (isOver(job)) {
      const outcome = conditionOf(job.status, "Complete") ? "Complete" : "Failed";
      say("Normal", "SawCompletedJob", `Saw completed job: ${reference.name}, condition: ${outcome}`);
    } else return true;
    return false;
  });
  for (const job of jobs) {
    const known = before.some((reference) => reference.uid === job.metadata?.uid);
    if (!known && !isOver(job)) {
      const name = job.metadata?.name;
      say("Warning", "UnexpectedJob", `Saw a job that the controller did not create or forgot: ${name}`);
    }
    const { completionTime } = job.status ?? {};
    const last = plan.status.lastSuccessfulTime;
    if (conditionOf(job.status, "Complete") && completionTime && (!last || completionTime > last)) {
      plan.status.lastSuccessfulTime = completionTime;
    }
  }
  if (before.length > 0) plan.status.active = active;
}

function beyondLimits({ cronJob, jobs }: ObservedCronJob): Job[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec ?? {};
  const oldest = (outcome: string, limit: number | undefined) => {
    if (limit === undefined) return [];
    const start = (job: Job) => `${job.status?.startTime ?? ""} ${job.metadata?.name}`;
    const finished = jobs
      .filter((job) => conditionOf(job.status, outcome))
      .sort((a, b) => (start(a) < start(b) ? -1 : 1));
    return finished.slice(0, Math.max(0, finished.length - limit));
  };
  return [...oldest("Complete", successfulJobsHistoryLimit), ...oldest("Failed", failedJobsHistoryLimit)];
}
