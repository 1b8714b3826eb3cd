import { jsonEqual } from "../../api/json-equal.ts";
import { type KubeObject, objectKey, type ResourceType } from "../../api/object.ts";
import { persistentVolumeClaims, persistentVolumes, pods, storageClasses } from "../../api/resource-types.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../../api/types/core.v1.ts";
import type { StorageClass } from "../../api/types/storage.v1.ts";
import { namesStorageClass, storageClassOf, volumeAnnotations } from "../../api/volume-matching.ts";
import { pendingWrites } from "../../client/pending-writes.ts";
import { indexByClaim, podsOfClaim } from "../claims-of-pods.ts";
import { type Controller, type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { saidOnce } from "../said-once.ts";
import type { BindingPlan } from "./binding.ts";
import { planClaim } from "./claim-plan.ts";
import { planVolume } from "./volume-plan.ts";

/**
 * Binds claims and volumes to each other, asks provisioners for volumes that are missing, and reclaims volumes whose
 * claim is gone. The volume is written before the claim, so that whoever is stopped in between finds what to go on with.
 */
export const persistentVolumeBinder: ControllerDefinition = {
  name: "persistentvolume-binder-controller",
  alias: "persistentvolume-binder",
  serviceAccount: "persistent-volume-binder",
  create,
};

const FREE = "free volumes by class";
const BY_CLAIM = "volumes by claim";
const WAITING = "unbound claims by class";
const BY_VOLUME = "claims by volume";
/** Of claims that say nothing of a class; no name of a class is like it. */
const NO_CLASS = "*";

function create(context: ControllerContext): Controller {
  const { client, clock, informers, settings } = context;
  const claims = informers.informer(persistentVolumeClaims);
  const volumes = informers.informer(persistentVolumes);
  const classes = informers.informer(storageClasses);
  const podInformer = informers.informer(pods);
  const recorder = saidOnce(context.recorder("persistentvolume-controller"));
  const writes = pendingWrites(clock);

  const claimKeyOf = ({ spec }: PersistentVolume) =>
    spec?.claimRef ? `${spec.claimRef.namespace}/${spec.claimRef.name}` : undefined;
  const isUnbound = ({ metadata }: PersistentVolumeClaim) =>
    metadata?.annotations?.[volumeAnnotations.bindCompleted] === undefined;
  volumes.addIndex(FREE, (volume) => (volume.spec?.claimRef ? [] : [storageClassOf(volume)]));
  volumes.addIndex(BY_CLAIM, (volume) => [claimKeyOf(volume) ?? []].flat());
  claims.addIndex(WAITING, (claim) =>
    isUnbound(claim) && !claim.spec?.volumeName
      ? [storageClassOf(claim), ...(namesStorageClass(claim) ? [] : [NO_CLASS])]
      : [],
  );
  claims.addIndex(BY_VOLUME, (claim) => [claim.spec?.volumeName ?? []].flat());
  indexByClaim(podInformer);

  const claimLoop = keyedController(context, { name: "persistentvolume-binder-controller", reconcile: reconcileClaim });
  const volumeLoop = keyedController(context, { name: "persistentvolume-binder-volumes", reconcile: reconcileVolume });
  const enqueueClaims = (list: readonly PersistentVolumeClaim[]) => {
    for (const claim of list) claimLoop.queue.add(objectKey(claim));
  };
  const volumeOf = (volume: PersistentVolume, old?: PersistentVolume) => {
    const key = claimKeyOf(volume);
    if (key) claimLoop.queue.add(key);
    enqueueClaims(claims.byIndex(BY_VOLUME, volume.metadata?.name ?? ""));
    // A volume that has become free, or another, may be what claims wait for.
    const free = volume.status?.phase === "Available" && !key;
    if (!free) return;
    const same = old?.status?.phase === "Available" && jsonEqual(old.spec, volume.spec);
    if (!same || !jsonEqual(old?.metadata?.labels, volume.metadata?.labels)) {
      enqueueClaims(claims.byIndex(WAITING, storageClassOf(volume)));
    }
  };
  const claimChanged = (claim: PersistentVolumeClaim) => {
    claimLoop.queue.add(objectKey(claim));
    for (const volume of volumes.byIndex(BY_CLAIM, objectKey(claim))) volumeLoop.queue.add(objectKey(volume));
  };
  volumes.on({
    add(volume) {
      volumeLoop.queue.add(objectKey(volume));
      volumeOf(volume);
    },
    update(old, volume) {
      volumeLoop.queue.add(objectKey(volume));
      volumeOf(volume, old);
    },
    delete(volume) {
      recorder.forget(volume);
      writes.forget(objectKey(volume));
      volumeOf(volume);
    },
  });
  claims.on({
    add: claimChanged,
    update: (_, claim) => claimChanged(claim),
    delete(claim) {
      recorder.forget(claim);
      writes.forget(objectKey(claim));
      claimChanged(claim);
    },
  });
  const classChanged = (storageClass: StorageClass) => {
    enqueueClaims(claims.byIndex(WAITING, storageClass.metadata?.name ?? ""));
    enqueueClaims(claims.byIndex(WAITING, NO_CLASS));
  };
  classes.on({ add: classChanged, update: (_, storageClass) => classChanged(storageClass) });
  podsOfClaim.onChange(podInformer, (key) => {
    const claim = claims.get(key);
    if (claim && isUnbound(claim)) claimLoop.queue.add(key);
  });

  async function reconcileClaim(key: string, signal: AbortSignal): Promise<undefined> {
    const claim = claims.get(key);
    // What was written a moment ago comes back through the informer, and the key with it.
    if (!claim || !writes.settled(key)) return undefined;
    const named = claim.spec?.volumeName ? volumes.get(claim.spec.volumeName) : undefined;
    if (named && !writes.settled(objectKey(named))) return undefined;
    const candidates = [...volumes.byIndex(BY_CLAIM, key), ...volumes.byIndex(FREE, storageClassOf(claim))];
    const plan = planClaim(claim, {
      candidates: candidates.filter((volume) => writes.settled(objectKey(volume))),
      named,
      classes: classes.list(),
      pods: podsOfClaim.of(podInformer, key),
      provisioning: settings.dynamicProvisioning,
    });
    await act(plan, { ...claim, apiVersion: "v1", kind: "PersistentVolumeClaim" }, signal);
    if (!plan.remark) recorder.forget(claim);
    return undefined;
  }

  async function reconcileVolume(name: string, signal: AbortSignal): Promise<undefined> {
    const volume = volumes.get(name);
    if (!volume || !writes.settled(name)) return undefined;
    const claim = await claimFor(volume, signal);
    if (claim && !writes.settled(objectKey(claim))) return undefined;
    const plan = planVolume(volume, claim);
    await act(plan, { ...volume, apiVersion: "v1", kind: "PersistentVolume" }, signal);
    return undefined;
  }

  /** The claim of the volume's claimRef. The cache may be behind, and reclaiming can't be undone: ask where it has none. */
  async function claimFor(volume: PersistentVolume, signal: AbortSignal): Promise<PersistentVolumeClaim | undefined> {
    const reference = volume.spec?.claimRef;
    if (!reference?.uid) return undefined;
    const means = (claim: PersistentVolumeClaim | undefined) =>
      claim?.metadata?.uid === reference.uid ? claim : undefined;
    const cached = means(claims.get(`${reference.namespace}/${reference.name}`));
    const phase = volume.status?.phase;
    if (cached || phase === "Released" || phase === "Failed") return cached;
    const live = client.resource(persistentVolumeClaims).get(reference.name!, reference.namespace, { signal });
    return means(await live.catch(ifGone));
  }

  async function act({ volume, claim, remark }: BindingPlan, about: KubeObject, signal: AbortSignal) {
    if (volume) await save(persistentVolumes, volumes.get(objectKey(volume)), volume, signal);
    if (claim) await save(persistentVolumeClaims, claims.get(objectKey(claim)), claim, signal);
    if (remark) recorder.say(about, remark.type, remark.reason, remark.message);
  }

  /** Writes what differs: first the object, then its status. */
  async function save<T extends PersistentVolume | PersistentVolumeClaim>(
    type: ResourceType<T>,
    present: T | undefined,
    wanted: T,
    signal: AbortSignal,
  ): Promise<void> {
    if (!present) return;
    const resource = client.resource(type);
    const informer = informers.informer(type);
    const key = objectKey(wanted);
    let written = present;
    const { status: _, ...before } = present;
    const { status, ...after } = wanted;
    if (!jsonEqual(before, after)) {
      written = await resource.update(wanted, { signal });
      writes.wrote(key, informer, written);
    }
    if (!jsonEqual(present.status, status)) {
      writes.wrote(key, informer, await resource.updateStatus({ ...written, status }, { signal }));
    }
  }

  return {
    async run(signal) {
      await Promise.all([claimLoop.run(signal), volumeLoop.run(signal)]);
    },
  };
}

const ifGone = (error: unknown): undefined => {
  if (!isNotFound(error)) throw error;
};
