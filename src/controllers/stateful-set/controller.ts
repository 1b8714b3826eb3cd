import { semanticEqual } from "../../api/json-equal.ts";
import { selectorOf } from "../../api/label-selector.ts";
import { objectKey } from "../../api/object.ts";
import { controllerRevisions, persistentVolumeClaims, pods, statefulSets } from "../../api/resource-types.ts";
import { isAlreadyExists, isNotFound } from "../../api/status-error.ts";
import type { ControllerRevision, StatefulSet, StatefulSetStatus } from "../../api/types/apps.v1.ts";
import type { PersistentVolumeClaim, Pod } from "../../api/types/core.v1.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import { pendingWrites } from "../../client/pending-writes.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { RevisionCollision, type RevisionHistory, syncRevisions, truncateRevisions } from "../controller-revisions.ts";
import { claimObjects, followOwned, indexByOwner, ownedOrOrphaned } from "../ownership.ts";
import { isNamespaceTerminating } from "../pod-control.ts";
import { isStale, plannedOwners } from "./claim-retention.ts";
import { claimsOf, ordinalOf, podOf, revisionNameOf, withIdentity } from "./identity.ts";
import { planStatefulSet } from "./plan.ts";

/** Keeps pods with a name, a place in the order, and storage of their own. */
export const statefulSetController: ControllerDefinition = {
  name: "statefulset-controller",
  alias: "statefulset",
  create,
};

const HASH = "controller.kubernetes.io/hash";

function create(context: ControllerContext) {
  const { client, clock, informers, settings } = context;
  const resource = client.resource(statefulSets);
  const podResource = client.resource(pods);
  const claimResource = client.resource(persistentVolumeClaims);
  const revisionResource = client.resource(controllerRevisions);
  const setInformer = informers.informer(statefulSets);
  const podInformer = informers.informer(pods);
  const claimInformer = informers.informer(persistentVolumeClaims);
  const revisionInformer = informers.informer(controllerRevisions);
  const recorder = context.recorder("statefulset-controller");
  const pending = pendingWrites(clock);
  indexByOwner(podInformer);
  indexByOwner(revisionInformer);

  const controller = keyedController(context, {
    name: "statefulset-controller",
    workers: settings.concurrentSyncs,
    reconcile,
  });
  const enqueue = (set: StatefulSet) => controller.queue.add(objectKey(set));
  const selectorOfSet = (set: StatefulSet) => selectorOf(set.spec?.selector);
  setInformer.on({
    add: enqueue,
    update: (_, set) => enqueue(set),
    delete: (set) => pending.forget(objectKey(set)),
  });
  followOwned<Pod, StatefulSet>({ owned: podInformer, owners: setInformer, selectorOf: selectorOfSet, enqueue });
  // A claim that goes with a pod scaled away holds up the next pod of the name.
  claimInformer.on({
    delete(claim) {
      for (const set of setInformer.list(claim.metadata?.namespace)) {
        const suffix = new RegExp(`-${set.metadata?.name}-\\d+$`);
        if (set.spec?.volumeClaimTemplates?.length && suffix.test(claim.metadata?.name ?? "")) enqueue(set);
      }
    },
  });

  /** Tells how writing an object went, in upstream's words. */
  async function tell<R>(set: StatefulSet, verb: string, what: string, write: Promise<R>): Promise<R> {
    const reason = `${verb[0]!.toUpperCase()}${verb.slice(1)}`;
    const about = `${verb} ${what} in StatefulSet ${set.metadata?.name}`;
    try {
      const written = await write;
      const outcome = what.startsWith("Claim") ? "success" : "successful";
      recorder.event(set, "Normal", `Successful${reason}`, `${about} ${outcome}`);
      return written;
    } catch (error) {
      if (!isNamespaceTerminating(error)) {
        recorder.event(set, "Warning", `Failed${reason}`, `${about} failed error: ${(error as Error).message}`);
      }
      throw error;
    }
  }

  async function writeStatus(set: StatefulSet, status: StatefulSetStatus, signal: AbortSignal): Promise<void> {
    if (semanticEqual(set.status, status)) return;
    pending.wrote(objectKey(set), setInformer, await resource.updateStatus({ ...set, status }, { signal }));
  }

  async function historyOf(set: StatefulSet, signal: AbortSignal): Promise<RevisionHistory | undefined> {
    const labels = set.spec?.template.metadata?.labels;
    try {
      return await syncRevisions(revisionResource, revisionInformer, {
        owner: set,
        ownerResource: resource,
        selector: selectorOfSet(set),
        template: set.spec?.template,
        collisionCount: set.status?.collisionCount,
        labelsOf: (hash) => ({ ...labels, [HASH]: hash }),
        signal,
      });
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined;
      if (!(error instanceof RevisionCollision)) throw error;
      await writeStatus(set, { replicas: 0, ...set.status, collisionCount: error.collisionCount }, signal);
      return undefined;
    }
  }

  /** Makes the claims of an ordinal that are missing. False while one of a former pod is still going away. */
  async function ensureClaims(set: StatefulSet, ordinal: number, pod: Pod | undefined, signal: AbortSignal) {
    for (const claim of claimsOf(set, ordinal)) {
      const present = claimInformer.get(objectKey(claim));
      if (present && !pod && (present.metadata?.deletionTimestamp || isStale(present, podShell(set, ordinal)))) {
        return false;
      }
      if (present) continue;
      const what = `Claim ${claim.metadata?.name} Pod ${set.metadata?.name}-${ordinal}`;
      const creating = claimResource.create(claim, { signal }).catch((error) => {
        if (!isAlreadyExists(error)) throw error;
        return undefined;
      });
      const created = await tell(set, "create", what, creating);
      if (created) pending.wrote(objectKey(set), claimInformer, created);
    }
    return true;
  }

  async function retainClaims(set: StatefulSet, pod: Pod, scaledAway: boolean, signal: AbortSignal): Promise<void> {
    for (const claim of claimsOf(set, ordinalOf(set, pod)!)) {
      const present = claimInformer.get(objectKey(claim));
      const owners = present && plannedOwners(set, present, pod, scaledAway);
      if (!owners) continue;
      const next: PersistentVolumeClaim = { ...present, metadata: { ...present.metadata, ownerReferences: owners } };
      pending.wrote(objectKey(set), claimInformer, await claimResource.update(next, { signal }));
    }
  }

  async function reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const set = setInformer.get(key);
    if (!set || !pending.settled(key)) return undefined;
    const selector = selectorOfSet(set);
    const history = await historyOf(set, signal);
    if (!history) return undefined;
    const owned = await claimObjects<Pod, StatefulSet>({
      owner: set,
      ownerResource: resource,
      selector,
      objects: ownedOrOrphaned(podInformer, set).filter((pod) => ordinalOf(set, pod) !== undefined),
      resource: podResource,
      signal,
    });
    const revisions = [...history.old, history.current];
    const update = history.current;
    const current = revisions.find((one) => one.metadata?.name === set.status?.currentRevision) ?? update;
    const nameOf = (revision: ControllerRevision) => revision.metadata?.name ?? "";
    const plan = planStatefulSet({
      set,
      pods: owned,
      currentRevision: nameOf(current),
      updateRevision: nameOf(update),
      now: clock.now(),
    });

    try {
      for (const event of plan.events) recorder.event(set, event.type, event.reason, event.message);
      for (const { pod, scaledAway } of plan.keepClaims) {
        if (!scaledAway && pod.status?.phase === "Pending") await ensureClaims(set, ordinalOf(set, pod)!, pod, signal);
        await retainClaims(set, pod, scaledAway, signal);
      }
      const ordered = set.spec?.podManagementPolicy !== "Parallel";
      for (const { ordinal, revision } of ordered ? plan.create.slice(0, 1) : plan.create) {
        if (!(await ensureClaims(set, ordinal, undefined, signal))) continue;
        const pod = podOf(set, ordinal, revision === nameOf(update) ? update : current);
        const what = `Pod ${pod.metadata?.name}`;
        pending.wrote(key, podInformer, await tell(set, "create", what, podResource.create(pod, { signal })));
      }
      for (const pod of plan.repair) {
        const repaired = await podResource.update(withIdentity(set, ordinalOf(set, pod)!, pod), { signal });
        pending.wrote(key, podInformer, repaired);
      }
      for (const pod of plan.delete) {
        const { name = "", namespace, uid } = pod.metadata ?? {};
        const removal = podResource.delete(name, namespace, { preconditions: { uid }, signal }).catch((error) => {
          if (!isNotFound(error)) throw error;
        });
        await tell(set, "delete", `Pod ${name}`, removal);
        pending.deleted(key, podInformer, pod);
      }
    } catch (error) {
      // What was counted is true whatever went wrong afterwards.
      await writeStatus(set, plan.status, signal);
      if (isNamespaceTerminating(error)) return undefined;
      throw error;
    }
    await writeStatus(set, plan.status, signal);
    const live = new Set([nameOf(current), nameOf(update), ...owned.map(revisionNameOf)]);
    const isLive = (revision: ControllerRevision) => live.has(nameOf(revision));
    await truncateRevisions(revisionResource, history.old, isLive, set.spec?.revisionHistoryLimit ?? 10, signal);
    return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
  }
  return controller;
}

/** A pod that is not there yet, to compare claims with. */
const podShell = (set: StatefulSet, ordinal: number): Pod => ({
  metadata: { name: `${set.metadata?.name}-${ordinal}` },
});
