import { Quantity } from "../../api/quantity.ts";
import {
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
  volumeAttributesClasses,
} from "../../api/resource-types.ts";
import type { PersistentVolumeClaim } from "../../api/types/core.v1.ts";
import type { Lookup } from "../lookup.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { concerns, refusal, stored, written, writtenMetadata } from "./refusal.ts";

const PROTECTED = [
  [persistentVolumes, "kubernetes.io/pv-protection"],
  [persistentVolumeClaims, "kubernetes.io/pvc-protection"],
  [volumeAttributesClasses, "kubernetes.io/vac-protection"],
] as const;
const finalizerFor = (attributes: AdmissionAttributes) => PROTECTED.find(([type]) => concerns(attributes, type))?.[1];

/** StorageObjectInUseProtection: volumes and claims get the finalizer that keeps them while they are used. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: "StorageObjectInUseProtection",
  handles: (attributes) => attributes.operation === "CREATE" && finalizerFor(attributes) !== undefined,
  admit(attributes) {
    const finalizer = finalizerFor(attributes)!;
    const metadata = writtenMetadata(attributes);
    if (!metadata.finalizers?.includes(finalizer)) metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
  },
};

/** PersistentVolumeClaimResize: only a bound claim grows, and only where its class allows it. */
export function persistentVolumeClaimResize({ lookup }: { lookup: Lookup }): AdmissionPlugin {
  return {
    name: "PersistentVolumeClaimResize",
    handles: (attributes) => attributes.operation === "UPDATE" && concerns(attributes, persistentVolumeClaims),
    async validate(attributes) {
      const [claim, old] = [written<PersistentVolumeClaim>(attributes), stored<PersistentVolumeClaim>(attributes)];
      if (sizeOf(claim).compare(sizeOf(old)) <= 0) return;
      if (old.status?.phase !== "Bound")
        throw refusal(attributes, "Only bound persistent volume claims can be expanded");
      const name = classOf(claim);
      const growing = name && name === classOf(old) && (await lookup.get(storageClasses, name))?.allowVolumeExpansion;
      if (!growing) {
        throw refusal(
          attributes,
          "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
        );
      }
    },
  };
}

const sizeOf = (claim: PersistentVolumeClaim) => Quantity.parse(claim.spec?.resources?.requests?.storage ?? "0");
const classOf = ({ metadata, spec }: PersistentVolumeClaim) =>
  metadata?.annotations?.["volume.beta.kubernetes.io/storage-class"] ?? spec?.storageClassName;
