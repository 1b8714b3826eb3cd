import type { PersistentVolume, PersistentVolumeClaim } from "../../api/types/core.v1.ts";
import { sameVolumeMode, volumeAnnotations } from "../../api/volume-matching.ts";
import { isBuiltIn, migratedPlugins } from "../volume-plugins.ts";
import { annotated, type BindingPlan, type Remark, unbound, withVolumePhase } from "./binding.ts";

/** Holds a volume that upstream's own code made until that code has deleted what is behind it. */
const BUILT_IN_FINALIZER = "kubernetes.io/pv-controller";
/** The same of volumes that external provisioners made; theirs to set. */
const EXTERNAL_FINALIZER = "external-provisioner.volume.kubernetes.io/finalizer";

/** What is to be done about a volume; `claim` is the one that its claimRef means, if that exists. */
export function planVolume(given: PersistentVolume, claim: PersistentVolumeClaim | undefined): BindingPlan {
  const volume = withFinalizers(withMigration(given));
  const reference = volume.spec?.claimRef;
  // Without a uid it is reserved: the claim will find it.
  if (!reference?.uid) return { volume: withVolumePhase(volume, "Available") };
  if (!claim) return planReclaim(volume);
  if (!claim.spec?.volumeName) {
    if (sameVolumeMode(volume, claim)) return { volume };
    const message = `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${claim.metadata?.name}" due to incompatible volumeMode.`;
    return { volume, remark: { type: "Warning", reason: "VolumeMismatch", message } };
  }
  if (claim.spec.volumeName === volume.metadata?.name) return { volume: withVolumePhase(volume, "Bound") };
  // The claim was served by another volume. One that was made for it is of no more use.
  const { provisionedBy } = volumeAnnotations;
  const made = volume.metadata?.annotations?.[provisionedBy] !== undefined;
  if (made && volume.spec?.persistentVolumeReclaimPolicy === "Delete") return planReclaim(volume);
  return { volume: unbound(volume) };
}

/** What becomes of a volume whose claim is gone. Nothing is deleted here: those who made it do that once it is Released. */
function planReclaim(volume: PersistentVolume): BindingPlan {
  const failed = (reason: string, message: string): BindingPlan => {
    const remark: Remark | undefined =
      volume.status?.phase === "Failed" ? undefined : { type: "Warning", reason, message };
    return { volume: withVolumePhase(volume, "Failed", message), remark };
  };
  // A failure stays visible.
  const released = volume.status?.phase === "Failed" ? volume : withVolumePhase(volume, "Released");
  const policy = volume.spec?.persistentVolumeReclaimPolicy;
  switch (policy) {
    case "Retain":
    case undefined:
      return { volume: released };
    case "Recycle":
      return failed("VolumeFailedRecycle", "No recycler plugin found for the volume!");
    case "Delete": {
      const provisioner = volume.metadata?.annotations?.[volumeAnnotations.provisionedBy];
      if (!provisioner) {
        const message = `error getting deleter volume plugin for volume "${volume.metadata?.name}": no deletable volume plugin matched`;
        return failed("VolumeFailedDelete", message);
      }
      if (!isBuiltIn(provisioner)) return { volume: released };
      return failed("VolumeFailedDelete", `no volume plugin matched name: ${provisioner}`);
    }
    default:
      return failed("VolumeUnknownReclaimPolicy", "Volume has unrecognized PersistentVolumeReclaimPolicy");
  }
}

function withMigration(volume: PersistentVolume): PersistentVolume {
  const { provisionedBy, migratedTo } = volumeAnnotations;
  const provisioner = volume.metadata?.annotations?.[provisionedBy];
  if (provisioner === undefined) return volume;
  const driver = migratedPlugins.get(provisioner);
  return volume.metadata?.annotations?.[migratedTo] === driver ? volume : annotated(volume, { [migratedTo]: driver });
}

/** KEP-2644: finalizers follow who made the volume and its reclaim policy. */
function withFinalizers(volume: PersistentVolume): PersistentVolume {
  const provisioner = volume.metadata?.annotations?.[volumeAnnotations.provisionedBy];
  if (!provisioner?.startsWith("kubernetes.io/")) return volume;
  const present = volume.metadata?.finalizers ?? [];
  const own = isBuiltIn(provisioner);
  const holds = own && volume.spec?.persistentVolumeReclaimPolicy === "Delete";
  const finalizers = present.filter(
    (one) => !(one === BUILT_IN_FINALIZER && !holds) && !(one === EXTERNAL_FINALIZER && own),
  );
  if (holds && !finalizers.includes(BUILT_IN_FINALIZER) && !volume.metadata?.deletionTimestamp) {
    finalizers.push(BUILT_IN_FINALIZER);
  }
  const same = finalizers.length === present.length && finalizers.every((one, index) => one === present[index]);
  return same ? volume : { ...volume, metadata: { ...volume.metadata, finalizers } };
}
