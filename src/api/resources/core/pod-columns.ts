import { ageSince } from "../../age.ts";
import type { TableColumn } from "../../resource-definition.ts";
import type { ContainerStatus, Pod } from "../../types/core.v1.ts";
import { ageColumn, column, nameColumn, wideColumn } from "../columns.ts";
import { isSidecar } from "./pod-resources.ts";

/** What `kubectl get pods` makes of a pod's container states. */
export interface PodSummary {
  readonly ready: number;
  readonly total: number;
  readonly status: string;
  readonly restarts: number;
  /** Time of the last restart that counts, if there was one. */
  readonly restartedAt: string | undefined;
}

/** Condenses a pod's phase, deletion and container states into one word and a few counts, as upstream does. */
export function summarizePod(pod: Pod): PodSummary {
  const { spec, status } = pod;
  const initContainers = spec?.initContainers ?? [];
  const sidecars = new Set(initContainers.filter(isSidecar).map(({ name }) => name));
  const total = (spec?.containers?.length ?? 0) + sidecars.size;
  let word = status?.reason || status?.phase || "";
  if (status?.conditions?.some(({ type, reason }) => type === "PodScheduled" && reason === "SchedulingGated")) {
    word = "SchedulingGated";
  }

  const all = new Restarts();
  const ofSidecars = new Restarts();
  let ready = 0;
  let initializing = false;
  for (const [index, container] of (status?.initContainerStatuses ?? []).entries()) {
    const sidecar = sidecars.has(container.name);
    all.add(container);
    if (sidecar) ofSidecars.add(container);
    if (container.state?.terminated?.exitCode === 0) continue;
    if (sidecar && container.started) {
      if (container.ready) ready++;
      continue;
    }
    word = initWord(container, index, initContainers.length);
    initializing = true;
    break;
  }

  let counted = all;
  const initialized = status?.conditions?.find(({ type }) => type === "Initialized")?.status === "True";
  if (!initializing || initialized) {
    counted = ofSidecars;
    let running = false;
    // From the last to the first: the word of the first container that has one wins.
    for (const container of (status?.containerStatuses ?? []).toReversed()) {
      counted.add(container);
      const { waiting, terminated } = container.state ?? {};
      if (waiting?.reason) word = waiting.reason;
      else if (terminated) word = terminated.reason || exitWord(terminated);
      else if (container.ready && container.state?.running) {
        running = true;
        ready++;
      }
    }
    if (word === "Completed" && running) {
      const podReady = status?.conditions?.some((one) => one.type === "Ready" && one.status === "True");
      word = podReady ? "Running" : "NotReady";
    }
  }

  if (pod.metadata?.deletionTimestamp) {
    const terminal = status?.phase === "Failed" || status?.phase === "Succeeded";
    if (status?.reason === "NodeLost") word = "Unknown";
    else if (!terminal) word = "Terminating";
  }
  return { ready, total, status: word, restarts: counted.count, restartedAt: counted.last };
}

class Restarts {
  count = 0;
  last: string | undefined;
  add({ restartCount, lastState }: ContainerStatus): void {
    this.count += restartCount ?? 0;
    const finished = lastState?.terminated?.finishedAt;
    if (!finished) return;
    if (this.last === undefined || Date.parse(finished) > Date.parse(this.last)) this.last = finished;
  }
}

function initWord(container: ContainerStatus, index: number, count: number): string {
  const { terminated, waiting } = container.state ?? {};
  if (terminated) return `Init:${terminated.reason || exitWord(terminated)}`;
  if (waiting?.reason && waiting.reason !== "PodInitializing") return `Init:${waiting.reason}`;
  return `Init:${index}/${count}`;
}

function exitWord({ signal, exitCode }: { signal?: number; exitCode: number }): string {
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

function restartsCell(pod: Pod, now: number): string {
  const { restarts, restartedAt } = summarizePod(pod);
  return restarts !== 0 && restartedAt ? `${restarts} (${ageSince(restartedAt, now)} ago)` : String(restarts);
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return "<none>";
  const conditions = pod.status?.conditions ?? [];
  const met = gates.filter(
    ({ conditionType }) => conditions.find(({ type }) => type === conditionType)?.status === "True",
  );
  return `${met.length}/${gates.length}`;
}

export const podColumns: readonly TableColumn<Pod>[] = [
  nameColumn,
  column("Ready", "The aggregate readiness state of this pod for accepting traffic.", (pod) => {
    const { ready, total } = summarizePod(pod);
    return `${ready}/${total}`;
  }),
  column("Status", "The aggregate status of the containers in this pod.", (pod) => summarizePod(pod).status),
  column("Restarts", "How often containers of this pod were restarted, and when last.", restartsCell),
  ageColumn,
  wideColumn(
    "IP",
    "First IP address of the pod.",
    (pod) => pod.status?.podIPs?.[0]?.ip || pod.status?.podIP || "<none>",
  ),
  wideColumn("Node", "Name of the node that the pod is bound to.", (pod) => pod.spec?.nodeName || "<none>"),
  wideColumn(
    "Nominated Node",
    "Node that preemption makes room on for this pod.",
    (pod) => pod.status?.nominatedNodeName || "<none>",
  ),
  wideColumn("Readiness Gates", "How many of the pod's readiness gates are met.", readinessGates),
];
