import { jobs } from "../../api/resource-types.ts";
import type { Job } from "../../api/types/batch.v1.ts";
import type { Container, EnvVar, Pod } from "../../api/types/core.v1.ts";
import { podFromTemplate } from "../pod-control.ts";
import { isTerminating } from "../pod-state.ts";

/** Keeps a finished pod until it is counted. */
export const TRACKING = "batch.kubernetes.io/job-tracking";
export const INDEX = "batch.kubernetes.io/job-completion-index";
export const INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count";
export const INDEX_IGNORED_FAILURES = "batch.kubernetes.io/job-index-ignored-failure-count";

export const isIndexed = (job: Job): boolean => job.spec?.completionMode === "Indexed";
export const isTracked = (pod: Pod): boolean => pod.metadata?.finalizers?.includes(TRACKING) ?? false;

/** Whether a pod that is being deleted counts as failed only when it has ended. */
export const countsEndedOnly = (job: Job): boolean =>
  job.spec?.podReplacementPolicy === "Failed" || job.spec?.podFailurePolicy !== undefined;

export function hasFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === "Failed") return true;
  // A pod that is deleted may never get to fail; unless somebody wants to know how it ends.
  return !countsEndedOnly(job) && isTerminating(pod) && pod.status?.phase !== "Succeeded";
}

/** The completion index of a pod; undefined where it has none of the Job's. */
export function indexOf(job: Job, pod: Pod): number | undefined {
  const text = pod.metadata?.annotations?.[INDEX];
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  const index = Number(text);
  return index < (job.spec?.completions ?? 0) ? index : undefined;
}

export const annotatedFailures = (pod: Pod, annotation: string): number =>
  Number(pod.metadata?.annotations?.[annotation] ?? 0) || 0;

/** When the pod ended, in ms: its last container's end, or what else is known. */
export function finishedAt(pod: Pod, now: number): number {
  const ends = (pod.status?.containerStatuses ?? [])
    .map((status) => status.state?.terminated?.finishedAt)
    .filter((time) => time !== undefined)
    .map((time) => Date.parse(time));
  if (ends.length > 0) return Math.max(...ends);
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata ?? {};
  if (deletionTimestamp) return Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000;
  const ready = pod.status?.conditions?.find(({ type }) => type === "Ready");
  return ready?.lastTransitionTime ? Date.parse(ready.lastTransitionTime) : now;
}

/** What a pod is to be created for. */
export interface WantedPod {
  /** Of Indexed Jobs. */
  index?: number;
  /** Where the Job limits failures per index: how often the index has failed so far. */
  failures?: { counted: number; ignored: number };
}

export function podOf(job: Job, { index, failures }: WantedPod): Pod {
  const pod = podFromTemplate(jobs, job, job.spec?.template);
  const finalizers = [...(pod.metadata?.finalizers ?? []).filter((one) => one !== TRACKING), TRACKING];
  if (index === undefined) return { ...pod, metadata: { ...pod.metadata, finalizers } };
  const counts: Record<string, string> = {};
  if (failures) counts[INDEX_FAILURES] = String(failures.counted);
  if (failures?.ignored) counts[INDEX_IGNORED_FAILURES] = String(failures.ignored);
  const withIndex = (container: Container): Container => {
    const fieldRef = { fieldPath: `metadata.labels['${INDEX}']` };
    const variable: EnvVar = { name: "JOB_COMPLETION_INDEX", valueFrom: { fieldRef } };
    const present = container.env?.some(({ name }) => name === variable.name);
    return present ? container : { ...container, env: [...(container.env ?? []), variable] };
  };
  const { spec, metadata } = pod;
  return {
    ...pod,
    metadata: {
      ...metadata,
      generateName: `${job.metadata?.name}-${index}-`,
      finalizers,
      labels: { ...metadata?.labels, [INDEX]: String(index) },
      annotations: { ...metadata?.annotations, [INDEX]: String(index), ...counts },
    },
    spec: {
      ...spec!,
      hostname: `${job.metadata?.name}-${index}`,
      containers: spec!.containers.map(withIndex),
      ...(spec?.initContainers ? { initContainers: spec.initContainers.map(withIndex) } : {}),
    },
  };
}
