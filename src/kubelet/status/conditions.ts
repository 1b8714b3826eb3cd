import type { ContainerStatus, Pod, PodCondition } from "../../api/types/core.v1.ts";
import { type AnyContainer, initContainers, isSidecar, regularContainers } from "../pod/pod.ts";
import type { PodPhase } from "./phase.ts";

/** The condition types that the kubelet writes; others in a pod's status belong to somebody else. */
export const OWNED_CONDITIONS: readonly string[] = [
  "PodReadyToStartContainers",
  "Initialized",
  "Ready",
  "ContainersReady",
  "PodScheduled",
  "DisruptionTarget",
  "PodResizePending",
  "PodResizeInProgress",
];

export interface ConditionInputs {
  pod: Pod;
  phase: PodPhase;
  /** All containers of all kinds. */
  statuses: readonly ContainerStatus[];
  /** Whether a sandbox is ready and has its network. */
  sandboxReady: boolean;
  /** The conditions last reported, others' among them: readiness gates look at these. */
  present: readonly PodCondition[];
}
type Verdict = Pick<PodCondition, "status" | "reason" | "message">;

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-conditions; without transition times. */
export function podConditions(inputs: ConditionInputs): PodCondition[] {
  const containersReady = containersReadyVerdict(inputs);
  const verdicts: [string, Verdict][] = [
    ["PodReadyToStartContainers", { status: inputs.sandboxReady ? "True" : "False" }],
    ["Initialized", initializedVerdict(inputs)],
    ["Ready", readyVerdict(inputs, containersReady)],
    ["ContainersReady", containersReady],
    ["PodScheduled", { status: "True" }],
  ];
  const observedGeneration = inputs.pod.metadata?.generation;
  return verdicts.map(([type, verdict]) => ({
    type,
    ...(observedGeneration !== undefined ? { observedGeneration } : {}),
    ...verdict,
  }));
}

const find = (statuses: readonly ContainerStatus[], container: AnyContainer) =>
  statuses.find(({ name }) => name === container.name);
const list = (names: readonly string[]) => `[${names.join(" ")}]`;

function containersReadyVerdict({ pod, phase, statuses }: ConditionInputs): Verdict {
  const unknown: string[] = [];
  const unready: string[] = [];
  for (const container of [...initContainers(pod).filter(isSidecar), ...regularContainers(pod)]) {
    const status = find(statuses, container);
    if (!status) unknown.push(container.name);
    else if (!status.ready) unready.push(container.name);
  }
  if (phase === "Succeeded" && unknown.length === 0) return { status: "False", reason: "PodCompleted" };
  if (phase === "Failed" && unknown.length === 0) return { status: "False", reason: "PodFailed" };
  const parts = [
    ...(unknown.length > 0 ? [`containers with unknown status: ${list(unknown)}`] : []),
    ...(unready.length > 0 ? [`containers with unready status: ${list(unready)}`] : []),
  ];
  if (parts.length === 0) return { status: "True" };
  return { status: "False", reason: "ContainersNotReady", message: parts.join(", ") };
}

function readyVerdict({ pod, present }: ConditionInputs, containersReady: Verdict): Verdict {
  if (containersReady.status !== "True") return containersReady;
  const wrong: string[] = [];
  for (const { conditionType } of pod.spec?.readinessGates ?? []) {
    const condition = present.find(({ type }) => type === conditionType);
    if (!condition) wrong.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`);
    else if (condition.status !== "True") {
      wrong.push(`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`);
    }
  }
  if (wrong.length === 0) return { status: "True" };
  return { status: "False", reason: "ReadinessGatesNotReady", message: wrong.join(", ") };
}

function initializedVerdict({ pod, phase, statuses }: ConditionInputs): Verdict {
  const unknown: string[] = [];
  const incomplete: string[] = [];
  for (const container of initContainers(pod)) {
    const status = find(statuses, container);
    if (!status) unknown.push(container.name);
    else if (isSidecar(container) ? !status.started : !status.ready) incomplete.push(container.name);
  }
  if (phase === "Succeeded" && unknown.length === 0) return { status: "True", reason: "PodCompleted" };
  // Sidecars may be restarting; once a regular container has begun the pod stays initialized.
  const begun = regularContainers(pod).some((container) => {
    const status = find(statuses, container);
    return status?.state?.running || status?.state?.terminated || status?.lastState?.terminated;
  });
  const parts = [
    ...(unknown.length > 0 ? [`containers with unknown status: ${list(unknown)}`] : []),
    ...(incomplete.length > 0 ? [`containers with incomplete status: ${list(incomplete)}`] : []),
  ];
  if (begun || parts.length === 0) return { status: "True" };
  return { status: "False", reason: "ContainersNotInitialized", message: parts.join(", ") };
}
