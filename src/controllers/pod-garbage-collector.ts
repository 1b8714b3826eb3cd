import { objectKey } from "../api/object.ts";
import { nodes, pods } from "../api/resource-types.ts";
import { isNotFound } from "../api/status-error.ts";
import type { Node, Pod } from "../api/types/core.v1.ts";
import type { ReconcileResult } from "../client/controller-loop.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "./controller.ts";
import { disruptionPatch } from "./pod-disruption.ts";
import { isFinished, isTerminating } from "./pod-state.ts";
import { podsByNode, podsOn } from "./pods-by-node.ts";

/** Deletes pods that nobody else will: on nodes that are gone, never bound but being deleted, or finished in masses. */
export const podGarbageCollector: ControllerDefinition = {
  name: "pod-garbage-collector-controller",
  alias: "podgc",
  serviceAccount: "pod-garbage-collector",
  create,
};

/** A node must be gone for so long before its pods are: it may only be registering anew. */
const QUARANTINE_MS = 40_000;
/** Finished pods are counted at most this often. */
const COUNT_EVERY_MS = 20_000;
const COUNT = "finished";
const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";

function create(context: ControllerContext) {
  const { client, clock, informers, settings } = context;
  const resource = client.resource(pods);
  const nodeResource = client.resource(nodes);
  const nodeInformer = informers.informer(nodes);
  const podInformer = informers.informer(pods);
  podsByNode(podInformer);
  /** Since when pods were seen on each missing node. */
  const missingSince = new Map<string, number>();

  const controller = keyedController(context, { name: "pod-garbage-collector-controller", reconcile });
  const enqueueNode = (name: string) => controller.queue.add(`node/${name}`);
  const enqueuePod = (pod: Pod) => {
    const { nodeName } = pod.spec ?? {};
    if (
      nodeName &&
      (!nodeInformer.get(nodeName) || (isTerminating(pod) && isOutOfService(nodeInformer.get(nodeName))))
    ) {
      enqueueNode(nodeName);
    }
    if (!nodeName && isTerminating(pod)) controller.queue.add(`pod/${objectKey(pod)}`);
    if (isFinished(pod) && settings.terminatedPodThreshold > 0) controller.queue.addAfter(COUNT, COUNT_EVERY_MS);
  };
  podInformer.on({ add: enqueuePod, update: (_, pod) => enqueuePod(pod) });
  nodeInformer.on({
    add: (node) => void missingSince.delete(node.metadata?.name ?? ""),
    update(_, node) {
      if (isOutOfService(node)) enqueueNode(node.metadata?.name ?? "");
    },
    delete: (node) => enqueueNode(node.metadata?.name ?? ""),
  });

  async function reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    if (key === COUNT) return collectFinished(signal);
    const name = key.slice(key.indexOf("/") + 1);
    if (key.startsWith("pod/")) return collectUnbound(name, signal);
    const node = nodeInformer.get(name);
    return node ? collectOutOfService(node, signal) : collectOrphans(name, signal);
  }

  async function collectOrphans(nodeName: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const orphans = podsOn(podInformer, nodeName);
    if (orphans.length === 0) {
      missingSince.delete(nodeName);
      return undefined;
    }
    const since = missingSince.get(nodeName) ?? clock.monotonic();
    missingSince.set(nodeName, since);
    const left = since + QUARANTINE_MS - clock.monotonic();
    if (left > 0) return { requeueAfterMs: left };
    // The cache may be behind: only the server's word counts before pods are taken away.
    const live = await nodeResource.get(nodeName, undefined, { signal }).catch(ifGone);
    if (live) return { requeueAfterMs: QUARANTINE_MS };
    const failures = await Promise.allSettled(
      orphans.map((pod) => collect(pod, signal, ["DeletionByPodGC", "PodGC: node no longer exists"])),
    );
    missingSince.delete(nodeName);
    rethrow(failures);
    return undefined;
  }

  /** An administrator has said that the node is down for good: what it cannot end itself is ended for it (KEP-2268). */
  async function collectOutOfService(node: Node, signal: AbortSignal): Promise<undefined> {
    if (!isOutOfService(node)) return undefined;
    const leaving = podsOn(podInformer, node.metadata?.name ?? "").filter(isTerminating);
    rethrow(await Promise.allSettled(leaving.map((pod) => collect(pod, signal))));
    return undefined;
  }

  async function collectUnbound(key: string, signal: AbortSignal): Promise<undefined> {
    const pod = podInformer.get(key);
    if (pod && !pod.spec?.nodeName && isTerminating(pod)) await collect(pod, signal);
    return undefined;
  }

  async function collectFinished(signal: AbortSignal): Promise<undefined> {
    const finished = podInformer.list().filter((pod) => isFinished(pod) && !isTerminating(pod));
    const surplus = finished.length - settings.terminatedPodThreshold;
    if (surplus <= 0) return undefined;
    const age = (pod: Pod) => `${pod.metadata?.creationTimestamp} ${pod.metadata?.name}`;
    const oldest = finished.sort((a, b) => (age(a) < age(b) ? -1 : 1)).slice(0, surplus);
    rethrow(await Promise.allSettled(oldest.map((pod) => collect(pod, signal))));
    return undefined;
  }

  /** Deletes a pod at once; one that has not run to its end is said to have failed before. */
  async function collect(pod: Pod, signal: AbortSignal, why?: [reason: string, message: string]): Promise<void> {
    const { name = "", namespace, uid } = pod.metadata ?? {};
    if (!isFinished(pod)) {
      const patch = why
        ? disruptionPatch(pod, ...why, clock.now(), "Failed")
        : { metadata: { uid }, status: { phase: "Failed" } };
      if (patch) await resource.patch(name, namespace, "merge", patch, { subresource: "status", signal }).catch(ifGone);
    }
    await resource.delete(name, namespace, { gracePeriodSeconds: 0, preconditions: { uid }, signal }).catch(ifGone);
  }
  return controller;
}

/** Not ready, and marked as out of service. */
function isOutOfService(node: Node | undefined): boolean {
  const ready = node?.status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";
  return !ready && (node?.spec?.taints ?? []).some(({ key }) => key === OUT_OF_SERVICE);
}

function rethrow(results: readonly PromiseSettledResult<unknown>[]): void {
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

const ifGone = (error: unknown): undefined => {
  if (!isNotFound(error)) throw error;
};
