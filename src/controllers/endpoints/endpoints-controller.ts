import { semanticEqual } from "../../api/json-equal.ts";
import { objectKey, splitKey } from "../../api/object.ts";
import { endpoints, pods, services } from "../../api/resource-types.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { Endpoints } from "../../api/types/core.v1.ts";
import { pendingWrites } from "../../client/pending-writes.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { isNamespaceTerminating } from "../pod-control.ts";
import { isManaged, selects } from "./backends.ts";
import { MANAGED_BY, MANAGER, planEndpoints } from "./endpoints-plan.ts";
import { followServicesAndPods } from "./service-queue.ts";
import { LAST_CHANGE_TRIGGER_TIME, triggerTimes } from "./trigger-times.ts";

/** Keeps the Endpoints of each Service that has a selector: deprecated, but older clients read nothing else. */
export const endpointsController: ControllerDefinition = {
  name: "endpoints-controller",
  alias: "endpoint",
  serviceAccount: "endpoint-controller",
  create,
};

function create(context: ControllerContext) {
  const { client, clock, informers, settings } = context;
  const resource = client.resource(endpoints);
  const serviceInformer = informers.informer(services);
  const podInformer = informers.informer(pods);
  const endpointsInformer = informers.informer(endpoints);
  const recorder = context.recorder("endpoint-controller");
  const times = triggerTimes();
  const pending = pendingWrites(clock);

  const controller = keyedController(context, {
    name: "endpoints-controller",
    workers: settings.concurrentSyncs,
    reconcile,
  });
  const enqueue = (key: string) => controller.queue.add(key);
  followServicesAndPods({ services: serviceInformer, pods: podInformer, enqueue });
  /** Services whose deletion was seen: their Endpoints go with them, also those that somebody filled by hand. */
  const deletedServices = new Set<string>();
  serviceInformer.on({
    add: (service) => void deletedServices.delete(objectKey(service)),
    delete: (service) => void deletedServices.add(objectKey(service)),
  });
  const keyOf = ({ metadata }: Endpoints) => `${metadata?.namespace}/${metadata?.name}`;
  endpointsInformer.on({
    add: (object) => enqueue(keyOf(object)),
    update: (_, object) => enqueue(keyOf(object)),
    delete: (object) => enqueue(keyOf(object)),
  });

  async function reconcile(key: string, signal: AbortSignal): Promise<undefined> {
    const service = serviceInformer.get(key);
    const present = endpointsInformer.get(key);
    if (!service) {
      times.forget(key);
      // Leader election once used Endpoints as locks: those are of no Service, and not ours.
      const isLock = present?.metadata?.annotations?.["control-plane.alpha.kubernetes.io/leader"] !== undefined;
      const isOurs = present?.metadata?.labels?.[MANAGED_BY] === MANAGER || deletedServices.has(key);
      if (present && isOurs && !isLock) await remove(key, present, signal);
      deletedServices.delete(key);
      return undefined;
    }
    if (!isManaged(service) || service.metadata?.deletionTimestamp || !pending.settled(key)) return undefined;
    const selected = podInformer.list(service.metadata?.namespace).filter((pod) => selects(service, pod));
    const wanted = planEndpoints(service, selected, present, times.earliest(key, service, selected));
    if (present && sameButForTime(present, wanted)) return undefined;
    try {
      const written = present ? await resource.update(wanted, { signal }) : await resource.create(wanted, { signal });
      pending.wrote(key, endpointsInformer, written);
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined;
      if (!signal.aborted) {
        const verb = present ? "update" : "create";
        const message = `Failed to ${verb} endpoint ${key}: ${(error as Error).message}`;
        recorder.event(service, "Warning", present ? "FailedToUpdateEndpoint" : "FailedToCreateEndpoint", message);
      }
      throw error;
    }
    return undefined;
  }

  async function remove(key: string, present: Endpoints, signal: AbortSignal): Promise<void> {
    const { namespace, name } = splitKey(key);
    await resource.delete(name, namespace, { preconditions: { uid: present.metadata?.uid }, signal }).catch((error) => {
      if (!isNotFound(error)) throw error;
    });
  }
  return controller;
}

/** A new trigger time alone is no reason to write. */
function sameButForTime(present: Endpoints, wanted: Endpoints): boolean {
  const shown = ({ metadata, subsets }: Endpoints) => {
    const { [LAST_CHANGE_TRIGGER_TIME]: _, ...annotations } = metadata?.annotations ?? {};
    return [subsets, metadata?.labels, annotations];
  };
  return semanticEqual(shown(present), shown(wanted));
}
