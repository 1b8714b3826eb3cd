import { persistentVolumeClaims, persistentVolumes } from "../../resource-types.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../../types/core.v1.ts";
import { define } from "../define.ts";

export const persistentVolume = define<PersistentVolume>({
  type: persistentVolumes,
  singular: "persistentvolume",
  shortNames: ["pv"],
  hasStatus: true,
  generation: false,
});

export const persistentVolumeClaim = define<PersistentVolumeClaim>({
  type: persistentVolumeClaims,
  singular: "persistentvolumeclaim",
  shortNames: ["pvc"],
  hasStatus: true,
  generation: false,
});
