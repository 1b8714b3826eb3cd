import { controllerOf } from "../../api/controller-ref.ts";
import { semanticEqual } from "../../api/json-equal.ts";
import { type Selector, selectorOf, selectorOfMap } from "../../api/label-selector.ts";
import { objectKey, type ResourceType } from "../../api/object.ts";
import { pods, replicaSets, replicationControllers } from "../../api/resource-types.ts";
import type { ReplicaSet } from "../../api/types/apps.v1.ts";
import type { Pod, ReplicationController } from "../../api/types/core.v1.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import { pendingWrites } from "../../client/pending-writes.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { claimObjects, followOwned, indexByOwner, ownedBy, ownedOrOrphaned } from "../ownership.ts";
import { isNamespaceTerminating, podControl, podFromTemplate, slowStart } from "../pod-control.ts";
import { isActive, isFinished, isTerminating } from "../pod-state.ts";
import { planReplicas, planStatus, type ReplicaFailure } from "./plan.ts";

/** What keeps a number of pods of one template: the two kinds that do are the same but for these. */
type Replicated = ReplicaSet | ReplicationController;
interface ReplicatedKind<T extends Replicated> {
  readonly type: ResourceType<T>;
  /** The source of the events. */
  readonly component: string;
  selectorOf(object: T): Selector;
  /** Whether the status counts the pods that are being deleted (KEP-3973). */
  readonly countsTerminating: boolean;
}

/** Keeps as many pods of each ReplicaSet as it asks for. */
export const replicaSetController: ControllerDefinition = {
  name: "replicaset-controller",
  alias: "replicaset",
  create: (context) =>
    replicas<ReplicaSet>(context, "replicaset-controller", {
      type: replicaSets,
      component: "replicaset-controller",
      selectorOf: (set) => selectorOf(set.spec?.selector),
      countsTerminating: true,
    }),
};

/** The same for ReplicationControllers. */
export const replicationControllerController: ControllerDefinition = {
  name: "replicationcontroller-controller",
  alias: "replicationcontroller",
  serviceAccount: "replication-controller",
  create: (context) =>
    replicas<ReplicationController>(context, "replicationcontroller-controller", {
      type: replicationControllers,
      component: "replication-controller",
      selectorOf: (controller) => selectorOfMap(controller.spec?.selector),
      countsTerminating: false,
    }),
};

function replicas<T extends Replicated>(context: ControllerContext, name: string, kind: ReplicatedKind<T>) {
  const { clock, settings } = context;
  const resource = context.client.resource(kind.type);
  const podResource = context.client.resource(pods);
  const sets = context.informers.informer(kind.type);
  const podInformer = context.informers.informer(pods);
  const control = podControl(context.client, context.recorder(kind.component));
  const pending = pendingWrites(clock);
  indexByOwner(sets);
  indexByOwner(podInformer);

  const controller = keyedController(context, { name, workers: settings.concurrentSyncs, reconcile });
  const enqueue = (set: T) => controller.queue.add(objectKey(set));
  sets.on({
    add: enqueue,
    update: (_, set) => enqueue(set),
    delete(set) {
      pending.forget(objectKey(set));
      enqueue(set);
    },
  });
  followOwned<Pod, T>({ owned: podInformer, owners: sets, selectorOf: kind.selectorOf, enqueue });

  /** Counts, for each node, the pods of all sets that the same Deployment controls. */
  const siblingsOf = (set: T): ((pod: Pod) => number) => {
    const parent = controllerOf(set);
    const family = parent ? ownedBy(sets, { metadata: { uid: parent.uid } }) : [set];
    const perNode = new Map<string, number>();
    for (const pod of family.flatMap((member) => ownedBy(podInformer, member))) {
      const node = pod.spec?.nodeName;
      if (node && isActive(pod)) perNode.set(node, (perNode.get(node) ?? 0) + 1);
    }
    return (pod) => perNode.get(pod.spec?.nodeName ?? "") ?? 0;
  };

  /** Creates or deletes pods; what is still missing when something failed is for the next time. */
  async function manage(
    key: string,
    set: T,
    active: Pod[],
    signal: AbortSignal,
  ): Promise<{ failure?: ReplicaFailure; error?: unknown }> {
    const plan = planReplicas(set.spec?.replicas ?? 1, active, siblingsOf(set), clock.now());
    const pod = podFromTemplate(kind.type, set, set.spec?.template);
    const created = await slowStart(plan.create, async () => {
      pending.wrote(key, podInformer, await control.create(set, pod, signal));
    });
    if (created.error !== undefined) {
      if (isNamespaceTerminating(created.error)) return {};
      return { error: created.error, failure: { reason: "FailedCreate", message: messageOf(created.error) } };
    }
    const deletions = await Promise.allSettled(
      plan.delete.map(async (victim) => {
        await control.delete(set, victim, signal);
        pending.deleted(key, podInformer, victim);
      }),
    );
    const failed = deletions.find((deletion) => deletion.status === "rejected");
    if (!failed) return {};
    return { error: failed.reason, failure: { reason: "FailedDelete", message: messageOf(failed.reason) } };
  }

  async function reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const set = sets.get(key);
    if (!set) return undefined;
    const selector = kind.selectorOf(set);
    const active = await claimObjects<Pod, T>({
      owner: set,
      ownerResource: resource,
      selector,
      objects: ownedOrOrphaned(podInformer, set).filter(isActive),
      resource: podResource,
      signal,
    });
    const terminating = ownedBy(podInformer, set).filter(
      (pod) => isTerminating(pod) && !isFinished(pod) && selector.matches(pod.metadata?.labels),
    ).length;
    // Deciding on caches that do not show our own last writes would do them again.
    const mayManage = pending.settled(key) && !set.metadata?.deletionTimestamp;
    const { failure, error } = mayManage
      ? await manage(key, set, active, signal)
      : { failure: undefined, error: undefined };

    const { status, nextAvailableInMs } = planStatus({
      old: set.status,
      generation: set.metadata?.generation,
      template: set.spec?.template,
      minReadySeconds: set.spec?.minReadySeconds ?? 0,
      active,
      terminating: kind.countsTerminating ? terminating : undefined,
      failure,
      now: clock.now(),
    });
    if (!semanticEqual(status, set.status)) {
      await resource.updateStatus({ ...set, status }, { signal });
    }
    if (error !== undefined) throw error;
    return nextAvailableInMs === undefined ? undefined : { requeueAfterMs: nextAvailableInMs };
  }
  return controller;
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
