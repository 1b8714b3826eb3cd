import type { ContainerStatus, PodStatus } from "../../api/types/core.v1.ts";
import { podLogDirectory } from "../containers/log-paths.ts";
import type { TerminationMessages } from "../containers/termination-message.ts";
import { isTerminalPhase } from "../pod/pod.ts";
import { liveContainers } from "../pod/pod-state.ts";
import type { PodWork } from "../pod/pod-worker.ts";
import type { RuntimeCache } from "../pod/runtime-cache.ts";
import type { ProbeManager } from "../probes/probe-manager.ts";
import type { Resizer } from "../resize/resizer.ts";
import { podStatus } from "./pod-status.ts";
import type { StatusManager } from "./status-manager.ts";

/** Makes pods' statuses out of what is known of them and hands them to the status manager. */
export interface PodReporter {
  /** Returns the status as it follows from the runtime, which may be an end before that is told to the API. */
  report(work: PodWork, stage?: { terminating?: boolean; ended?: boolean }): Promise<PodStatus>;
  /** The last report: nothing of the pod is left, so every container must have ended in some way. */
  reportFinal(work: PodWork): Promise<void>;
  forgetPod(podUid: string): void;
}

export interface PodReporterOptions {
  cache: RuntimeCache;
  probes: ProbeManager;
  statuses: StatusManager;
  messages: TerminationMessages;
  podLogsDir: string;
  hostIps: readonly string[];
  runtimeName: string;
  resizer: Pick<Resizer, "resourcesOf" | "conditions">;
}

export function podReporter(options: PodReporterOptions): PodReporter {
  const { cache, probes, statuses } = options;

  const compute = async (work: PodWork, stage: { terminating?: boolean; ended?: boolean }): Promise<PodStatus> => {
    const { pod, uid } = work;
    const messages = await options.messages.ofPod(cache.state(uid), podLogDirectory(options.podLogsDir, pod));
    const state = cache.state(uid);
    const old = statuses.get(pod);
    const status = podStatus({
      pod,
      state,
      old,
      waiting: work.waiting,
      messages,
      runtimeName: options.runtimeName,
      resources: (name) => options.resizer.resourcesOf(pod, state, name),
      resizing: options.resizer.conditions(pod, state),
      started: probes.started,
      ready: probes.ready,
      hostIps: options.hostIps,
      terminal: stage.ended ?? false,
      ...(work.verdict ? { verdict: work.verdict } : {}),
    });
    const disruption = work.verdict?.disruption;
    if (disruption) status.conditions?.push({ type: "DisruptionTarget", status: "True", ...disruption });
    probes.observe(pod, state, status.podIP ?? "", stage.terminating ?? false);
    return status;
  };

  return {
    async report(work, stage = {}) {
      const status = await compute(work, stage);
      if (work.runtimeOnly) return status;
      const { pod, uid } = work;
      const old = statuses.get(pod);
      const held = isTerminalPhase(status.phase) && !isTerminalPhase(old.phase) && !stage.ended;
      // While something runs the API must not take the pod for ended: others would use its volumes and its place.
      const early = held && liveContainers(cache.state(uid)).length > 0;
      statuses.set(
        pod,
        early ? { ...status, phase: old.phase ?? "Pending", reason: old.reason, message: old.message } : status,
      );
      return status;
    },
    async reportFinal(work) {
      const status = await compute(work, { terminating: true, ended: true });
      const initialized = status.conditions?.some(
        ({ type, status: value }) => type === "Initialized" && value === "True",
      );
      const state = cache.state(work.uid);
      const rejected = work.verdict && state.sandboxes.length === 0;
      const end = (container: ContainerStatus): ContainerStatus =>
        container.state?.terminated ? container : { ...container, ready: false, started: false, state: LOST };
      const last: PodStatus = {
        ...status,
        containerStatuses:
          initialized && !rejected ? status.containerStatuses?.map(end) : (status.containerStatuses ?? []),
        ...(status.initContainerStatuses
          ? { initContainerStatuses: status.initContainerStatuses.map((one) => (one.containerID ? end(one) : one)) }
          : {}),
        phase: isTerminalPhase(status.phase) ? status.phase : "Failed",
      };
      statuses.set(work.pod, last);
    },
    forgetPod: (uid) => options.messages.forgetPod(uid),
  };
}

const LOST = {
  terminated: {
    reason: "ContainerStatusUnknown",
    message: "The container could not be located when the pod was terminated",
    exitCode: 137,
  },
} as const;
