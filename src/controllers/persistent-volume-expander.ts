import { objectKey } from "../api/object.ts";
import { Quantity } from "../api/quantity.ts";
import { persistentVolumeClaims, persistentVolumes } from "../api/resource-types.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../api/types/core.v1.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "./controller.ts";
import { saidOnce } from "./said-once.ts";
import { migratedPlugins } from "./volume-plugins.ts";

/**
 * Sees claims that ask for more than they have. Volumes are expanded by their drivers' resizers, who watch claims
 * themselves; what is left to do is to say so, and to name the resizer of volumes whose kind has moved to a driver.
 */
export const persistentVolumeExpander: ControllerDefinition = {
  name: "persistentvolume-expander-controller",
  alias: "persistentvolume-expander",
  serviceAccount: "expand-controller",
  create,
};

const RESIZER = "volume.kubernetes.io/storage-resizer";

/** Upstream's kinds of volumes that drivers have taken over. */
const MIGRATED_SOURCES: readonly (readonly [keyof NonNullable<PersistentVolume["spec"]>, string])[] = [
  ["awsElasticBlockStore", "kubernetes.io/aws-ebs"],
  ["azureDisk", "kubernetes.io/azure-disk"],
  ["azureFile", "kubernetes.io/azure-file"],
  ["cinder", "kubernetes.io/cinder"],
  ["gcePersistentDisk", "kubernetes.io/gce-pd"],
  ["portworxVolume", "kubernetes.io/portworx-volume"],
  ["vsphereVolume", "kubernetes.io/vsphere-volume"],
];

export interface ExpansionPlan {
  readonly type: "Normal" | "Warning";
  readonly message: string;
  /** The driver that is to be named on the claim. */
  readonly resizer?: string;
}

/** What is to be said of the claim; undefined where it asks for no more than it has. */
export function planExpansion(claim: PersistentVolumeClaim, volume: PersistentVolume): ExpansionPlan | undefined {
  const wanted = claim.spec?.resources?.requests?.storage ?? "0";
  const present = claim.status?.capacity?.storage ?? "0";
  if (claim.status?.phase !== "Bound" || Quantity.parse(wanted).compare(Quantity.parse(present)) <= 0) return undefined;
  if (volume.spec?.claimRef?.uid !== claim.metadata?.uid) return undefined;
  const plugin = MIGRATED_SOURCES.find(([source]) => volume.spec?.[source])?.[1];
  if (plugin) {
    const message = `CSI migration enabled for ${plugin}; waiting for external resizer to expand the pvc`;
    return { type: "Normal", message, resizer: migratedPlugins.get(plugin) };
  }
  const external = volume.spec?.csi ?? volume.spec?.flexVolume;
  return { type: external ? "Normal" : "Warning", message: "waiting for an external controller to expand this PVC" };
}

function create(context: ControllerContext) {
  const { client, informers } = context;
  const claims = informers.informer(persistentVolumeClaims);
  const volumes = informers.informer(persistentVolumes);
  const recorder = saidOnce(context.recorder("volume_expand"));
  const controller = keyedController(context, { name: "persistentvolume-expander-controller", reconcile });
  const enqueue = (claim: PersistentVolumeClaim) => {
    if (claim.status?.phase === "Bound") controller.queue.add(objectKey(claim));
  };
  claims.on({
    add: enqueue,
    update: (_, claim) => enqueue(claim),
    delete: (claim) => recorder.forget(claim),
  });
  volumes.on({
    add({ spec }) {
      if (spec?.claimRef?.uid) controller.queue.add(`${spec.claimRef.namespace}/${spec.claimRef.name}`);
    },
  });

  async function reconcile(key: string, signal: AbortSignal): Promise<undefined> {
    const claim = claims.get(key);
    const volume = claim?.spec?.volumeName ? volumes.get(claim.spec.volumeName) : undefined;
    if (!claim || !volume) return undefined;
    const plan = planExpansion(claim, volume);
    if (!plan) {
      recorder.forget(claim);
      return undefined;
    }
    const about = { ...claim, apiVersion: "v1", kind: "PersistentVolumeClaim" };
    recorder.say(about, plan.type, "ExternalExpanding", plan.message);
    if (plan.resizer && claim.metadata?.annotations?.[RESIZER] !== plan.resizer) {
      // The controller has no right to change claims, but their status, with which annotations go.
      const { name = "", namespace, uid } = claim.metadata ?? {};
      const patch = { metadata: { uid, annotations: { [RESIZER]: plan.resizer } } };
      await client
        .resource(persistentVolumeClaims)
        .patch(name, namespace, "merge", patch, { subresource: "status", signal });
    }
    return undefined;
  }
  return controller;
}
