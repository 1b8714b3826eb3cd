import { leases, nodes, pods } from "../../api/resource-types.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { Node, Pod } from "../../api/types/core.v1.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import { pendingWrites } from "../../client/pending-writes.ts";
import { time } from "../../client/timestamps.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { isReady } from "../pod-state.ts";
import { podsByNode, podsOn } from "../pods-by-node.ts";
import { heartbeats, readyCondition } from "./heartbeats.ts";
import { withUnknownConditions } from "./node-conditions.ts";
import { isTaintedForEviction, noExecuteTaint, plannedTaints } from "./node-taints.ts";
import { surveyZones, zoneGates, zoneKey } from "./zones.ts";

/** Notices nodes that fall silent, says so in their conditions, and taints nodes by their conditions. */
export const nodeLifecycleController: ControllerDefinition = {
  name: "node-lifecycle-controller",
  alias: "nodelifecycle",
  serviceAccount: "node-controller",
  create,
};

/** Stands in the queue for all nodes that are not ready; no node has this name. */
const ALL_UNREADY = "";
/** The labels of old and of new names that nodes carry both. */
const TWIN_LABELS: readonly [string, string][] = [
  ["kubernetes.io/os", "beta.kubernetes.io/os"],
  ["kubernetes.io/arch", "beta.kubernetes.io/arch"],
];

function create(context: ControllerContext) {
  const { client, clock, informers, settings } = context;
  const resource = client.resource(nodes);
  const podResource = client.resource(pods);
  const nodeInformer = informers.informer(nodes);
  const podInformer = informers.informer(pods);
  const leaseInformer = informers.informer(leases, { namespace: "kube-node-lease" });
  const recorder = context.recorder("node-controller");
  const heard = heartbeats(clock);
  const gates = zoneGates(clock);
  const pending = pendingWrites(clock);
  podsByNode(podInformer);
  let wereAllDisrupted = false;

  const controller = keyedController(context, { name: "node-lifecycle-controller", workers: 8, reconcile });
  const isNodeReady = (node: Node) => readyCondition(node)?.status === "True";
  /** A node's readiness decides how its zone is dealt with, and so concerns all those that are not ready. */
  const enqueueUnready = () => controller.queue.add(ALL_UNREADY);
  const aboutNode = ({ metadata }: Node) => ({
    apiVersion: "v1",
    kind: "Node",
    name: metadata?.name,
    uid: metadata?.uid,
  });
  const tell = (node: Node, reason: string, event: string) =>
    recorder.event(aboutNode(node), "Normal", reason, `Node ${node.metadata?.name} event: ${event}`);
  nodeInformer.on({
    add(node) {
      const name = node.metadata?.name ?? "";
      heard.sawNode(node);
      tell(node, "RegisteredNode", `Registered Node ${name} in Controller`);
      controller.queue.add(name);
      enqueueUnready();
    },
    update(old, node) {
      heard.sawNode(node);
      controller.queue.add(node.metadata?.name ?? "");
      if (isNodeReady(old) !== isNodeReady(node) || zoneKey(old) !== zoneKey(node)) enqueueUnready();
    },
    delete(node) {
      const name = node.metadata?.name ?? "";
      heard.forget(name);
      pending.forget(name);
      tell(node, "RemovingNode", `Removing Node ${name} from Controller`);
      enqueueUnready();
    },
  });
  // A renewal only moves the time of the next look, so nothing is enqueued: a hundred nodes renew ten times a second.
  leaseInformer.on({ add: heard.sawLease, update: (_, lease) => heard.sawLease(lease) });

  async function reconcile(name: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    if (name === ALL_UNREADY) {
      for (const node of nodeInformer.list()) if (!isNodeReady(node)) controller.queue.add(node.metadata?.name ?? "");
      return undefined;
    }
    const observed = nodeInformer.get(name);
    if (!observed || !pending.settled(name)) return undefined;
    const grace = readyCondition(observed) ? settings.nodeMonitorGracePeriodMs : settings.nodeStartupGracePeriodMs;
    const left = grace - heard.silentFor(observed);
    let node = left > 0 ? observed : withUnknownConditions(observed, clock.now());
    if (node !== observed) {
      node = await resource.updateStatus(node, { signal });
      pending.wrote(name, nodeInformer, node);
      if (isNodeReady(observed)) {
        recorder.event(aboutNode(node), "Normal", "NodeNotReady", `Node ${name} status is now: NodeNotReady`);
      }
    }
    if (left <= 0) await markPodsNotReady(name, signal);

    const wait = await taint(node, signal);
    await completeLabels(node, signal);
    const waits = [wait, left > 0 ? left : undefined].filter((one) => one !== undefined);
    return waits.length > 0 ? { requeueAfterMs: Math.min(...waits) } : undefined;
  }

  /** Brings the taints in line with the conditions. Returns how long to wait for the turn to drive pods off. */
  async function taint(node: Node, signal: AbortSignal): Promise<number | undefined> {
    const name = node.metadata?.name ?? "";
    const all = nodeInformer.list().map((one) => (one.metadata?.name === name ? node : one));
    const { rates, allDisrupted } = surveyZones(all, settings);
    if (wereAllDisrupted && !allDisrupted) heard.restart();
    wereAllDisrupted = allDisrupted;

    let wait: number | undefined;
    let evict: "now" | "keep" | "never" = allDisrupted ? "never" : "keep";
    if (evict === "keep" && noExecuteTaint(node) && !isTaintedForEviction(node)) {
      const zone = zoneKey(node);
      wait = gates.pass(zone, rates.get(zone) ?? 0);
      if (wait === 0) {
        evict = "now";
        wait = undefined;
      }
    }
    const taints = plannedTaints(node, evict, clock.now());
    if (taints) {
      const { resourceVersion } = node.metadata ?? {};
      const patch = { metadata: { resourceVersion }, spec: { taints } };
      const patched = await resource.patch(name, undefined, "merge", patch, { signal }).catch(ifGone);
      if (patched) pending.wrote(name, nodeInformer, patched);
    }
    return wait;
  }

  /** Pods on a silent node can't be counted on: Services stop sending to them. */
  async function markPodsNotReady(nodeName: string, signal: AbortSignal): Promise<void> {
    const ready = podsOn(podInformer, nodeName).filter(isReady);
    const mark = async (pod: Pod) => {
      const conditions = pod.status?.conditions?.map((condition) =>
        condition.type === "Ready"
          ? { ...condition, status: "False", lastTransitionTime: time(clock.now()) }
          : condition,
      );
      const marked = await podResource
        .updateStatus({ ...pod, status: { ...pod.status, conditions } }, { signal })
        .catch(ifGone);
      if (marked) recorder.event(pod, "Warning", "NodeNotReady", "Node is not ready");
    };
    await Promise.all(ready.map(mark));
  }

  async function completeLabels(node: Node, signal: AbortSignal): Promise<void> {
    const present = node.metadata?.labels ?? {};
    const labels = Object.fromEntries(
      TWIN_LABELS.filter(([one, twin]) => present[one] !== undefined && present[twin] !== present[one]).map(
        ([one, twin]) => [twin, present[one]],
      ),
    );
    if (Object.keys(labels).length === 0) return;
    const name = node.metadata?.name ?? "";
    await resource.patch(name, undefined, "merge", { metadata: { labels } }, { signal }).catch(ifGone);
  }
  return controller;
}

const ifGone = (error: unknown): undefined => {
  if (!isNotFound(error)) throw error;
};
