import { controllerOf } from "../../api/controller-ref.ts";
import { semanticEqual } from "../../api/json-equal.ts";
import { selectorOf } from "../../api/label-selector.ts";
import { objectKey } from "../../api/object.ts";
import { deployments, pods, replicaSets } from "../../api/resource-types.ts";
import { isAlreadyExists, isNotFound } from "../../api/status-error.ts";
import type { Deployment, DeploymentStatus, ReplicaSet } from "../../api/types/apps.v1.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { claimObjects, followOwned, indexByOwner, ownedBy, ownedOrOrphaned, resolveController } from "../ownership.ts";
import { isNamespaceTerminating } from "../pod-control.ts";
import { isFinished } from "../pod-state.ts";
import { planDeployment } from "./plan.ts";
import { isRolling, sizeOf } from "./replica-counts.ts";
import { REVISION, sameTemplate } from "./revisions.ts";
import { hasDeadline, REASONS, withProgress } from "./status.ts";

/** Rolls each Deployment's template out over ReplicaSets. */
export const deploymentController: ControllerDefinition = {
  name: "deployment-controller",
  alias: "deployment",
  create,
};

function create(context: ControllerContext) {
  const { client, clock, informers, settings } = context;
  const resource = client.resource(deployments);
  const setResource = client.resource(replicaSets);
  const deploymentInformer = informers.informer(deployments);
  const setInformer = informers.informer(replicaSets);
  const podInformer = informers.informer(pods);
  const recorder = context.recorder("deployment-controller");
  indexByOwner(setInformer);
  indexByOwner(podInformer);

  const controller = keyedController(context, {
    name: "deployment-controller",
    workers: settings.concurrentSyncs,
    reconcile,
  });
  const enqueue = (deployment: Deployment) => controller.queue.add(objectKey(deployment));
  deploymentInformer.on({ add: enqueue, update: (_, deployment) => enqueue(deployment), delete: enqueue });
  followOwned<ReplicaSet, Deployment>({
    owned: setInformer,
    owners: deploymentInformer,
    selectorOf: (deployment) => selectorOf(deployment.spec?.selector),
    enqueue,
  });
  podInformer.on({
    // The last old pod of a Recreate is what the new ones wait for; no ReplicaSet changes when it goes.
    delete(pod) {
      const set = resolveController(pod, setInformer);
      const deployment = set && resolveController(set, deploymentInformer);
      if (deployment && !isRolling(deployment)) enqueue(deployment);
    },
  });

  const oldPodsRunning = (old: readonly ReplicaSet[]) =>
    old.some((set) => ownedBy(podInformer, set).some((pod) => !isFinished(pod)));

  /** The revision is an annotation, but the server takes it with the status. */
  async function writeStatus(
    deployment: Deployment,
    status: DeploymentStatus,
    signal: AbortSignal,
    revision?: string,
  ): Promise<void> {
    const { metadata } = deployment;
    const sameRevision = revision === undefined || revision === metadata?.annotations?.[REVISION];
    if (sameRevision && semanticEqual(deployment.status, status)) return;
    const annotations = sameRevision ? metadata?.annotations : { ...metadata?.annotations, [REVISION]: revision };
    await resource.updateStatus({ ...deployment, metadata: { ...metadata, annotations }, status }, { signal });
  }

  /** Creates the set of the present template. Undefined where the attempt has to be made anew, or never. */
  async function createSet(
    deployment: Deployment,
    set: ReplicaSet,
    signal: AbortSignal,
  ): Promise<ReplicaSet | undefined> {
    try {
      const created = await setResource.create(set, { signal });
      if (sizeOf(set) > 0) {
        const message = `Scaled up replica set ${created.metadata?.name} from 0 to ${sizeOf(set)}`;
        recorder.event(deployment, "Normal", "ScalingReplicaSet", message);
      }
      return created;
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined;
      if (isAlreadyExists(error)) {
        const { name = "", namespace } = set.metadata ?? {};
        const present = await setResource.get(name, namespace, { signal });
        const isOurs = controllerOf(present)?.uid === deployment.metadata?.uid;
        if (isOurs && sameTemplate(present.spec?.template, set.spec?.template)) return present;
        // Another template has the same hash: the count makes the next hash a different one.
        const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
        await writeStatus(deployment, { ...deployment.status, collisionCount }, signal);
        return undefined;
      }
      if (signal.aborted) throw error;
      const message = `Failed to create new replica set ${JSON.stringify(set.metadata?.name)}: ${(error as Error).message}`;
      recorder.event(deployment, "Warning", REASONS.createFailed, message);
      if (hasDeadline(deployment)) {
        const status = withProgress(deployment.status ?? {}, "False", REASONS.createFailed, message, clock.now());
        await writeStatus(deployment, status, signal);
      }
      throw error;
    }
  }

  async function reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const deployment = deploymentInformer.get(key);
    if (!deployment) return undefined;
    const selector = selectorOf(deployment.spec?.selector);
    if (selector.empty) {
      const message = "This deployment is selecting all pods. A non-empty selector is required.";
      recorder.event(deployment, "Warning", "SelectingAll", message);
      const { generation } = deployment.metadata ?? {};
      await writeStatus(deployment, { ...deployment.status, observedGeneration: generation }, signal);
      return undefined;
    }
    const sets = await claimObjects<ReplicaSet, Deployment>({
      owner: deployment,
      ownerResource: resource,
      selector,
      objects: ownedOrOrphaned(setInformer, deployment),
      resource: setResource,
      signal,
    });
    const plan = planDeployment({ deployment, sets, oldPodsRunning, now: clock.now() });

    if (plan.create && !(await createSet(deployment, plan.create, signal))) return undefined;
    for (const { before, after } of plan.update) {
      await setResource.update(after, { signal });
      const [from, to] = [sizeOf(before), sizeOf(after)];
      if (from === to) continue;
      const message = `Scaled ${to > from ? "up" : "down"} replica set ${after.metadata?.name} from ${from} to ${to}`;
      recorder.event(deployment, "Normal", "ScalingReplicaSet", message);
    }
    for (const set of plan.remove) {
      const { name = "", namespace, uid } = set.metadata ?? {};
      await setResource.delete(name, namespace, { preconditions: { uid }, signal }).catch((error) => {
        if (!isNotFound(error)) throw error;
      });
    }
    await writeStatus(deployment, plan.status, signal, plan.revision);
    return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
  }
  return controller;
}
