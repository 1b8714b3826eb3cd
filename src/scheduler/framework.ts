import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../api/types/core.v1.ts";
import type { StorageClass } from "../api/types/storage.v1.ts";
import type { NodeInfo, PodInfo } from "./node-info.ts";

/** Why a node, or the whole cluster, does not take a pod. The reasons are shown to users, in upstream's words. */
export interface Rejection {
  readonly plugin: string;
  readonly reasons: readonly string[];
  /** Whether removing pods could not change it (so that preemption is of no use). */
  readonly unresolvable?: boolean;
}

/** The cluster as it was when a pod's turn began. */
export interface Snapshot {
  readonly nodes: readonly NodeInfo[];
  node(name: string): NodeInfo | undefined;
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  /** Volumes that the claim may get: of its class and free, or reserved for it. */
  volumesFor(claim: PersistentVolumeClaim): readonly PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
  namespaceLabels(name: string): Readonly<Record<string, string>>;
}

/** What changed in the cluster that may let a waiting pod be scheduled. */
export type ClusterEvent =
  | { readonly kind: "node-added" | "node-updated"; readonly node: NodeInfo }
  | { readonly kind: "pod-removed"; readonly pod: Pod }
  | { readonly kind: "pod-added"; readonly pod: Pod }
  | { readonly kind: "volume-changed" }
  | { readonly kind: "pod-updated"; readonly pod: Pod };

/**
 * A scheduling plugin: pure functions of the pod and the snapshot. `prepare` runs once per pod and returns what the other
 * functions are given as `state`; it may reject the pod for the whole cluster.
 */
export interface Plugin<State = unknown> {
  readonly name: string;
  /** Before the pod enters the queue; a rejection parks it until `wakes` says otherwise. */
  preEnqueue?(pod: Pod): Rejection | undefined;
  prepare?(pod: PodInfo, snapshot: Snapshot): { state: State } | { rejection: Rejection };
  /** Undefined where the node will do. */
  filter?(pod: PodInfo, node: NodeInfo, state: State): Rejection | undefined;
  /** Raw scores of the feasible nodes, in their order; `normalize` brings them to 0–100. Undefined: nothing to say. */
  score?(pod: PodInfo, nodes: readonly NodeInfo[], state: State, snapshot: Snapshot): readonly number[] | undefined;
  readonly normalize?: "none" | "highest-best" | "lowest-best";
  /** How much the score counts. Default 1. */
  readonly weight?: number;
  /** Whether `event` may have made a pod schedulable that this plugin rejected. */
  wakes?(pod: Pod, event: ClusterEvent): boolean;
}

export const MAX_SCORE = 100;

/** Brings raw scores to 0–100, as upstream's default normalisation does. */
export function normalize(scores: readonly number[], mode: Plugin["normalize"]): readonly number[] {
  if (mode === undefined || mode === "none") return scores;
  const highest = Math.max(...scores);
  if (highest === 0) return mode === "lowest-best" ? scores.map(() => MAX_SCORE) : scores;
  const scaled = scores.map((score) => Math.trunc((score * MAX_SCORE) / highest));
  return mode === "lowest-best" ? scaled.map((score) => MAX_SCORE - score) : scaled;
}
