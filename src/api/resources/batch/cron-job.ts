import { ageSince } from "../../age.ts";
import type { FieldError } from "../../resource-definition.ts";
import { cronJobs } from "../../resource-types.ts";
import type { CronJob, CronJobSpec } from "../../types/batch.v1.ts";
import { ageColumn, column, containerColumns, nameColumn, selectorText, wideColumn } from "../columns.ts";
import { workloadWarnings } from "../core/pod-warnings.ts";
import { define } from "../define.ts";
import { child, invalid, notSupported, required } from "../field-errors.ts";
import { validateEnum, validateNonNegative } from "../value-checks.ts";
import { cronProblem, timeZoneProblem } from "./cron-format.ts";
import { defaultJobSpec, indexedJobWarnings } from "./job.ts";
import { validateJobSpec } from "./job-validation.ts";

export const cronJob = define<CronJob>({
  warnings(cronJob, old) {
    if (old && cronJob.metadata?.generation === old.metadata?.generation) return [];
    const spec = cronJob.spec?.jobTemplate?.spec;
    const path = "spec.jobTemplate.spec";
    return [...workloadWarnings(cronJob, old, spec?.template, `${path}.template`), ...indexedJobWarnings(spec, path)];
  },
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
  validate: validateCronJob,
  validateCreate({ metadata }) {
    const name = metadata?.name ?? "";
    // The names of its jobs are eleven characters longer, and still have to fit into a label.
    return name.length > 52 ? [invalid("metadata.name", name, "must be no more than 52 characters")] : [];
  },
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

function validateCronJob({ spec }: CronJob): FieldError[] {
  const errors: FieldError[] = [];
  const { schedule, timeZone, jobTemplate } = spec;
  if (!schedule) errors.push(required("spec.schedule"));
  else {
    const problem = cronProblem(schedule);
    if (problem) errors.push(invalid("spec.schedule", schedule, problem));
    if (schedule.includes("TZ")) {
      const detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
      errors.push(invalid("spec.schedule", schedule, detail));
    }
  }
  validateNonNegative(spec.startingDeadlineSeconds, "spec.startingDeadlineSeconds", errors);
  const zoneProblem = timeZone == null ? undefined : timeZoneProblem(timeZone);
  if (zoneProblem) errors.push(invalid("spec.timeZone", timeZone, zoneProblem));
  validateEnum(spec.concurrencyPolicy, ["Allow", "Forbid", "Replace"], "spec.concurrencyPolicy", errors);
  for (const name of ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"] as const) {
    validateNonNegative(spec[name], child("spec", name), errors);
  }
  const jobSpec = jobTemplate?.spec ?? { template: {} };
  validateJobSpec(jobSpec, "spec.jobTemplate.spec", errors);
  if (jobSpec.manualSelector) {
    errors.push(notSupported("spec.jobTemplate.spec.manualSelector", true, ["nil", "false"]));
  }
  return errors;
}
