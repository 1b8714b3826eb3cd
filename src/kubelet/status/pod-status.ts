import type { ContainerStatus, PodCondition, PodIP, PodStatus } from "../../api/types/core.v1.ts";
import { isTerminalPhase } from "../pod/pod.ts";
import { sandboxIps } from "../pod/pod-state.ts";
import { qosClass } from "../pod/qos.ts";
import { podConditions } from "./conditions.ts";
import { type ContainerStatusInputs, containerStatuses } from "./container-status.ts";
import { type PodPhase, podPhase } from "./phase.ts";

export interface PodStatusInputs extends Omit<ContainerStatusInputs, "old"> {
  /** The status last reported. */
  old: PodStatus;
  hostIps: readonly string[];
  /** Nothing of the pod will be started any more. */
  terminal: boolean;
  /** Conditions of a resize that is not done. */
  resizing: readonly PodCondition[];
  /** Why the node ends or rejects the pod, where it does. */
  verdict?: { phase: "Failed"; reason: string; message: string };
}

/** The whole status of a pod, without transition times and start time, which the status manager keeps. Pure. */
export function podStatus(inputs: PodStatusInputs): PodStatus {
  const { pod, state, old } = inputs;
  const containerInputs = { ...inputs, old: byName(old) };
  const initContainerStatuses = containerStatuses("init", containerInputs);
  const regular = containerStatuses("regular", containerInputs);
  const ephemeralContainerStatuses = containerStatuses("ephemeral", containerInputs);
  const all = [...initContainerStatuses, ...regular, ...ephemeralContainerStatuses];

  // An end is an end: nothing that is learned later takes it back.
  const ended = isTerminalPhase(old.phase);
  const phase = ended ? (old.phase as PodPhase) : (inputs.verdict?.phase ?? podPhase(pod, all, inputs.terminal));
  const reason = ended ? old.reason : inputs.verdict?.reason;
  const message = ended ? old.message : inputs.verdict?.message;
  const ips = podIps(inputs);
  const [sandbox] = state.sandboxes;
  return {
    phase,
    ...(reason ? { reason } : {}),
    ...(message ? { message } : {}),
    ...(pod.metadata?.generation !== undefined ? { observedGeneration: pod.metadata.generation } : {}),
    conditions: [
      ...podConditions({
        pod,
        phase,
        statuses: all,
        sandboxReady: sandbox?.state === "ready" && (!!pod.spec?.hostNetwork || sandbox.ips.length > 0),
        present: old.conditions ?? [],
      }),
      ...inputs.resizing,
    ],
    hostIP: inputs.hostIps[0],
    hostIPs: inputs.hostIps.map((ip) => ({ ip })),
    ...(ips.length > 0 ? { podIP: ips[0]!.ip, podIPs: ips } : {}),
    ...(old.startTime ? { startTime: old.startTime } : {}),
    ...(initContainerStatuses.length > 0 ? { initContainerStatuses } : {}),
    containerStatuses: regular,
    ...(ephemeralContainerStatuses.length > 0 ? { ephemeralContainerStatuses } : {}),
    qosClass: qosClass(pod),
  };
}

/** The addresses of the ready sandbox; those reported last stay while there is none. */
function podIps({ pod, state, old, hostIps }: PodStatusInputs): PodIP[] {
  if (pod.spec?.hostNetwork) {
    if (old.podIPs?.length) return old.podIPs;
    return state.sandboxes.length > 0 ? hostIps.map((ip) => ({ ip })) : [];
  }
  const present = sandboxIps(state);
  if (present.length > 0) return present.map((ip) => ({ ip }));
  return old.podIPs ?? [];
}

function byName(status: PodStatus): Map<string, ContainerStatus> {
  const all = [
    ...(status.initContainerStatuses ?? []),
    ...(status.containerStatuses ?? []),
    ...(status.ephemeralContainerStatuses ?? []),
  ];
  return new Map(all.map((one) => [one.name, one]));
}
