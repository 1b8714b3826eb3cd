import { jsonEqual, semanticEqual } from "../../api/json-equal.ts";
import { selectorOf } from "../../api/label-selector.ts";
import { objectKey } from "../../api/object.ts";
import { controllerRevisions, daemonSets, nodes, pods } from "../../api/resource-types.ts";
import type { ControllerRevision, DaemonSet, DaemonSetStatus } from "../../api/types/apps.v1.ts";
import type { Node, Pod } from "../../api/types/core.v1.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import { pendingWrites } from "../../client/pending-writes.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { RevisionCollision, type RevisionHistory, syncRevisions, truncateRevisions } from "../controller-revisions.ts";
import { claimObjects, followOwned, indexByOwner, ownedOrOrphaned } from "../ownership.ts";
import { isNamespaceTerminating, podControl, slowStart } from "../pod-control.ts";
import { daemonPod, HASH, isWantedOn } from "./daemon-pod.ts";
import { nodeFailures } from "./node-failures.ts";
import { planDaemonSet, planDaemonSetStatus } from "./plan.ts";

/** Runs one pod of each DaemonSet on each node that it is meant for. */
export const daemonSetController: ControllerDefinition = {
  name: "daemonset-controller",
  alias: "daemonset",
  serviceAccount: "daemon-set-controller",
  create,
};

const WORKERS = 2;

function create(context: ControllerContext) {
  const { client, clock, informers } = context;
  const resource = client.resource(daemonSets);
  const podResource = client.resource(pods);
  const revisionResource = client.resource(controllerRevisions);
  const setInformer = informers.informer(daemonSets);
  const podInformer = informers.informer(pods);
  const nodeInformer = informers.informer(nodes);
  const revisionInformer = informers.informer(controllerRevisions);
  const recorder = context.recorder("daemonset-controller");
  const control = podControl(client, recorder);
  const pending = pendingWrites(clock);
  const failures = nodeFailures(clock);
  indexByOwner(podInformer);
  indexByOwner(revisionInformer);

  const controller = keyedController(context, { name: "daemonset-controller", workers: WORKERS, reconcile });
  const enqueue = (set: DaemonSet) => controller.queue.add(objectKey(set));
  const enqueueAll = () => setInformer.list().forEach(enqueue);
  setInformer.on({
    add: enqueue,
    update: (_, set) => enqueue(set),
    delete(set) {
      pending.forget(objectKey(set));
      failures.forget(objectKey(set));
    },
  });
  const selectorOfSet = (set: DaemonSet) => selectorOf(set.spec?.selector);
  followOwned<Pod, DaemonSet>({ owned: podInformer, owners: setInformer, selectorOf: selectorOfSet, enqueue });
  followOwned<ControllerRevision, DaemonSet>({
    owned: revisionInformer,
    owners: setInformer,
    selectorOf: selectorOfSet,
    enqueue,
  });
  nodeInformer.on({
    add: enqueueAll,
    update(old, node) {
      // Heartbeats and images change all the time, and nothing about where daemons run.
      if (jsonEqual(old.metadata?.labels, node.metadata?.labels) && jsonEqual(old.spec?.taints, node.spec?.taints))
        return;
      for (const set of setInformer.list()) if (!jsonEqual(isWantedOn(set, old), isWantedOn(set, node))) enqueue(set);
    },
    delete: (_: Node) => enqueueAll(),
  });

  async function writeStatus(set: DaemonSet, status: DaemonSetStatus, signal: AbortSignal): Promise<void> {
    if (!semanticEqual(set.status, status)) await resource.updateStatus({ ...set, status }, { signal });
  }

  /** Undefined where the name of the next revision was taken, and all has to be tried again with another. */
  async function historyOf(set: DaemonSet, signal: AbortSignal): Promise<RevisionHistory | undefined> {
    const labels = set.spec?.template.metadata?.labels;
    const generation = set.metadata?.annotations?.["deprecated.daemonset.template.generation"];
    try {
      return await syncRevisions(revisionResource, revisionInformer, {
        owner: set,
        ownerResource: resource,
        selector: selectorOfSet(set),
        template: set.spec?.template,
        collisionCount: set.status?.collisionCount,
        labelsOf: (hash) => ({
          ...labels,
          ...(generation ? { "pod-template-generation": generation } : {}),
          [HASH]: hash,
        }),
        signal,
      });
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined;
      if (!(error instanceof RevisionCollision)) throw error;
      const {
        desiredNumberScheduled = 0,
        currentNumberScheduled = 0,
        numberMisscheduled = 0,
        numberReady = 0,
      } = set.status ?? {};
      const counts = { desiredNumberScheduled, currentNumberScheduled, numberMisscheduled, numberReady };
      await writeStatus(set, { ...counts, ...set.status, collisionCount: error.collisionCount }, signal);
      return undefined;
    }
  }

  async function reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const set = setInformer.get(key);
    if (!set || set.metadata?.deletionTimestamp) return undefined;
    const selector = selectorOfSet(set);
    if (selector.empty) {
      const message = "This daemon set is selecting all pods. A non-empty selector is required.";
      recorder.event(set, "Warning", "SelectingAll", message);
      return undefined;
    }
    const history = await historyOf(set, signal);
    if (!history) return undefined;
    const hash = history.current.metadata?.labels?.[HASH] ?? "";
    const owned = await claimObjects<Pod, DaemonSet>({
      owner: set,
      ownerResource: resource,
      selector,
      objects: ownedOrOrphaned(podInformer, set),
      resource: podResource,
      signal,
    });
    const observed = { set, nodes: nodeInformer.list(), pods: owned, hash, now: clock.now() };
    let error: unknown;
    let requeueAfterMs: number | undefined;
    if (pending.settled(key)) {
      const plan = planDaemonSet({ ...observed, backoffOf: (node) => failures.waitOn(key, node) });
      requeueAfterMs = plan.requeueAfterMs;
      for (const event of plan.events) recorder.event(set, event.type, event.reason, event.message);
      for (const node of plan.failedOn) failures.failedOn(key, node);
      const created = await slowStart(plan.create.length, async (index) => {
        const pod = daemonPod(set, plan.create[index]!, hash);
        pending.wrote(key, podInformer, await control.create(set, pod, signal));
      });
      if (created.error !== undefined && !isNamespaceTerminating(created.error)) error = created.error;
      for (const pod of plan.delete) {
        await control.delete(set, pod, signal);
        pending.deleted(key, podInformer, pod);
      }
      const live = new Set(owned.map((pod) => pod.metadata?.labels?.[HASH]));
      const isLive = (revision: ControllerRevision) => live.has(revision.metadata?.labels?.[HASH]);
      const limit = set.spec?.revisionHistoryLimit ?? 10;
      await truncateRevisions(revisionResource, history.old, isLive, limit, signal);
    }
    const { status, nextAvailableInMs } = planDaemonSetStatus(observed);
    await writeStatus(set, status, signal);
    if (error !== undefined) throw error;
    const waits = [requeueAfterMs, nextAvailableInMs].filter((wait) => wait !== undefined);
    return waits.length > 0 ? { requeueAfterMs: Math.min(...waits) } : undefined;
  }
  return controller;
}
