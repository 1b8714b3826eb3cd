import { ageSince, humanDuration } from "../../age.ts";
import { jobs } from "../../resource-types.ts";
import type { Job, JobSpec } from "../../types/batch.v1.ts";
import { ageColumn, column, containerColumns, nameColumn, selectorText, wideColumn } from "../columns.ts";
import { defaultPodTemplate } from "../core/pod-defaults.ts";
import { workloadWarnings } from "../core/pod-warnings.ts";
import { define } from "../define.ts";
import { validateJob, validateJobStatusUpdate, validateJobUpdate } from "./job-validation.ts";

export const job = define<Job>({
  warnings(job, old) {
    if (old && job.metadata?.generation === old.metadata?.generation) return [];
    return [...workloadWarnings(job, old, job.spec?.template), ...indexedJobWarnings(job.spec, "spec")];
  },
  type: jobs,
  singular: "job",
  categories: ["all"],
  hasStatus: true,
  generation: true,
  defaultPropagation: "Orphan",
  columns: [
    nameColumn,
    column("Status", "Status of the job.", jobStatus),
    column("Completions", "How many pods succeeded, of how many.", completions),
    column("Duration", "Time required to complete the job.", (job, now) => {
      const { startTime, completionTime } = job.status ?? {};
      if (!startTime) return "";
      return completionTime
        ? humanDuration(Date.parse(completionTime) - Date.parse(startTime))
        : ageSince(startTime, now);
    }),
    ageColumn,
    ...containerColumns<Job>(({ spec }) => spec?.template),
    wideColumn("Selector", "Labels of the pods that belong to it.", ({ spec }) => selectorText(spec?.selector)),
  ],
  validate: validateJob,
  validateUpdate: validateJobUpdate,
  validateStatusUpdate: validateJobStatusUpdate,
  defaults(job) {
    job.spec ??= {} as JobSpec;
    const { spec } = job;
    spec.template ??= {};
    const labels = spec.template.metadata?.labels;
    job.metadata ??= {};
    if (labels && Object.keys(job.metadata.labels ?? {}).length === 0) job.metadata.labels = { ...labels };
    defaultJobSpec(spec);
    if (spec.completions == null && spec.parallelism == null) spec.completions = 1;
    spec.parallelism ??= 1;
    spec.backoffLimit ??= spec.backoffLimitPerIndex == null ? 6 : 2_147_483_647;
    spec.completionMode ??= "NonIndexed";
    spec.suspend ??= false;
    spec.podReplacementPolicy ??= spec.podFailurePolicy ? "Failed" : "TerminatingOrFailed";
  },
  prepareForCreate(job) {
    generateSelector(job);
    job.status = {};
  },
  selectableFields: { "status.successful": (job) => String(job.status?.succeeded ?? 0) },
});

/** Defaults of a job's spec inside a CronJob too: those of its pods. */
export function defaultJobSpec(spec: JobSpec): void {
  spec.template ??= {};
  defaultPodTemplate(spec.template);
  for (const { onPodConditions } of spec.podFailurePolicy?.rules ?? []) {
    for (const pattern of onPodConditions ?? []) pattern.status ||= "True";
  }
}

/** Unless the selector is the user's own, a job selects its pods by its uid, and its template carries the labels. */
function generateSelector({ metadata, spec }: Job): void {
  if (!spec || spec.manualSelector) return;
  const uid = metadata?.uid ?? "";
  const name = metadata?.name ?? "";
  spec.template.metadata ??= {};
  const labels = { ...spec.template.metadata.labels };
  labels["controller-uid"] ??= uid;
  labels["job-name"] ??= name;
  labels["batch.kubernetes.io/controller-uid"] ??= uid;
  labels["batch.kubernetes.io/job-name"] ??= name;
  spec.template.metadata.labels = labels;
  spec.selector ??= {};
  spec.selector.matchLabels ??= {};
  spec.selector.matchLabels["batch.kubernetes.io/controller-uid"] ??= uid;
}

function jobStatus({ metadata, status }: Job): string {
  const has = (wanted: string) => status?.conditions?.find(({ type }) => type === wanted)?.status === "True";
  if (has("Complete")) return "Complete";
  if (has("Failed")) return "Failed";
  if (metadata?.deletionTimestamp) return "Terminating";
  if (has("Suspended")) return "Suspended";
  return has("FailureTarget") ? "FailureTarget" : "Running";
}

function completions({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec?.completions != null) return `${succeeded}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

/** What to tell of more indexes than can be recorded. */
export function indexedJobWarnings(spec: JobSpec | undefined, path: string): string[] {
  const { completionMode, completions, parallelism } = spec ?? {};
  if (completionMode !== "Indexed" || (completions ?? 0) <= 100_000 || (parallelism ?? 0) <= 10_000) return [];
  const detail =
    "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail";
  return [`${path}: ${detail}`];
}
