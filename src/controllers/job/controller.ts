import { controllerOf } from "../../api/controller-ref.ts";
import { semanticEqual } from "../../api/json-equal.ts";
import { selectorOf } from "../../api/label-selector.ts";
import { objectKey } from "../../api/object.ts";
import { jobs, pods } from "../../api/resource-types.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { Job } from "../../api/types/batch.v1.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import { pendingWrites } from "../../client/pending-writes.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { claimObjects, followOwned, indexByOwner, ownedBy, ownedOrOrphaned, resolveController } from "../ownership.ts";
import { isNamespaceTerminating, podControl, slowStart } from "../pod-control.ts";
import type { FailureRecord } from "./failure-backoff.ts";
import { isTracked, podOf, TRACKING } from "./job-pods.ts";
import { isOver, planJob } from "./plan.ts";

/** Runs pods to their end, as many as each Job asks for. */
export const jobController: ControllerDefinition = {
  name: "job-controller",
  alias: "job",
  create,
};

const ORPHAN = "orphan:";
const MANAGER = "kubernetes.io/job-controller";

function create(context: ControllerContext) {
  const { client, clock, informers, settings } = context;
  const resource = client.resource(jobs);
  const podResource = client.resource(pods);
  const jobInformer = informers.informer(jobs);
  const podInformer = informers.informer(pods);
  const recorder = context.recorder("job-controller");
  const control = podControl(client, recorder);
  const pending = pendingWrites(clock);
  const records = new Map<string, FailureRecord>();
  indexByOwner(podInformer);

  const controller = keyedController(context, { name: "job-controller", workers: settings.concurrentSyncs, reconcile });
  const enqueue = (job: Job) => controller.queue.add(objectKey(job));
  const enqueueOrphan = (pod: Pod) => controller.queue.add(ORPHAN + objectKey(pod));
  jobInformer.on({
    add: enqueue,
    update: (_, job) => enqueue(job),
    delete(job) {
      pending.forget(objectKey(job));
      records.delete(objectKey(job));
      for (const pod of ownedBy(podInformer, job)) if (isTracked(pod)) enqueueOrphan(pod);
    },
  });
  followOwned<Pod, Job>({
    owned: podInformer,
    owners: jobInformer,
    selectorOf: (job) => selectorOf(job.spec?.selector),
    enqueue,
  });
  /** Pods whose Job is gone or over are held by nobody's count. */
  const letGoIfLost = (pod: Pod) => {
    if (!isTracked(pod)) return;
    const job = resolveController(pod, jobInformer);
    if (!job || isOver(job)) enqueueOrphan(pod);
  };
  podInformer.on({ add: letGoIfLost, update: (_, pod) => letGoIfLost(pod) });

  async function untrack(pod: Pod, signal: AbortSignal): Promise<Pod | undefined> {
    const { name = "", namespace, uid, resourceVersion, finalizers = [] } = pod.metadata ?? {};
    const left = finalizers.filter((one) => one !== TRACKING);
    const patch = { metadata: { uid, resourceVersion, finalizers: left } };
    return podResource.patch(name, namespace, "merge", patch, { signal }).catch(undefinedIfGone);
  }

  async function reconcileOrphan(key: string, signal: AbortSignal): Promise<undefined> {
    const pod = podInformer.get(key);
    if (!pod || !isTracked(pod)) return undefined;
    const reference = controllerOf(pod);
    if (reference?.kind === "Job") {
      const { namespace } = pod.metadata ?? {};
      const job = await resource.get(reference.name, namespace, { signal }).catch(undefinedIfGone);
      if (job?.metadata?.uid === reference.uid && (!isOver(job) || !isManaged(job))) return undefined;
    }
    await untrack(pod, signal);
    return undefined;
  }

  async function reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    if (key.startsWith(ORPHAN)) return reconcileOrphan(key.slice(ORPHAN.length), signal);
    const job = jobInformer.get(key);
    if (!job || !isManaged(job)) return undefined;
    if (isOver(job)) {
      records.delete(key);
      return undefined;
    }
    // Counting is exact only on caches that show all that was written.
    if (!pending.settled(key)) return undefined;
    const owned = await claimObjects<Pod, Job>({
      owner: job,
      ownerResource: resource,
      selector: selectorOf(job.spec?.selector),
      objects: ownedOrOrphaned(podInformer, job),
      resource: podResource,
      adoptionFinalizers: [TRACKING],
      signal,
    });
    const plan = planJob({ job, pods: owned, record: records.get(key), now: clock.now() });

    const created = await slowStart(plan.create.length, async (index) => {
      pending.wrote(key, podInformer, await control.create(job, podOf(job, plan.create[index]!), signal));
    });
    for (const pod of plan.release) {
      const released = isTracked(pod) ? await untrack(pod, signal) : pod;
      if (!released) continue;
      await control.delete(job, released, signal);
      pending.deleted(key, podInformer, pod);
    }
    for (const pod of plan.stop) {
      await control.delete(job, pod, signal);
      pending.deleted(key, podInformer, pod);
    }
    const missing = plan.create.length - created.successes;
    const status =
      missing > 0 ? { ...plan.status, active: Math.max(0, (plan.status.active ?? 0) - missing) } : plan.status;
    if (!semanticEqual(withoutNoise(status), withoutNoise(job.status))) {
      pending.wrote(key, jobInformer, await resource.updateStatus({ ...job, status }, { signal }));
    }
    records.set(key, plan.record);
    for (const event of plan.events) recorder.event(job, event.type, event.reason, event.message);
    for (const pod of plan.untrack) {
      const patched = await untrack(pod, signal);
      if (patched) pending.wrote(key, podInformer, patched);
    }
    if (created.error !== undefined && !isNamespaceTerminating(created.error)) throw created.error;
    return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
  }
  return controller;
}

const isManaged = (job: Job): boolean => (job.spec?.managedBy ?? MANAGER) === MANAGER;

/** Zero and absent are the same for counts. */
const withoutNoise = (status: Job["status"]) =>
  Object.fromEntries(Object.entries(status ?? {}).filter(([, value]) => value !== 0));

const undefinedIfGone = (error: unknown): undefined => {
  if (!isNotFound(error)) throw error;
};
