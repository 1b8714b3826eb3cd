import { objectKey } from "../api/object.ts";
import { jobs } from "../api/resource-types.ts";
import { isNotFound } from "../api/status-error.ts";
import type { Job } from "../api/types/batch.v1.ts";
import type { ReconcileResult } from "../client/controller-loop.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "./controller.ts";

/** Deletes finished Jobs when their time to live is over. */
export const ttlAfterFinishedController: ControllerDefinition = {
  name: "ttl-after-finished-controller",
  alias: "ttl-after-finished",
  create,
};

/** When the Job may go, in ms of wall time; undefined while it runs, and where it has no time to live. */
export function expiresAt(job: Job): number | undefined {
  const seconds = job.spec?.ttlSecondsAfterFinished;
  const end = job.status?.conditions?.find(
    ({ type, status }) => (type === "Complete" || type === "Failed") && status === "True",
  );
  if (seconds === undefined || !end?.lastTransitionTime) return undefined;
  return Date.parse(end.lastTransitionTime) + seconds * 1000;
}

function create(context: ControllerContext) {
  const { client, clock, informers, settings } = context;
  const resource = client.resource(jobs);
  const informer = informers.informer(jobs);
  const controller = keyedController(context, {
    name: "ttl-after-finished-controller",
    workers: settings.concurrentSyncs,
    reconcile,
  });
  const enqueue = (job: Job) => {
    if (expiresAt(job) !== undefined && !job.metadata?.deletionTimestamp) controller.queue.add(objectKey(job));
  };
  informer.on({ add: enqueue, update: (_, job) => enqueue(job) });

  async function reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const waitOf = (job: Job | undefined) => {
      const expiry = job && !job.metadata?.deletionTimestamp ? expiresAt(job) : undefined;
      return expiry === undefined ? undefined : expiry - clock.now();
    };
    const cached = informer.get(key);
    const wait = waitOf(cached);
    if (!cached || wait === undefined) return undefined;
    if (wait > 0) return { requeueAfterMs: wait };
    // The time to live may have been prolonged just now: what is deleted is gone.
    const { name = "", namespace, uid } = cached.metadata ?? {};
    const live = await resource.get(name, namespace, { signal }).catch(ifGone);
    const left = live?.metadata?.uid === uid ? waitOf(live) : undefined;
    if (left === undefined) return undefined;
    if (left > 0) return { requeueAfterMs: left };
    const { resourceVersion } = live!.metadata!;
    const preconditions = { uid, resourceVersion };
    await resource.delete(name, namespace, { propagationPolicy: "Foreground", preconditions, signal }).catch(ifGone);
    return undefined;
  }
  return controller;
}

const ifGone = (error: unknown): undefined => {
  if (!isNotFound(error)) throw error;
};
