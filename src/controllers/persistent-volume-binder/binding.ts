import { jsonEqual } from "../../api/json-equal.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../../api/types/core.v1.ts";
import { isBoundTo, volumeAnnotations } from "../../api/volume-matching.ts";

/** Something to be said of the object that is reconciled. */
export interface Remark {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

/** How a claim and a volume should be; what is absent may stay as it is. The volume is written first. */
export interface BindingPlan {
  readonly volume?: PersistentVolume;
  readonly claim?: PersistentVolumeClaim;
  readonly remark?: Remark;
}

type VolumePhase = "Available" | "Bound" | "Released" | "Failed";

/** The object with these annotations, of which undefined ones are taken away. */
export function annotated<T extends PersistentVolume | PersistentVolumeClaim>(
  object: T,
  changes: Readonly<Record<string, string | undefined>>,
): T {
  const { annotations: present, ...metadata } = object.metadata ?? {};
  const kept = Object.entries({ ...present, ...changes }).filter(([, value]) => value !== undefined);
  const annotations = Object.fromEntries(kept) as Record<string, string>;
  return { ...object, metadata: kept.length > 0 ? { ...metadata, annotations } : metadata };
}

export function withVolumePhase(volume: PersistentVolume, phase: VolumePhase, message = ""): PersistentVolume {
  if (volume.status?.phase === phase) return volume;
  const { message: _, ...status } = volume.status ?? {};
  return { ...volume, status: { ...status, phase, ...(message ? { message } : {}) } };
}

/** The claim's status without a volume. */
export function withClaimPhase(claim: PersistentVolumeClaim, phase: "Pending" | "Lost"): PersistentVolumeClaim {
  const { accessModes: _, capacity: __, ...status } = claim.status ?? {};
  return { ...claim, status: { ...status, phase } };
}

/** The claim and the volume, bound to each other. What the user bound is not marked as the controller's work. */
export function bound(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim,
): { volume: PersistentVolume; claim: PersistentVolumeClaim } {
  const { name, namespace, uid, resourceVersion } = claim.metadata ?? {};
  let ours = isBoundTo(volume, claim) ? volume : annotated(volume, { [volumeAnnotations.boundByController]: "yes" });
  if (!isBoundTo(volume, claim) || volume.spec?.claimRef?.uid !== uid) {
    const claimRef = { kind: "PersistentVolumeClaim", namespace, name, uid, apiVersion: "v1", resourceVersion };
    ours = { ...ours, spec: { ...ours.spec!, claimRef } };
  }
  const chosen = claim.spec?.volumeName !== volume.metadata?.name;
  const marked = annotated(claim, {
    ...(chosen ? { [volumeAnnotations.boundByController]: "yes" } : {}),
    [volumeAnnotations.bindCompleted]: claim.metadata?.annotations?.[volumeAnnotations.bindCompleted] ?? "yes",
  });
  const theirs = { ...marked, spec: { ...marked.spec, volumeName: volume.metadata?.name } };
  return { volume: withVolumePhase(ours, "Bound"), claim: { ...theirs, status: boundStatus(claim, volume) } };
}

/** A claim that is bound already may have been expanded: its size is what the resizer says then. */
function boundStatus(claim: PersistentVolumeClaim, { spec }: PersistentVolume): PersistentVolumeClaim["status"] {
  const present = claim.status ?? {};
  const status = jsonEqual(present.accessModes, spec?.accessModes)
    ? present
    : { ...present, accessModes: spec?.accessModes };
  if (present.phase === "Bound") return status;
  return {
    ...status,
    phase: "Bound",
    capacity: spec?.capacity,
    ...(spec?.volumeAttributesClassName ? { currentVolumeAttributesClassName: spec.volumeAttributesClassName } : {}),
  };
}

/** The volume without its claim: free again, or reserved as its user had it. */
export function unbound(volume: PersistentVolume): PersistentVolume {
  const byController = volume.metadata?.annotations?.[volumeAnnotations.boundByController] !== undefined;
  const { claimRef, ...spec } = volume.spec ?? {};
  const { uid: _, resourceVersion: __, ...reserved } = claimRef ?? {};
  const freed = byController ? annotated(volume, { [volumeAnnotations.boundByController]: undefined }) : volume;
  return withVolumePhase({ ...freed, spec: byController ? spec : { ...spec, claimRef: reserved } }, "Available");
}
