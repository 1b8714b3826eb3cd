import { isControlledBy } from "../../api/controller-ref.ts";
import { semanticEqual } from "../../api/json-equal.ts";
import { nothing } from "../../api/label-selector.ts";
import { objectKey } from "../../api/object.ts";
import { cronJobs, jobs } from "../../api/resource-types.ts";
import { isAlreadyExists, isNotFound } from "../../api/status-error.ts";
import type { CronJob, Job } from "../../api/types/batch.v1.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import { referenceOf } from "../../client/event-broadcaster.ts";
import { pendingWrites } from "../../client/pending-writes.ts";
import { time } from "../../client/timestamps.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { followOwned, indexByOwner, ownedBy } from "../ownership.ts";
import { isNamespaceTerminating } from "../pod-control.ts";
import { planCronJob } from "./plan.ts";
import { parseSchedule, type Schedule, ScheduleError } from "./schedule.ts";

/** Starts Jobs when they are due. */
export const cronJobController: ControllerDefinition = {
  name: "cronjob-controller",
  alias: "cronjob",
  create,
};

function create(context: ControllerContext) {
  const { client, clock, informers, settings } = context;
  const resource = client.resource(cronJobs);
  const jobResource = client.resource(jobs);
  const cronJobInformer = informers.informer(cronJobs);
  const jobInformer = informers.informer(jobs);
  const recorder = context.recorder("cronjob-controller");
  const pending = pendingWrites(clock);
  indexByOwner(jobInformer);

  const controller = keyedController(context, {
    name: "cronjob-controller",
    workers: settings.concurrentSyncs,
    reconcile,
  });
  const enqueue = (cronJob: CronJob) => controller.queue.add(objectKey(cronJob));
  cronJobInformer.on({
    add: enqueue,
    update: (_, cronJob) => enqueue(cronJob),
    delete: (cronJob) => pending.forget(objectKey(cronJob)),
  });
  // Jobs without an owner are nobody's here: a CronJob adopts none.
  followOwned<Job, CronJob>({ owned: jobInformer, owners: cronJobInformer, selectorOf: () => nothing, enqueue });

  function scheduleOf(cronJob: CronJob): Schedule | undefined {
    const { schedule = "", timeZone } = cronJob.spec ?? {};
    try {
      return parseSchedule(schedule, timeZone);
    } catch (error) {
      if (!(error instanceof ScheduleError)) throw error;
      const message = `unparseable schedule: ${JSON.stringify(schedule)} : ${error.message}`;
      recorder.event(cronJob, "Warning", "UnparseableSchedule", message);
      return undefined;
    }
  }

  async function remove(cronJob: CronJob, job: Job, signal: AbortSignal): Promise<void> {
    const { name = "", namespace, uid } = job.metadata ?? {};
    try {
      await jobResource.delete(name, namespace, { propagationPolicy: "Background", preconditions: { uid }, signal });
    } catch (error) {
      if (isNotFound(error)) return;
      recorder.event(cronJob, "Warning", "FailedDelete", `Deleted job: ${(error as Error).message}`);
      throw error;
    }
    pending.deleted(objectKey(cronJob), jobInformer, job);
    recorder.event(cronJob, "Normal", "SuccessfulDelete", `Deleted job ${name}`);
  }

  async function start(cronJob: CronJob, job: Job, signal: AbortSignal): Promise<Job | undefined> {
    const { creationTimestamp: _, ...metadata } = job.metadata!;
    const { name = "", namespace } = metadata;
    try {
      const created = await jobResource.create({ ...job, metadata }, { signal });
      pending.wrote(objectKey(cronJob), jobInformer, created);
      recorder.event(cronJob, "Normal", "SuccessfulCreate", `Created job ${name}`);
      return created;
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined;
      if (isAlreadyExists(error)) {
        // Perhaps our own, from before a crash; or somebody else's, and then this time is theirs.
        const present = await jobResource.get(name, namespace, { signal });
        return isControlledBy(present, cronJob) ? present : undefined;
      }
      recorder.event(cronJob, "Warning", "FailedCreate", `Error creating job: ${(error as Error).message}`);
      throw error;
    }
  }

  async function reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const cronJob = cronJobInformer.get(key);
    if (!cronJob || !pending.settled(key)) return undefined;
    const now = clock.now();
    const owned = ownedBy(jobInformer, cronJob);
    const plan = planCronJob({ cronJob, jobs: owned, schedule: scheduleOf(cronJob), now });
    for (const event of plan.events) recorder.event(cronJob, event.type, event.reason, event.message);
    for (const job of [...plan.forget, ...plan.replace]) await remove(cronJob, job, signal);
    let { status } = plan;
    if (plan.create) {
      const job = await start(cronJob, plan.create, signal);
      const lastScheduleTime = plan.create.metadata?.creationTimestamp ?? time(now);
      status = { ...status, lastScheduleTime };
      if (job) status.active = [...(status.active ?? []), referenceOf({ apiVersion: "batch/v1", kind: "Job", ...job })];
    }
    if (!semanticEqual(cronJob.status, status)) {
      pending.wrote(key, cronJobInformer, await resource.updateStatus({ ...cronJob, status }, { signal }));
    }
    return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
  }
  return controller;
}
