import type { DaemonSet, DaemonSetStatus } from "../../api/types/apps.v1.ts";
import type { Node, Pod } from "../../api/types/core.v1.ts";
import { scaledValue, withoutZeros } from "../counts.ts";
import { availableInMs, isAvailable, isReady, isTerminating } from "../pod-state.ts";
import { HASH, isWantedOn, nodeOf } from "./daemon-pod.ts";

const BURST = 250;

export interface ObservedDaemonSet {
  set: DaemonSet;
  nodes: readonly Node[];
  /** Those that it controls. */
  pods: readonly Pod[];
  /** Of the present template. */
  hash: string;
  /** For how long a failed daemon is to be left on the node, in ms. */
  backoffOf(node: string): number;
  now: number;
}

export interface DaemonSetPlan {
  /** Nodes that get a daemon. */
  create: string[];
  delete: Pod[];
  /** Nodes where a daemon failed and is deleted. */
  failedOn: string[];
  events: { reason: string; message: string; type: "Normal" | "Warning" }[];
  requeueAfterMs?: number;
}

/** Which daemons to make and to take away. */
export function planDaemonSet(observed: ObservedDaemonSet): DaemonSetPlan {
  const plan = planPlacement(observed);
  // As long as daemons are missing or too many, none is replaced.
  if (plan.create.length + plan.delete.length === 0 && observed.set.spec?.updateStrategy?.type !== "OnDelete") {
    planRollingUpdate(observed, plan);
  }
  plan.create = plan.create.slice(0, BURST);
  plan.delete = plan.delete.slice(0, BURST);
  return plan;
}

/** Daemons by node, the oldest first on each; those of nodes that are gone are under their names. */
function byNode(pods: readonly Pod[]): Map<string, Pod[]> {
  const placed = new Map<string, Pod[]>();
  for (const pod of [...pods].sort(byCreation)) {
    const node = nodeOf(pod);
    if (node !== undefined) placed.set(node, [...(placed.get(node) ?? []), pod]);
  }
  return placed;
}

const byCreation = (a: Pod, b: Pod) => (age(a) < age(b) ? -1 : 1);
const age = ({ metadata }: Pod) => `${metadata?.creationTimestamp} ${metadata?.name}`;
const isCurrent = (pod: Pod, hash: string) => pod.metadata?.labels?.[HASH] === hash;
const surgeOf = ({ set }: ObservedDaemonSet, desired: number) =>
  set.spec?.updateStrategy?.type === "OnDelete"
    ? 0
    : scaledValue(set.spec?.updateStrategy?.rollingUpdate?.maxSurge ?? 0, desired, true);

function planPlacement(observed: ObservedDaemonSet): DaemonSetPlan {
  const { set, nodes, pods, now } = observed;
  const plan: DaemonSetPlan = { create: [], delete: [], failedOn: [], events: [] };
  const placed = byNode(pods);
  const surging = surgeOf(observed, nodes.filter((node) => isWantedOn(set, node).run).length) > 0;
  for (const node of nodes) {
    const name = node.metadata?.name ?? "";
    const { run, stay } = isWantedOn(set, node);
    const present = placed.get(name) ?? [];
    if (!stay) {
      plan.delete.push(...present.filter((pod) => !isTerminating(pod)));
      continue;
    }
    if (present.length === 0) {
      if (run) plan.create.push(name);
      continue;
    }
    const running: Pod[] = [];
    for (const pod of present) {
      if (isTerminating(pod)) continue;
      const about = `${pod.metadata?.namespace}/${pod.metadata?.name} on node ${name}`;
      if (pod.status?.phase === "Failed") {
        const wait = observed.backoffOf(name);
        if (wait > 0) plan.requeueAfterMs = Math.min(plan.requeueAfterMs ?? wait, wait);
        else {
          plan.failedOn.push(name);
          plan.delete.push(pod);
          const message = `Found failed daemon pod ${about}, will try to kill it`;
          plan.events.push({ reason: "FailedDaemonPod", message, type: "Warning" });
        }
      } else if (pod.status?.phase === "Succeeded") {
        plan.delete.push(pod);
        const message = `Found succeeded daemon pod ${about}, will try to delete it`;
        plan.events.push({ reason: "SucceededDaemonPod", message, type: "Normal" });
      } else running.push(pod);
    }
    plan.delete.push(...(surging ? surplusWhileSurging(observed, running, now) : running.slice(1)));
  }
  const known = new Set(nodes.map((node) => node.metadata?.name));
  for (const [name, strays] of placed) {
    // What is bound to a node that is gone is the pod collector's; what was never bound is nobody else's.
    if (!known.has(name)) plan.delete.push(...strays.filter((pod) => !pod.spec?.nodeName && !isTerminating(pod)));
  }
  return plan;
}

/** One old and one new daemon may be on a node; the old one only until the new one is available. */
function surplusWhileSurging({ set, hash }: ObservedDaemonSet, running: readonly Pod[], now: number): Pod[] {
  const current = running.filter((pod) => isCurrent(pod, hash));
  const old = running.filter((pod) => !isCurrent(pod, hash));
  const surplus = [...current.slice(1), ...old.slice(1)];
  const minReady = set.spec?.minReadySeconds ?? 0;
  if (current[0] && old[0] && isAvailable(current[0], minReady, now)) surplus.push(old[0]);
  return surplus;
}

/** The one old and one new daemon of a node; undefined where there are more of a kind: that is for the placement. */
function pairOn(pods: readonly Pod[], hash: string): { old: Pod | undefined; current: Pod | undefined } | undefined {
  const living = pods.filter((pod) => !isTerminating(pod));
  const current = living.filter((pod) => isCurrent(pod, hash));
  const old = living.filter((pod) => !isCurrent(pod, hash));
  return current.length > 1 || old.length > 1 ? undefined : { old: old[0], current: current[0] };
}

function planRollingUpdate(observed: ObservedDaemonSet, plan: DaemonSetPlan): void {
  const { set, nodes, pods, hash, now } = observed;
  const desired = nodes.filter((node) => isWantedOn(set, node).run).length;
  const surge = surgeOf(observed, desired);
  const { maxUnavailable } = set.spec?.updateStrategy?.rollingUpdate ?? {};
  const unavailable = scaledValue(maxUnavailable ?? 1, desired, true);
  const isUp = (pod: Pod) => isAvailable(pod, set.spec?.minReadySeconds ?? 0, now);
  const placed = byNode(pods);
  /** Nodes, or daemons, whose replacement costs nothing; and those that use up the budget. */
  const free: Pod[] = [];
  const candidates: Pod[] = [];
  let used = 0;
  const names = nodes.filter((node) => isWantedOn(set, node).run).map((node) => node.metadata?.name ?? "");
  for (const name of names) {
    const pair = pairOn(placed.get(name) ?? [], hash);
    if (!pair) {
      used++;
      continue;
    }
    const { old, current } = pair;
    if (surge > 0) {
      if (!old) continue;
      if (!current) (isUp(old) ? candidates : free).push(old);
      else if (!isUp(old)) plan.delete.push(old);
      else used++;
    } else if (Boolean(old) === Boolean(current)) used++;
    else if (current) used += isUp(current) ? 0 : 1;
    else (isUp(old!) ? candidates : free).push(old!);
  }
  const budget = surge > 0 ? surge : Math.max(unavailable, 1);
  const replace = [...free, ...candidates.slice(0, Math.max(0, budget - used))];
  if (surge > 0) plan.create.push(...replace.map((pod) => nodeOf(pod)!));
  else plan.delete.push(...replace);
}

/** What is counted over the nodes, and when the next daemon becomes available. */
export function planDaemonSetStatus(observed: Pick<ObservedDaemonSet, "set" | "nodes" | "pods" | "hash" | "now">): {
  status: DaemonSetStatus;
  nextAvailableInMs: number | undefined;
} {
  const { set, nodes, pods, hash, now } = observed;
  const minReady = set.spec?.minReadySeconds ?? 0;
  const placed = byNode(pods);
  const counts = { desired: 0, current: 0, misscheduled: 0, ready: 0, available: 0, updated: 0 };
  let next: number | undefined;
  for (const node of nodes) {
    const [oldest] = placed.get(node.metadata?.name ?? "") ?? [];
    if (!isWantedOn(set, node).run) {
      if (oldest) counts.misscheduled++;
      continue;
    }
    counts.desired++;
    if (!oldest) continue;
    counts.current++;
    if (isReady(oldest)) counts.ready++;
    const wait = availableInMs(oldest, minReady, now);
    if (wait === 0) counts.available++;
    else if (wait !== undefined) next = Math.min(next ?? wait, wait);
    if (isCurrent(oldest, hash)) counts.updated++;
  }
  const { collisionCount, conditions } = set.status ?? {};
  return {
    status: {
      desiredNumberScheduled: counts.desired,
      currentNumberScheduled: counts.current,
      numberMisscheduled: counts.misscheduled,
      numberReady: counts.ready,
      ...withoutZeros({
        updatedNumberScheduled: counts.updated,
        numberAvailable: counts.available,
        numberUnavailable: counts.desired - counts.available,
        observedGeneration: set.metadata?.generation,
      }),
      ...(collisionCount === undefined ? {} : { collisionCount }),
      ...(conditions ? { conditions } : {}),
    },
    nextAvailableInMs: next,
  };
}
