import type { Pod } from "../../api/types/core.v1.ts";

/** What one pod was measured at. */
export interface PodMetric {
  /** Thousandths. */
  readonly value: number;
  /** When, in ms. */
  readonly at: number;
  /** Over how long, in ms. */
  readonly windowMs: number;
}

/** By the names of the pods. */
export type PodMetrics = ReadonlyMap<string, PodMetric>;

/** What was read for one metric of an autoscaler: a value per pod, one value in thousandths, or why there is none. */
export type Reading = { readonly pods: PodMetrics } | { readonly value: number } | { readonly failure: string };

/** How far, as a share, the usage may be off its target before the replicas change. */
export interface Tolerances {
  readonly scaleDown: number;
  readonly scaleUp: number;
}

/** What the replicas are worked out from, besides the metric. */
export interface ReplicaBasis {
  /** `spec.replicas` of the scale. */
  readonly current: number;
  /** `status.replicas` of the scale. */
  readonly existing: number;
  /** The pods that the scale's selector selects. */
  readonly pods: readonly Pod[];
  readonly tolerances: Tolerances;
  /** For so long after its start a pod's CPU counts only while it is ready. */
  readonly cpuInitializationPeriodMs: number;
  /** A pod that becomes unready within so long of its start has never been ready. */
  readonly initialReadinessDelayMs: number;
  readonly now: number;
}

/** How many replicas a metric asks for, and what it stands at. */
export interface ReplicaProposal {
  readonly replicas: number;
  /** Thousandths; the average where the target is one. */
  readonly value: number;
  /** Percent of what the pods request. */
  readonly utilization?: number;
}
