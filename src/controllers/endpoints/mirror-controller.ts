import { objectKey } from "../../api/object.ts";
import { endpointSlices, endpoints, services } from "../../api/resource-types.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { Endpoints, Service } from "../../api/types/core.v1.ts";
import type { EndpointSlice } from "../../api/types/discovery.v1.ts";
import { pendingWrites } from "../../client/pending-writes.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { isNamespaceTerminating } from "../pod-control.ts";
import { MIRROR_MANAGER, planMirror } from "./mirror-plan.ts";
import { MANAGED_BY, SERVICE_NAME } from "./slice-plan.ts";

const MIRROR_INDEX = "mirrorOf";
const SKIP_MIRROR = "endpointslice.kubernetes.io/skip-mirror";
const LEADER = "control-plane.alpha.kubernetes.io/leader";

/** Keeps EndpointSlices that say what people wrote into the Endpoints of Services without a selector. */
export const endpointSliceMirroringController: ControllerDefinition = {
  name: "endpointslice-mirroring-controller",
  alias: "endpointslicemirroring",
  serviceAccount: "endpointslicemirroring-controller",
  create,
};

function create(context: ControllerContext) {
  const { client, clock, informers, settings } = context;
  const resource = client.resource(endpointSlices);
  const serviceInformer = informers.informer(services);
  const endpointsInformer = informers.informer(endpoints);
  const sliceInformer = informers.informer(endpointSlices);
  const recorder = context.recorder("endpoint-slice-mirroring-controller");
  const pending = pendingWrites(clock);

  const mirroredKey = ({ metadata }: EndpointSlice): string | undefined => {
    const name = metadata?.labels?.[SERVICE_NAME];
    return name && metadata?.labels?.[MANAGED_BY] === MIRROR_MANAGER ? `${metadata.namespace}/${name}` : undefined;
  };
  sliceInformer.addIndex(MIRROR_INDEX, (slice) => {
    const key = mirroredKey(slice);
    return key === undefined ? [] : [key];
  });
  const controller = keyedController(context, {
    name: "endpointslice-mirroring-controller",
    workers: settings.concurrentSyncs,
    reconcile,
  });
  const enqueue = (object: Service | Endpoints) => controller.queue.add(objectKey(object));
  serviceInformer.on({
    add: (service) => {
      if (!hasSelector(service)) enqueue(service);
    },
    update(old, service) {
      if (hasSelector(old) !== hasSelector(service)) enqueue(service);
    },
    delete: enqueue,
  });
  endpointsInformer.on({
    add: (object) => {
      if (isMirrored(object)) enqueue(object);
    },
    update(old, object) {
      if (isMirrored(old) || isMirrored(object)) enqueue(object);
    },
    delete: enqueue,
  });
  const enqueueMirrored = (slice: EndpointSlice) => {
    const key = mirroredKey(slice);
    if (key !== undefined) controller.queue.add(key);
  };
  sliceInformer.on({
    add: enqueueMirrored,
    update(old, slice) {
      if (mirroredKey(old) !== mirroredKey(slice)) enqueueMirrored(old);
      enqueueMirrored(slice);
    },
    delete: enqueueMirrored,
  });

  async function reconcile(key: string, signal: AbortSignal): Promise<undefined> {
    if (!pending.settled(key)) return undefined;
    const service = serviceInformer.get(key);
    const object = endpointsInformer.get(key);
    const slices = sliceInformer.byIndex(MIRROR_INDEX, key).filter((slice) => !slice.metadata?.deletionTimestamp);
    if (!service || !object || hasSelector(service) || !isMirrored(object)) {
      await removeAll(key, slices, signal);
      pending.forget(key);
      return undefined;
    }
    const plan = planMirror({ endpoints: object, slices, maxPerSubset: settings.maxMirroredEndpointsPerSubset });
    try {
      if (!object.metadata?.deletionTimestamp) {
        for (const slice of plan.create) pending.wrote(key, sliceInformer, await resource.create(slice, { signal }));
      }
      for (const slice of plan.update) pending.wrote(key, sliceInformer, await resource.update(slice, { signal }));
      await removeAll(key, plan.remove, signal);
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined;
      throw error;
    }
    if (plan.skipped > 0 && plan.create.length + plan.update.length > 0) {
      const limit = settings.maxMirroredEndpointsPerSubset;
      const message = `A max of ${limit} addresses can be mirrored to EndpointSlices per Endpoints subset. ${plan.skipped} addresses were skipped`;
      recorder.event(object, "Warning", "TooManyAddressesToMirror", message);
    }
    return undefined;
  }

  async function removeAll(key: string, slices: readonly EndpointSlice[], signal: AbortSignal): Promise<void> {
    for (const slice of slices) {
      const { name = "", namespace, uid } = slice.metadata ?? {};
      await resource.delete(name, namespace, { preconditions: { uid }, signal }).catch((error) => {
        if (!isNotFound(error)) throw error;
      });
      pending.deleted(key, sliceInformer, slice);
    }
  }
  return controller;
}

const hasSelector = (service: Service) => Object.keys(service.spec?.selector ?? {}).length > 0;

/** Not where it is asked not to be, nor where it serves as a lock. */
const isMirrored = ({ metadata }: Endpoints) =>
  metadata?.labels?.[SKIP_MIRROR] !== "true" && metadata?.annotations?.[LEADER] === undefined;
