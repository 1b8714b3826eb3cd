import type { ContainerStatus, SandboxStatus } from "../runtime.ts";
import { CONTAINER_NAME_LABEL, containerNotes } from "./runtime-labels.ts";

/** What the runtime has of one pod. Both lists are ordered newest first. */
export interface PodState {
  readonly uid: string;
  readonly sandboxes: readonly SandboxStatus[];
  readonly containers: readonly PodContainer[];
}

/** A container as the runtime reports it, with what the kubelet noted on it. */
export interface PodContainer {
  readonly name: string;
  readonly id: string;
  readonly sandboxId: string;
  readonly hash: string | undefined;
  readonly restartCount: number;
  readonly status: ContainerStatus;
}

export const emptyPodState = (uid: string): PodState => ({ uid, sandboxes: [], containers: [] });

export function podContainer(status: ContainerStatus): PodContainer {
  const notes = containerNotes(status.annotations);
  return {
    name: status.labels[CONTAINER_NAME_LABEL] ?? status.metadata.name,
    id: status.id,
    sandboxId: status.sandboxId,
    hash: notes.hash,
    restartCount: notes.restartCount,
    status,
  };
}

/** The newest container of that name, in any of the pod's sandboxes. */
export function newestContainer(state: PodState, name: string): PodContainer | undefined {
  return state.containers.find((container) => container.name === name);
}

/**
 * When the container last failed to run on, wall time in ms: it ended, or could not even be started. Undefined where
 * that never happened.
 */
export function lastEnd(state: PodState, name: string): number | undefined {
  for (const { name: candidate, status } of state.containers) {
    if (candidate !== name) continue;
    if (status.state === "exited") return status.finishedAt;
    if (status.state === "created") return status.createdAt;
  }
  return undefined;
}

/** Containers that run, or of which it is not known. */
export function liveContainers(state: PodState): PodContainer[] {
  return state.containers.filter(({ status }) => status.state === "running" || status.state === "unknown");
}

/** The pod's addresses: those of its newest sandbox while that is ready. */
export function sandboxIps(state: PodState): readonly string[] {
  const sandbox = state.sandboxes[0];
  return sandbox?.state === "ready" ? sandbox.ips : [];
}
