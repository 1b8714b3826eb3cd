import { jsonEqual } from "../api/json-equal.ts";
import { objectKey } from "../api/object.ts";
import { nodes, pods } from "../api/resource-types.ts";
import { isNotFound } from "../api/status-error.ts";
import { tolerates } from "../api/taints.ts";
import type { Node, Pod, Taint, Toleration } from "../api/types/core.v1.ts";
import type { ReconcileResult } from "../client/controller-loop.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "./controller.ts";
import { disruptionPatch } from "./pod-disruption.ts";
import { podsByNode, podsOn } from "./pods-by-node.ts";

/** Deletes pods from nodes with NoExecute taints that they do not tolerate, or no longer. */
export const taintEvictionController: ControllerDefinition = {
  name: "taint-eviction-controller",
  serviceAccount: "node-controller",
  create,
};

/**
 * How long a pod may stay with these NoExecute taints, in ms: 0 where one is not tolerated, undefined for ever; otherwise
 * the shortest of the times that the tolerations grant.
 */
export function stayMs(taints: readonly Taint[], tolerations: readonly Toleration[] | undefined): number | undefined {
  let shortest: number | undefined;
  for (const taint of taints) {
    // As upstream: the first toleration that fits is the one that counts.
    const toleration = tolerations?.find((one) => tolerates(one, taint));
    if (!toleration) return 0;
    if (toleration.tolerationSeconds === undefined) continue;
    const stay = Math.max(0, toleration.tolerationSeconds * 1000);
    shortest = shortest === undefined ? stay : Math.min(shortest, stay);
  }
  return shortest;
}

const noExecute = (node: Node | undefined): Taint[] =>
  (node?.spec?.taints ?? []).filter((taint) => taint.effect === "NoExecute");

function create(context: ControllerContext) {
  const { client, clock, informers } = context;
  const resource = client.resource(pods);
  const nodeInformer = informers.informer(nodes);
  const podInformer = informers.informer(pods);
  const recorder = context.recorder("taint-eviction-controller");
  podsByNode(podInformer);
  /** Since when each pod's time runs. */
  const started = new Map<string, { uid: string | undefined; at: number }>();

  const controller = keyedController(context, { name: "taint-eviction-controller", workers: 8, reconcile });
  const enqueueTainted = (pod: Pod) => {
    const key = objectKey(pod);
    if (started.has(key) || noExecute(nodeInformer.get(pod.spec?.nodeName ?? "")).length > 0) controller.queue.add(key);
  };
  podInformer.on({
    add: enqueueTainted,
    update(old, pod) {
      const changed =
        old.spec?.nodeName !== pod.spec?.nodeName || !jsonEqual(old.spec?.tolerations, pod.spec?.tolerations);
      if (changed) enqueueTainted(pod);
    },
    delete: (pod) => void started.delete(objectKey(pod)),
  });
  const enqueueAllOn = (node: Node) => {
    for (const pod of podsOn(podInformer, node.metadata?.name ?? "")) controller.queue.add(objectKey(pod));
  };
  nodeInformer.on({
    add(node) {
      if (noExecute(node).length > 0) enqueueAllOn(node);
    },
    update(old, node) {
      if (!jsonEqual(noExecute(old), noExecute(node))) enqueueAllOn(node);
    },
  });

  async function reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const pod = podInformer.get(key);
    if (!pod || pod.metadata?.deletionTimestamp) {
      started.delete(key);
      return undefined;
    }
    const taints = noExecute(nodeInformer.get(pod.spec?.nodeName ?? ""));
    const stay = taints.length === 0 ? undefined : stayMs(taints, pod.spec?.tolerations);
    if (stay === undefined) {
      if (started.delete(key)) {
        recorder.event(pod, "Normal", "TaintManagerEviction", `Cancelling deletion of Pod ${key}`);
      }
      return undefined;
    }
    let since = started.get(key);
    if (since?.uid !== pod.metadata?.uid) since = undefined;
    if (!since) {
      since = { uid: pod.metadata?.uid, at: clock.monotonic() };
      // Who must go at once has nothing to be cancelled.
      if (stay > 0) started.set(key, since);
    }
    const left = since.at + stay - clock.monotonic();
    if (left > 0) return { requeueAfterMs: left };
    started.delete(key);
    await evict(pod, signal);
    return undefined;
  }

  async function evict(pod: Pod, signal: AbortSignal): Promise<void> {
    const { name = "", namespace, uid } = pod.metadata ?? {};
    recorder.event(pod, "Normal", "TaintManagerEviction", `Marking for deletion Pod ${objectKey(pod)}`);
    const message = "Taint manager: deleting due to NoExecute taint";
    const patch = disruptionPatch(pod, "DeletionByTaintManager", message, clock.now());
    if (patch) await resource.patch(name, namespace, "merge", patch, { subresource: "status", signal }).catch(ifGone);
    await resource.delete(name, namespace, { preconditions: { uid }, signal }).catch(ifGone);
  }
  return controller;
}

const ifGone = (error: unknown): undefined => {
  if (!isNotFound(error)) throw error;
};
