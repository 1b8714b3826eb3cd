import { jsonEqual } from "../../api/json-equal.ts";
import { objectKey, type ResourceType, type UnknownObject } from "../../api/object.ts";
import { formatAmounts, parseAmounts, sameAmounts } from "../../api/quota/amounts.ts";
import { persistentVolumeClaims, pods, resourceQuotas, services } from "../../api/resource-types.ts";
import type { Pod, ResourceQuota } from "../../api/types/core.v1.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import type { Informer } from "../../client/informer.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { discover } from "../discovery.ts";
import { isFinished } from "../pod-state.ts";
import { type CountedResource, countsDifferently, keyOf, resourcesOf, usageOf } from "./usage.ts";

/** Says in each ResourceQuota's status what of it is used. What is added is charged by admission; this gives back. */
export const resourceQuotaController: ControllerDefinition = {
  name: "resourcequota-controller",
  alias: "resourcequota",
  create,
};

/** After something was charged it is made sure that it was not for a write that failed: upstream's resync period. */
const RECHECK_MS = 300_000;
/** How long to wait for the listing of a resource that is watched from now on. */
const UNSYNCED_MS = 20;
/** Only these are measured by what is in them; of all others the metadata is enough. */
const WHOLE: Readonly<Record<string, ResourceType<never>>> = {
  "pods.": pods as ResourceType<never>,
  "services.": services as ResourceType<never>,
  "persistentvolumeclaims.": persistentVolumeClaims as ResourceType<never>,
};

function create(context: ControllerContext) {
  const { client, clock, informers, settings } = context;
  const resource = client.resource(resourceQuotas);
  const quotaInformer = informers.informer(resourceQuotas);
  /** Only what some quota limits is watched. */
  const counted = new Map<string, Informer<UnknownObject>>();

  const controller = keyedController(context, {
    name: "resourcequota-controller",
    workers: settings.concurrentSyncs,
    reconcile,
  });
  quotaInformer.on({
    add: (quota) => controller.queue.add(objectKey(quota)),
    update(old, quota) {
      const key = objectKey(quota);
      if (!jsonEqual(quota.spec, old.spec) || !jsonEqual(quota.spec?.hard, quota.status?.hard)) {
        controller.queue.add(key);
      } else if (!jsonEqual(quota.status?.used, old.status?.used)) controller.queue.addAfter(key, RECHECK_MS);
    },
  });
  /** Has the quotas that an object was counted for count again: all of them, or those for which the change matters. */
  const recount = (object: UnknownObject, counting: CountedResource, matters?: (quota: ResourceQuota) => boolean) => {
    for (const quota of quotaInformer.list(object.metadata?.namespace)) {
      if (!resourcesOf(quota).some((one) => keyOf(one) === keyOf(counting))) continue;
      if (!matters || matters(quota)) controller.queue.add(objectKey(quota));
    }
  };

  async function watch(counting: CountedResource, signal: AbortSignal): Promise<Informer<UnknownObject> | undefined> {
    const key = keyOf(counting);
    const present = counted.get(key);
    if (present) return present;
    const whole = WHOLE[key] as unknown as ResourceType | undefined;
    const type = whole ?? (await discovered(counting, signal));
    if (!type) return undefined;
    const informer = informers.informer(type, whole ? {} : { metadataOnly: true });
    if (counted.has(key)) return informer;
    counted.set(key, informer);
    informer.on({
      delete: (object) => recount(object, counting),
      update(old, object) {
        if (!whole) return;
        // One that is leaving counts until a moment to come, which has to be set.
        const leaves = key === "pods." && old.metadata?.deletionTimestamp !== object.metadata?.deletionTimestamp;
        const now = clock.now();
        recount(object, counting, (quota) => leaves || countsDifferently(quota, counting, old, object, now));
      },
    });
    informers.start();
    return informer;
  }

  async function discovered(counting: CountedResource, signal: AbortSignal): Promise<ResourceType | undefined> {
    const { resources } = await discover(client, signal);
    return resources.find(
      ({ group, resource, namespaced, verbs }) =>
        group === counting.group &&
        resource === counting.resource &&
        namespaced &&
        verbs.includes("list") &&
        verbs.includes("watch"),
    );
  }

  async function reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    if (!quotaInformer.get(key)) return undefined;
    const watched = new Map<string, Informer<UnknownObject>>();
    for (const counting of resourcesOf(quotaInformer.get(key)!)) {
      const informer = await watch(counting, signal);
      if (informer) watched.set(keyOf(counting), informer);
    }
    // A sum over half a listing would set free what is in use.
    if ([...watched.values()].some((informer) => !informer.synced)) return { requeueAfterMs: UNSYNCED_MS };
    const quota = quotaInformer.get(key);
    if (!quota) return undefined;
    const { namespace } = quota.metadata ?? {};
    const used = usageOf(quota, (counting) => watched.get(keyOf(counting))?.list(namespace) ?? [], clock.now());
    const { hard = {} } = quota.spec ?? {};
    const same = jsonEqual(quota.status?.hard ?? {}, hard) && sameAmounts(parseAmounts(quota.status?.used), used);
    if (!same) {
      const status: ResourceQuota["status"] = { hard, used: formatAmounts(used) };
      await resource.updateStatus({ ...quota, status }, { signal });
    }
    return leavingPodMs(watched.get("pods."), namespace);
  }

  /** A pod that is being deleted counts until its grace is over, whether or not its node says so. */
  function leavingPodMs(informer: Informer<UnknownObject> | undefined, namespace: string | undefined) {
    const ends = (informer?.list(namespace) ?? [])
      .filter((pod) => pod.metadata?.deletionTimestamp && !isFinished(pod as unknown as Pod))
      .map(
        ({ metadata }) => Date.parse(metadata!.deletionTimestamp!) + (metadata!.deletionGracePeriodSeconds ?? 0) * 1000,
      )
      .map((end) => end - clock.now() + 1000)
      .filter((wait) => wait > 0);
    return ends.length > 0 ? { requeueAfterMs: Math.min(...ends) } : undefined;
  }
  return controller;
}
