import { persistentVolumeClaims, persistentVolumes } from "../../resource-types.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../../types/core.v1.ts";
import { define } from "../define.ts";
import { canonicalizeMilliList } from "../quantities.ts";
import { timestamp } from "../timestamp.ts";
import { defaultClaimSpec, defaultPersistentVolumeSpec } from "./volume-defaults.ts";

export const persistentVolume = define<PersistentVolume>({
  type: persistentVolumes,
  singular: "persistentvolume",
  shortNames: ["pv"],
  hasStatus: true,
  generation: false,
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
  type: persistentVolumeClaims,
  singular: "persistentvolumeclaim",
  shortNames: ["pvc"],
  hasStatus: true,
  generation: false,
  defaults(claim) {
    defaultClaim(claim);
  },
  prepareForCreate(claim) {
    claim.status = { phase: "Pending" };
  },
});
