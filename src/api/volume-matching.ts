import { selectorOf } from "./label-selector.ts";
import { Quantity } from "./quantity.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "./types/core.v1.ts";
import type { StorageClass } from "./types/storage.v1.ts";

/** What the binder, the scheduler and provisioners tell each other by annotations of claims and volumes. */
export const volumeAnnotations = {
  /** On a claim: it was bound once, so that a volume that is missing now is lost. */
  bindCompleted: "pv.kubernetes.io/bind-completed",
  /** On either: it was not the user who bound it. */
  boundByController: "pv.kubernetes.io/bound-by-controller",
  /** On a volume: who made it. */
  provisionedBy: "pv.kubernetes.io/provisioned-by",
  /** On a volume: the CSI driver in whose hands it is now. */
  migratedTo: "pv.kubernetes.io/migrated-to",
  /** On a claim: who is to make its volume. */
  provisioner: "volume.kubernetes.io/storage-provisioner",
  betaProvisioner: "volume.beta.kubernetes.io/storage-provisioner",
  /** On a claim: the node that its volume must be reachable from. Set by the scheduler. */
  selectedNode: "volume.kubernetes.io/selected-node",
  betaStorageClass: "volume.beta.kubernetes.io/storage-class",
} as const;

/** The class that nobody provisions. */
export const NO_PROVISIONER = "kubernetes.io/no-provisioner";

type Classed = PersistentVolume | PersistentVolumeClaim;

/** The name of the object's storage class; empty where it has none. */
export const storageClassOf = ({ metadata, spec }: Classed): string =>
  metadata?.annotations?.[volumeAnnotations.betaStorageClass] ?? spec?.storageClassName ?? "";

/** Whether the claim says anything of a class; `""` says that it wants none. */
export const namesStorageClass = ({ metadata, spec }: PersistentVolumeClaim): boolean =>
  metadata?.annotations?.[volumeAnnotations.betaStorageClass] !== undefined || spec?.storageClassName !== undefined;

/** Whether claims of this class wait until a pod needs them. */
export const waitsForConsumer = (storageClass: StorageClass | undefined): boolean =>
  storageClass?.volumeBindingMode === "WaitForFirstConsumer";

/** Whether the volume is bound to the claim or reserved for it by name. */
export function isBoundTo({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  const reference = spec?.claimRef;
  if (!reference || reference.name !== metadata?.name || reference.namespace !== metadata?.namespace) return false;
  return !reference.uid || reference.uid === metadata?.uid;
}

const capacityOf = ({ spec }: PersistentVolume) => Quantity.parse(spec?.capacity?.storage ?? "0");
const requestOf = ({ spec }: PersistentVolumeClaim) => Quantity.parse(spec?.resources?.requests?.storage ?? "0");
const modeOf = ({ spec }: Classed) => spec?.volumeMode ?? "Filesystem";
/** An empty name of a class of attributes is none. */
const attributesOf = ({ spec }: Classed) => spec?.volumeAttributesClassName || undefined;

export const sameVolumeMode = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  modeOf(volume) === modeOf(claim);

const offersAccess = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  (claim.spec?.accessModes ?? []).every((mode) => volume.spec?.accessModes?.includes(mode));

/** Why a volume that a claim asks for by name can't be its volume, in upstream's words; undefined where it can. */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (volume.metadata?.deletionTimestamp) return `the volume is marked for deletion "${volume.metadata.name}"`;
  if (capacityOf(volume).compare(requestOf(claim)) < 0) return "requested PV is too small";
  if (storageClassOf(volume) !== storageClassOf(claim)) return "storageClassName does not match";
  if (attributesOf(volume) !== attributesOf(claim)) return "volumeAttributesClassName does not match";
  if (!sameVolumeMode(volume, claim)) return "incompatible volumeMode";
  return offersAccess(volume, claim) ? undefined : "incompatible accessMode";
}

/**
 * The volume that fits the claim best: one that is reserved for it, else the smallest of those that have the fewest
 * access modes. With `reservedOnly` none but the former, as for claims whose volume the scheduler chooses; `reachable`
 * leaves out those that a node does not reach.
 */
export function findVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  {
    reservedOnly = false,
    reachable = () => true,
  }: { reservedOnly?: boolean; reachable?(volume: PersistentVolume): boolean } = {},
): PersistentVolume | undefined {
  const wanted = requestOf(claim);
  const selector = claim.spec?.selector && selectorOf(claim.spec.selector);
  const fits = (volume: PersistentVolume) =>
    !volume.metadata?.deletionTimestamp &&
    sameVolumeMode(volume, claim) &&
    attributesOf(volume) === attributesOf(claim) &&
    offersAccess(volume, claim) &&
    capacityOf(volume).compare(wanted) >= 0;
  const reserved = volumes.find((volume) => isBoundTo(volume, claim) && fits(volume));
  if (reserved) return reachable(reserved) ? reserved : undefined;
  if (reservedOnly) return undefined;
  return volumes
    .filter(
      (volume) =>
        volume.status?.phase === "Available" &&
        !volume.spec?.claimRef &&
        (!selector || selector.matches(volume.metadata?.labels)) &&
        storageClassOf(volume) === storageClassOf(claim) &&
        fits(volume) &&
        reachable(volume),
    )
    .sort(
      (a, b) =>
        (a.spec?.accessModes?.length ?? 0) - (b.spec?.accessModes?.length ?? 0) ||
        capacityOf(a).compare(capacityOf(b)) ||
        ((a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1),
    )[0];
}

/** The class that claims without one get: the newest of those that are marked as default, then by name. */
export function defaultStorageClass(classes: readonly StorageClass[]): StorageClass | undefined {
  const marked = ({ metadata }: StorageClass) =>
    metadata?.annotations?.["storageclass.kubernetes.io/is-default-class"] === "true" ||
    metadata?.annotations?.["storageclass.beta.kubernetes.io/is-default-class"] === "true";
  const age = ({ metadata }: StorageClass) => Date.parse(metadata?.creationTimestamp ?? "") || 0;
  return classes
    .filter(marked)
    .sort((a, b) => age(b) - age(a) || ((a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1))[0];
}
