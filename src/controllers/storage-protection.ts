import { type KubeObject, objectKey, type ResourceType } from "../api/object.ts";
import { persistentVolumeClaims, persistentVolumes, pods, volumeAttributesClasses } from "../api/resource-types.ts";
import { isNotFound } from "../api/status-error.ts";
import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../api/types/core.v1.ts";
import type { VolumeAttributesClass } from "../api/types/storage.v1.ts";
import { claimKeys } from "./claims-of-pods.ts";
import { type Controller, type ControllerContext, type ControllerDefinition, keyedController } from "./controller.ts";

/** Keeps claims that are being deleted until no pod uses them any more. */
export const claimProtectionController: ControllerDefinition = {
  name: "persistentvolumeclaim-protection-controller",
  alias: "pvc-protection",
  serviceAccount: "pvc-protection-controller",
  create: protectClaims,
};

/** Keeps volumes that are being deleted until they are not bound any more. */
export const volumeProtectionController: ControllerDefinition = {
  name: "persistentvolume-protection-controller",
  alias: "pv-protection",
  serviceAccount: "pv-protection-controller",
  create: (context) =>
    protect<PersistentVolume>(context, {
      name: "persistentvolume-protection-controller",
      type: persistentVolumes,
      finalizer: "kubernetes.io/pv-protection",
      isUsed: async (volume) => volume.status?.phase === "Bound",
    }).controller,
};

/** Keeps classes of volume attributes that are being deleted until no claim or volume names them any more. */
export const attributesClassProtectionController: ControllerDefinition = {
  name: "volumeattributesclass-protection-controller",
  serviceAccount: "volumeattributesclass-protection-controller",
  create: protectAttributesClasses,
};

const CLAIM_INDEX = "claim";
const CLASS_INDEX = "volume attributes class";

function protectClaims(context: ControllerContext): Controller {
  const podInformer = context.informers.informer(pods);
  const podResource = context.client.resource(pods);
  podInformer.addIndex(CLAIM_INDEX, claimKeys);
  const { controller, enqueue } = protect<PersistentVolumeClaim>(context, {
    name: "persistentvolumeclaim-protection-controller",
    type: persistentVolumeClaims,
    finalizer: "kubernetes.io/pvc-protection",
    async isUsed(claim, signal) {
      const key = objectKey(claim);
      // A pod that is not bound yet will not be started with a claim that goes away; one that has ended may still have it mounted.
      const uses = (pod: Pod) => Boolean(pod.spec?.nodeName) && claimKeys(pod).includes(key);
      if (podInformer.byIndex(CLAIM_INDEX, key).some(uses)) return true;
      // The cache may be behind, and a volume that is taken away under a pod is gone: ask.
      const { items } = await podResource.list({ namespace: claim.metadata?.namespace, signal });
      return items.some(uses);
    },
  });
  const enqueueClaims = (pod: Pod) => claimKeys(pod).forEach(enqueue);
  podInformer.on({
    delete: enqueueClaims,
    update(old, pod) {
      if (old.metadata?.uid !== pod.metadata?.uid) enqueueClaims(old);
    },
  });
  return controller;
}

function protectAttributesClasses(context: ControllerContext): Controller {
  const users = [
    classUsers<PersistentVolumeClaim>(context, persistentVolumeClaims, ({ spec, status }) => [
      spec?.volumeAttributesClassName,
      status?.currentVolumeAttributesClassName,
      status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
    ]),
    classUsers<PersistentVolume>(context, persistentVolumes, ({ spec }) => [spec?.volumeAttributesClassName]),
  ];
  const { controller, enqueue } = protect<VolumeAttributesClass>(context, {
    name: "volumeattributesclass-protection-controller",
    type: volumeAttributesClasses,
    finalizer: "kubernetes.io/vac-protection",
    isUsed: async ({ metadata }) => users.some(({ has }) => has(metadata?.name ?? "")),
  });
  for (const { onRelease } of users) onRelease(enqueue);
  return controller;
}

/** What names classes: whether any does, and a call for each class that one of them names no more. */
function classUsers<T extends KubeObject>(
  { informers }: ControllerContext,
  type: ResourceType<T>,
  named: (user: T) => (string | undefined)[],
) {
  const informer = informers.informer<T>(type);
  const classes = (user: T) => named(user).filter((name) => name !== undefined && name !== "") as string[];
  informer.addIndex(CLASS_INDEX, classes);
  return {
    has: (name: string) => informer.byIndex(CLASS_INDEX, name).length > 0,
    onRelease(release: (name: string) => void) {
      informer.on({
        delete: (user) => classes(user).forEach(release),
        update(old, user) {
          const left = classes(user);
          for (const name of classes(old)) if (!left.includes(name)) release(name);
        },
      });
    },
  };
}

interface Protection<T> {
  name: string;
  type: ResourceType<T & KubeObject>;
  finalizer: string;
  isUsed(object: T, signal: AbortSignal): Promise<boolean>;
}

/** Puts the finalizer on what is not being deleted, and takes it off what is, once it is not used. */
function protect<T extends KubeObject>(context: ControllerContext, { name, type, finalizer, isUsed }: Protection<T>) {
  const resource = context.client.resource<T>(type);
  const informer = context.informers.informer<T>(type);
  const controller = keyedController(context, { name, reconcile });
  const needsWork = (object: T) =>
    (object.metadata?.deletionTimestamp !== undefined) === (object.metadata?.finalizers?.includes(finalizer) ?? false);
  const enqueue = (key: string) => {
    const object = informer.get(key);
    if (object && needsWork(object)) controller.queue.add(key);
  };
  informer.on({ add: (object) => enqueue(objectKey(object)), update: (_, object) => enqueue(objectKey(object)) });

  async function reconcile(key: string, signal: AbortSignal): Promise<undefined> {
    const object = informer.get(key);
    if (!object || !needsWork(object)) return undefined;
    const present = object.metadata?.finalizers ?? [];
    const leaving = object.metadata?.deletionTimestamp !== undefined;
    if (leaving && (await isUsed(object, signal))) return undefined;
    const finalizers = leaving ? present.filter((one) => one !== finalizer) : [...present, finalizer];
    await resource.update({ ...object, metadata: { ...object.metadata, finalizers } }, { signal }).catch((error) => {
      if (!isNotFound(error)) throw error;
    });
    return undefined;
  }
  return { controller, enqueue };
}
