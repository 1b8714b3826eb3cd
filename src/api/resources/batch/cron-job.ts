import { cronJobs } from "../../resource-types.ts";
import type { CronJob, CronJobSpec } from "../../types/batch.v1.ts";
import { define } from "../define.ts";
import { defaultJobSpec } from "./job.ts";

export const cronJob = define<CronJob>({
  type: cronJobs,
  singular: "cronjob",
  shortNames: ["cj"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
  defaults(cronJob) {
    cronJob.spec ??= {} as CronJobSpec;
    const { spec } = cronJob;
    spec.concurrencyPolicy ||= "Allow";
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
    spec.jobTemplate ??= {};
    spec.jobTemplate.metadata ??= {};
    if (spec.jobTemplate.spec) defaultJobSpec(spec.jobTemplate.spec);
  },
  prepareForCreate(cronJob) {
    cronJob.status = {};
  },
});
