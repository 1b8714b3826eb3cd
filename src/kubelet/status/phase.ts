import type { ContainerStatus, Pod } from "../../api/types/core.v1.ts";
import { restartPolicyOf, restartsAfter } from "../plan/restart.ts";
import { initContainers, isSidecar, regularContainers } from "../pod/pod.ts";

export type PodPhase = "Pending" | "Running" | "Succeeded" | "Failed";

/**
 * The phase that follows from the containers. `terminal`: nothing will be started any more, so that what has ended has
 * ended for good. See https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase.
 */
export function podPhase(pod: Pod, statuses: readonly ContainerStatus[], terminal: boolean): PodPhase {
  const byName = new Map(statuses.map((status) => [status.name, status]));
  const init = initProgress(pod, byName);
  if (init.failedForGood) return "Failed";

  let waiting = 0;
  let running = 0;
  let stopped = 0;
  let succeeded = 0;
  let unknown = 0;
  let restarting = 0;
  for (const container of regularContainers(pod)) {
    const status = byName.get(container.name);
    const ended = status?.state?.terminated;
    if (!status) unknown++;
    else if (status.state?.running) running++;
    else if (ended) {
      stopped++;
      if (ended.exitCode === 0) succeeded++;
      if (restartsAfter(pod, container, ended.exitCode)) restarting++;
    } else if (status.state?.waiting) {
      if (status.lastState?.terminated) {
        stopped++;
        restarting++;
      } else waiting++;
    } else unknown++;
  }
  if (init.pending || (init.sidecarPending && running + stopped === 0)) return "Pending";
  if (waiting > 0) return "Pending";
  if (running > 0 && unknown === 0) return "Running";
  if (running === 0 && stopped > 0 && unknown === 0) {
    if (terminal) return stopped === succeeded ? "Succeeded" : "Failed";
    if (restarting > 0) return "Running";
    return stopped === succeeded ? "Succeeded" : "Failed";
  }
  return "Pending";
}

function initProgress(
  pod: Pod,
  byName: ReadonlyMap<string, ContainerStatus>,
): { pending: boolean; sidecarPending: boolean; failedForGood: boolean } {
  let pending = false;
  let sidecarPending = false;
  for (const container of initContainers(pod)) {
    const status = byName.get(container.name);
    if (isSidecar(container)) {
      if (!status?.started) sidecarPending = true;
      continue;
    }
    const ended = status?.state?.terminated;
    if (ended?.exitCode === 0) continue;
    if (ended && restartPolicyOf(pod, container) === "Never" && !restartsAfter(pod, container, ended.exitCode)) {
      return { pending: false, sidecarPending: false, failedForGood: true };
    }
    pending = true;
  }
  return { pending, sidecarPending, failedForGood: false };
}
