import type {
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
  Pod,
  ResourceRequirements,
  VolumeMountStatus,
} from "../../api/types/core.v1.ts";
import { shouldRun } from "../plan/plan.ts";
import {
  type AnyContainer,
  apiTime,
  type ContainerKind,
  ephemeralContainers,
  initContainers,
  isSidecar,
  podUid,
  regularContainers,
} from "../pod/pod.ts";
import type { PodContainer, PodState } from "../pod/pod-state.ts";

/** Why a container does not run although it should: what its status waits with. */
export interface WaitingReason {
  reason: string;
  message: string;
}

export interface ContainerStatusInputs {
  pod: Pod;
  state: PodState;
  /** The last status of each container, by name, as it was reported. */
  old: ReadonlyMap<string, ContainerStatus>;
  waiting: ReadonlyMap<string, WaitingReason>;
  /** What ended containers left behind, by container id. */
  messages: ReadonlyMap<string, string>;
  /** `containerd`, before the container's id. */
  runtimeName: string;
  /** What a container runs with, and what it was granted. */
  resources(name: string): { applied: ResourceRequirements; granted: ResourceRequirements };
  started(podUid: string, container: string, containerId: string): boolean;
  ready(podUid: string, container: string, containerId: string): boolean;
}

/** The statuses of all containers of one kind. */
export function containerStatuses(kind: ContainerKind, inputs: ContainerStatusInputs): ContainerStatus[] {
  const { pod } = inputs;
  switch (kind) {
    case "init":
      return initContainers(pod).map((container) => containerStatus(kind, container, inputs));
    case "regular":
      return regularContainers(pod)
        .map((container) => containerStatus(kind, container, inputs))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    case "ephemeral":
      return ephemeralContainers(pod).map((container) => containerStatus(kind, container, inputs));
  }
}

function containerStatus(kind: ContainerKind, container: AnyContainer, inputs: ContainerStatusInputs): ContainerStatus {
  const { pod, state } = inputs;
  const instances = state.containers.filter(({ name }) => name === container.name);
  const old = inputs.old.get(container.name);
  const [current, previous] = instances;
  const status = current
    ? fromRuntime(container, current, previous, old, inputs)
    : withoutInstance(kind, container, old, pod);
  Object.assign(status, ofSpec(container, inputs));
  applyWaitingReason(kind, container, status, inputs);
  applyReadiness(kind, container, status, current, inputs);
  return status;
}

/** Parts that come from the spec, and from what of it was granted. */
function ofSpec(container: AnyContainer, inputs: ContainerStatusInputs): Partial<ContainerStatus> {
  const { applied, granted } = inputs.resources(container.name);
  const { requests } = granted;
  const mounts = (container.volumeMounts ?? []).map(
    (mount): VolumeMountStatus => ({
      name: mount.name,
      mountPath: mount.mountPath,
      ...(mount.readOnly ? { readOnly: true, recursiveReadOnly: "Disabled" } : {}),
    }),
  );
  return {
    resources: applied,
    ...(requests && Object.keys(requests).length > 0 ? { allocatedResources: requests } : {}),
    ...(container.lifecycle?.stopSignal ? { stopSignal: container.lifecycle.stopSignal } : {}),
    ...(mounts.length > 0 ? { volumeMounts: mounts } : {}),
  };
}

function fromRuntime(
  container: AnyContainer,
  current: PodContainer,
  previous: PodContainer | undefined,
  old: ContainerStatus | undefined,
  inputs: ContainerStatusInputs,
): ContainerStatus {
  const { status } = current;
  const last = previous && stateOf(previous, inputs);
  // Where the runtime has lost the instance before this one, what was reported of it is all there is.
  const lastState = last?.terminated
    ? last
    : old?.containerID === containerId(current, inputs)
      ? old?.lastState
      : old?.state?.terminated
        ? { terminated: old.state.terminated }
        : old?.lastState;
  return {
    name: container.name,
    state: stateOf(current, inputs, old),
    lastState: lastState ?? {},
    ready: false,
    restartCount: current.restartCount,
    image: status.image || (container.image ?? ""),
    imageID: status.imageRef,
    containerID: containerId(current, inputs),
  };
}

const containerId = (container: PodContainer, inputs: ContainerStatusInputs) =>
  `${inputs.runtimeName}://${container.id}`;

function stateOf(container: PodContainer, inputs: ContainerStatusInputs, old?: ContainerStatus): ContainerState {
  const { status } = container;
  switch (status.state) {
    case "running":
      return { running: { startedAt: apiTime(status.startedAt) } };
    case "exited":
      return { terminated: terminatedState(container, inputs) };
    case "unknown":
      if (!old?.state?.running) return { waiting: {} };
      return { terminated: lostState(old, "The container could not be located when the pod was terminated") };
    case "created":
      return { waiting: {} };
  }
}

function terminatedState(container: PodContainer, inputs: ContainerStatusInputs): ContainerStateTerminated {
  const { status } = container;
  const message = inputs.messages.get(container.id) || status.message;
  return {
    exitCode: status.exitCode,
    ...(status.reason ? { reason: status.reason } : {}),
    ...(message ? { message } : {}),
    ...(status.startedAt ? { startedAt: apiTime(status.startedAt) } : {}),
    finishedAt: apiTime(status.finishedAt),
    containerID: containerId(container, inputs),
  };
}

function lostState(old: ContainerStatus, message: string): ContainerStateTerminated {
  return {
    reason: "ContainerStatusUnknown",
    message,
    exitCode: 137,
    ...(old.containerID ? { containerID: old.containerID } : {}),
  };
}

/** The runtime has nothing of the container: it has not begun yet, or was removed since. */
function withoutInstance(
  kind: ContainerKind,
  container: AnyContainer,
  old: ContainerStatus | undefined,
  pod: Pod,
): ContainerStatus {
  // An end once reported stays, also when the runtime's record of it is cleaned away.
  if (old?.state?.terminated) return { ...old };
  const status: ContainerStatus = {
    name: container.name,
    state: { waiting: { reason: defaultWaiting(kind, pod) } },
    lastState: old?.lastState ?? {},
    ready: false,
    restartCount: old?.restartCount ?? 0,
    image: container.image ?? "",
    imageID: "",
  };
  if (!old?.state?.running || status.lastState?.terminated) return status;
  const message = "The container could not be located when the pod was deleted.  The container used to be Running";
  status.lastState = { terminated: lostState(old, message) };
  if (!pod.metadata?.deletionTimestamp) status.restartCount++;
  return status;
}

function defaultWaiting(kind: ContainerKind, pod: Pod): string {
  if (kind === "init") return "PodInitializing";
  return kind === "regular" && initContainers(pod).length > 0 ? "PodInitializing" : "ContainerCreating";
}

/** A container that is to run again waits, with the reason of the last failure to start it. */
function applyWaitingReason(
  kind: ContainerKind,
  container: AnyContainer,
  status: ContainerStatus,
  inputs: ContainerStatusInputs,
): void {
  const waiting = inputs.waiting.get(container.name);
  if (!waiting || !shouldRun(inputs.pod, inputs.state, container)) return;
  if (kind === "init" && !isSidecar(container) && status.state?.terminated?.exitCode === 0) return;
  if (status.state?.terminated) status.lastState = { terminated: status.state.terminated };
  status.state = { waiting: { reason: waiting.reason, ...(waiting.message ? { message: waiting.message } : {}) } };
}

function applyReadiness(
  kind: ContainerKind,
  container: AnyContainer,
  status: ContainerStatus,
  current: PodContainer | undefined,
  inputs: ContainerStatusInputs,
): void {
  if (kind === "ephemeral") return;
  const uid = podUid(inputs.pod);
  const running = status.state?.running !== undefined && current !== undefined;
  status.started = running && inputs.started(uid, container.name, current.id);
  if (kind === "init" && !isSidecar(container)) status.ready = status.state?.terminated?.exitCode === 0;
  else status.ready = status.started && running && inputs.ready(uid, container.name, current.id);
}
