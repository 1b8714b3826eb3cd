import { jsonEqual } from "../../json-equal.ts";
import { persistentVolumeClaims, persistentVolumes } from "../../resource-types.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../../types/core.v1.ts";
import { ageColumn, column, nameColumn, wideColumn } from "../columns.ts";
import { define } from "../define.ts";
import { canonicalizeMilliList } from "../quantities.ts";
import { timestamp } from "../timestamp.ts";
import { defaultClaimSpec, defaultPersistentVolumeSpec } from "./volume-defaults.ts";
import {
  validateClaim,
  validateClaimStatusUpdate,
  validateClaimUpdate,
  validatePersistentVolume,
  validatePersistentVolumeUpdate,
} from "./volume-object-validation.ts";
import { claimWarnings, persistentVolumeWarnings } from "./volume-warnings.ts";

export const persistentVolume = define<PersistentVolume>({
  warnings: (volume, old) => (old && jsonEqual(volume.spec, old.spec) ? [] : persistentVolumeWarnings(volume)),
  type: persistentVolumes,
  singular: "persistentvolume",
  shortNames: ["pv"],
  columns: [
    nameColumn,
    column("Capacity", "Size of the volume.", ({ spec }) => spec?.capacity?.storage ?? "0"),
    column("Access Modes", "How the volume can be mounted.", ({ spec }) => accessModes(spec?.accessModes)),
    column(
      "Reclaim Policy",
      "What becomes of it when its claim is gone.",
      ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? "",
    ),
    column("Status", "Whether it is available, bound or released.", ({ metadata, status }) =>
      metadata?.deletionTimestamp ? "Terminating" : (status?.phase ?? ""),
    ),
    column("Claim", "Claim that it is bound to.", ({ spec }) =>
      spec?.claimRef ? `${spec.claimRef.namespace ?? ""}/${spec.claimRef.name ?? ""}` : "",
    ),
    column(
      "StorageClass",
      "StorageClass of the volume.",
      ({ metadata, spec }) => metadata?.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName ?? "",
    ),
    column(
      "VolumeAttributesClass",
      "VolumeAttributesClass of the volume.",
      ({ spec }) => spec?.volumeAttributesClassName ?? "<unset>",
    ),
    column("Reason", "Why it is in this state.", ({ status }) => status?.reason ?? ""),
    ageColumn,
    wideColumn("VolumeMode", "File system or block device.", ({ spec }) => spec?.volumeMode ?? "<unset>"),
  ],
  hasStatus: true,
  generation: false,
  validate: validatePersistentVolume,
  validateUpdate: validatePersistentVolumeUpdate,
  defaults(volume) {
    volume.spec ??= {};
    defaultPersistentVolumeSpec(volume.spec);
    volume.status ??= {};
    volume.status.phase ||= "Pending";
  },
  prepareForCreate(volume, { now }) {
    volume.status = { phase: "Pending", lastPhaseTransitionTime: timestamp(now) };
  },
  prepareForStatusUpdate(volume, old, { now }) {
    if (!volume.status || volume.status.phase === old.status?.phase) return;
    // A controller that knows the time may give it; otherwise the phase changes now.
    if (volume.status.lastPhaseTransitionTime !== old.status?.lastPhaseTransitionTime) return;
    volume.status.lastPhaseTransitionTime = timestamp(now);
  },
});

/** Defaults of a claim, also as a template of a StatefulSet. */
export function defaultClaim(claim: PersistentVolumeClaim): void {
  claim.spec ??= {};
  defaultClaimSpec(claim.spec);
  claim.status ??= {};
  claim.status.phase ||= "Pending";
  canonicalizeMilliList(claim.status.capacity);
  canonicalizeMilliList(claim.status.allocatedResources);
}

export const persistentVolumeClaim = define<PersistentVolumeClaim>({
  warnings: (claim, old) => (old && jsonEqual(claim.spec, old.spec) ? [] : claimWarnings(claim)),
  type: persistentVolumeClaims,
  singular: "persistentvolumeclaim",
  shortNames: ["pvc"],
  columns: [
    nameColumn,
    column("Status", "Whether it is bound.", ({ metadata, status }) =>
      metadata?.deletionTimestamp ? "Terminating" : (status?.phase ?? ""),
    ),
    column("Volume", "Volume that it is bound to.", ({ spec }) => spec?.volumeName ?? ""),
    column("Capacity", "Size of that volume.", ({ spec, status }) =>
      spec?.volumeName ? (status?.capacity?.storage ?? "0") : "",
    ),
    column("Access Modes", "How that volume can be mounted.", ({ spec, status }) =>
      spec?.volumeName ? accessModes(status?.accessModes) : "",
    ),
    column(
      "StorageClass",
      "StorageClass of the claim.",
      ({ metadata, spec }) => metadata?.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName ?? "",
    ),
    column(
      "VolumeAttributesClass",
      "VolumeAttributesClass of the claim.",
      ({ spec }) => spec?.volumeAttributesClassName ?? "<unset>",
    ),
    ageColumn,
    wideColumn("VolumeMode", "File system or block device.", ({ spec }) => spec?.volumeMode ?? "<unset>"),
  ],
  hasStatus: true,
  generation: false,
  validate: validateClaim,
  validateUpdate: validateClaimUpdate,
  validateStatusUpdate: validateClaimStatusUpdate,
  defaults(claim) {
    defaultClaim(claim);
  },
  prepareForCreate(claim) {
    claim.status = { phase: "Pending" };
  },
});

/** The storage class, as it was given before there was a field for it. */
const CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class";

const ACCESS_MODES: readonly (readonly [mode: string, short: string])[] = [
  ["ReadWriteOnce", "RWO"],
  ["ReadOnlyMany", "ROX"],
  ["ReadWriteMany", "RWX"],
  ["ReadWriteOncePod", "RWOP"],
];

function accessModes(modes: readonly string[] | undefined): string {
  return ACCESS_MODES.filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(",");
}
