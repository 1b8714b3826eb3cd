import { ageSince } from "../../age.ts";
import { cronJobs } from "../../resource-types.ts";
import type { CronJob, CronJobSpec } from "../../types/batch.v1.ts";
import { ageColumn, column, containerColumns, nameColumn, selectorText, wideColumn } from "../columns.ts";
import { define } from "../define.ts";
import { defaultJobSpec } from "./job.ts";

export const cronJob = define<CronJob>({
  type: cronJobs,
  singular: "cronjob",
  shortNames: ["cj"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
  columns: [
    nameColumn,
    column("Schedule", "When jobs are created, in cron's notation.", ({ spec }) => spec?.schedule ?? ""),
    column("Timezone", "Time zone of the schedule.", ({ spec }) => spec?.timeZone ?? "<none>"),
    column(
      "Suspend",
      "Whether no further jobs are created.",
      ({ spec }) => (spec?.suspend == null ? "<unset>" : spec.suspend ? "True" : "False"),
      "boolean",
    ),
    column("Active", "How many jobs are running.", ({ status }) => status?.active?.length ?? 0, "integer"),
    column("Last Schedule", "Time since a job was last created.", ({ status }, now) =>
      status?.lastScheduleTime ? ageSince(status.lastScheduleTime, now) : "<none>",
    ),
    ageColumn,
    ...containerColumns<CronJob>(({ spec }) => spec?.jobTemplate?.spec?.template),
    wideColumn("Selector", "Labels of the pods that belong to its jobs.", ({ spec }) =>
      selectorText(spec?.jobTemplate?.spec?.selector),
    ),
  ],
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
