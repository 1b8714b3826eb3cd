import { objectKey } from "../../api/object.ts";
import { endpointSlices, nodes, pods, services } from "../../api/resource-types.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { EndpointSlice } from "../../api/types/discovery.v1.ts";
import { pendingWrites } from "../../client/pending-writes.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { isNamespaceTerminating } from "../pod-control.ts";
import { podsByNode, podsOn } from "../pods-by-node.ts";
import { isManaged, selects, zoneOf } from "./backends.ts";
import { followServicesAndPods } from "./service-queue.ts";
import { MANAGED_BY, MANAGER, planSlices, SERVICE_NAME } from "./slice-plan.ts";
import { triggerTimes } from "./trigger-times.ts";

const SERVICE_INDEX = "managedFor";

/** Keeps the EndpointSlices of each Service that has a selector. */
export const endpointSliceController: ControllerDefinition = {
  name: "endpointslice-controller",
  alias: "endpointslice",
  create,
};

function create(context: ControllerContext) {
  const { client, clock, informers, settings } = context;
  const resource = client.resource(endpointSlices);
  const serviceInformer = informers.informer(services);
  const podInformer = informers.informer(pods);
  const nodeInformer = informers.informer(nodes);
  const sliceInformer = informers.informer(endpointSlices);
  const recorder = context.recorder("endpoint-slice-controller");
  const times = triggerTimes();
  const pending = pendingWrites(clock);

  const ownerKey = (slice: EndpointSlice): string | undefined => {
    const { labels, namespace } = slice.metadata ?? {};
    const name = labels?.[SERVICE_NAME];
    return name && labels?.[MANAGED_BY] === MANAGER ? `${namespace}/${name}` : undefined;
  };
  sliceInformer.addIndex(SERVICE_INDEX, (slice) => {
    const key = ownerKey(slice);
    return key === undefined ? [] : [key];
  });
  podsByNode(podInformer);

  const controller = keyedController(context, {
    name: "endpointslice-controller",
    workers: settings.concurrentSyncs,
    reconcile,
  });
  const enqueue = (key: string) => controller.queue.add(key);
  followServicesAndPods({ services: serviceInformer, pods: podInformer, enqueue });
  const enqueueOwner = (slice: EndpointSlice) => {
    const key = ownerKey(slice);
    if (key !== undefined) enqueue(key);
  };
  sliceInformer.on({
    add: enqueueOwner,
    update(old, slice) {
      if (ownerKey(old) !== ownerKey(slice)) enqueueOwner(old);
      enqueueOwner(slice);
    },
    delete: enqueueOwner,
  });
  const enqueueServicesOn = (nodeName: string | undefined) => {
    for (const pod of podsOn(podInformer, nodeName ?? "")) {
      for (const service of serviceInformer.list(pod.metadata?.namespace)) {
        if (selects(service, pod)) enqueue(objectKey(service));
      }
    }
  };
  nodeInformer.on({
    add: (node) => enqueueServicesOn(node.metadata?.name),
    update(old, node) {
      if (zoneOf(old) !== zoneOf(node)) enqueueServicesOn(node.metadata?.name);
    },
    delete: (node) => enqueueServicesOn(node.metadata?.name),
  });

  async function reconcile(key: string, signal: AbortSignal): Promise<undefined> {
    const service = serviceInformer.get(key);
    if (!service) {
      times.forget(key);
      pending.forget(key);
      return undefined;
    }
    if (!isManaged(service) || service.metadata?.deletionTimestamp) return undefined;
    if (!pending.settled(key)) return undefined;
    const selected = podInformer.list(service.metadata?.namespace).filter((pod) => selects(service, pod));
    const plan = planSlices({
      service,
      pods: selected,
      nodeOf: (name) => nodeInformer.get(name),
      slices: sliceInformer.byIndex(SERVICE_INDEX, key).filter((slice) => !slice.metadata?.deletionTimestamp),
      maxPerSlice: settings.maxEndpointsPerSlice,
      triggerTime: times.earliest(key, service, selected),
    });
    try {
      for (const slice of plan.create) pending.wrote(key, sliceInformer, await resource.create(slice, { signal }));
      for (const slice of plan.update) pending.wrote(key, sliceInformer, await resource.update(slice, { signal }));
      for (const slice of plan.remove) {
        const { name = "", namespace, uid } = slice.metadata ?? {};
        await resource.delete(name, namespace, { preconditions: { uid }, signal }).catch((error) => {
          if (!isNotFound(error)) throw error;
        });
        pending.deleted(key, sliceInformer, slice);
      }
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined;
      if (!signal.aborted) {
        const message = `Error updating Endpoint Slices for Service ${key}: ${(error as Error).message}`;
        recorder.event(service, "Warning", "FailedToUpdateEndpointSlices", message);
      }
      throw error;
    }
    return undefined;
  }
  return controller;
}
