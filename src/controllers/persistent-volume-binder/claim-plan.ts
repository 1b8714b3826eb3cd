import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../api/types/core.v1.ts";
import type { StorageClass } from "../../api/types/storage.v1.ts";
import {
  defaultStorageClass,
  findVolume,
  isBoundTo,
  mismatch,
  namesStorageClass,
  storageClassOf,
  volumeAnnotations,
  waitsForConsumer,
} from "../../api/volume-matching.ts";
import { isFinished } from "../pod-state.ts";
import { isBuiltIn, migratedPlugins } from "../volume-plugins.ts";
import { annotated, type BindingPlan, bound, withClaimPhase } from "./binding.ts";

/** What a claim's plan depends on. */
export interface ClaimObservation {
  /** Volumes of the claim's class that have no claim, and those that are reserved for this one. */
  readonly candidates: readonly PersistentVolume[];
  /** The volume that the claim names. */
  readonly named?: PersistentVolume;
  readonly classes: readonly StorageClass[];
  /** The pods that use the claim. */
  readonly pods: readonly Pod[];
  /** `--enable-dynamic-provisioning` */
  readonly provisioning: boolean;
}

/** What is to be done about a claim. */
export function planClaim(claim: PersistentVolumeClaim, observed: ClaimObservation): BindingPlan {
  return claim.metadata?.annotations?.[volumeAnnotations.bindCompleted] === undefined
    ? planUnbound(claim, observed)
    : planBound(claim, observed.named);
}

/** A claim that was bound once has that volume, or has lost it. */
function planBound(claim: PersistentVolumeClaim, volume: PersistentVolume | undefined): BindingPlan {
  const lost = (reason: string, message: string): BindingPlan => ({
    claim: withClaimPhase(claim, "Lost"),
    remark: claim.status?.phase === "Lost" ? undefined : { type: "Warning", reason, message },
  });
  if (!claim.spec?.volumeName) {
    return lost("ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!");
  }
  if (!volume) return lost("ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
  const reference = volume.spec?.claimRef;
  if (!reference || reference.uid === claim.metadata?.uid) return bound(volume, claim);
  return lost("ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly");
}

function planUnbound(claim: PersistentVolumeClaim, observed: ClaimObservation): BindingPlan {
  const pending = (type: "Normal" | "Warning", reason: string, message: string): BindingPlan => ({
    claim: withClaimPhase(claim, "Pending"),
    remark: { type, reason, message },
  });
  const wanted = claim.spec?.volumeName;
  if (wanted) {
    const volume = observed.named;
    if (!volume) return { claim: withClaimPhase(claim, "Pending") };
    if (!volume.spec?.claimRef) {
      const problem = mismatch(volume, claim);
      if (!problem) return bound(volume, claim);
      return pending("Warning", "VolumeMismatch", `Cannot bind to requested volume "${wanted}": ${problem}`);
    }
    if (isBoundTo(volume, claim)) return bound(volume, claim);
    return pending("Warning", "FailedBinding", `volume "${wanted}" already bound to a different claim.`);
  }

  const className = storageClassOf(claim);
  const storageClass = observed.classes.find(({ metadata }) => metadata?.name === className);
  const delayed = waitsForConsumer(storageClass);
  const volume = findVolume(claim, observed.candidates, { reservedOnly: delayed });
  if (volume) return bound(volume, claim);

  const fallback = namesStorageClass(claim) ? undefined : defaultStorageClass(observed.classes)?.metadata?.name;
  if (fallback) return { claim: { ...claim, spec: { ...claim.spec, storageClassName: fallback } } };
  if (delayed && !claim.metadata?.annotations?.[volumeAnnotations.selectedNode]) {
    return pending("Normal", ...waitingFor(observed.pods));
  }
  if (!className) {
    const message = "no persistent volumes available for this claim and no storage class is set";
    return pending("Normal", "FailedBinding", message);
  }
  return observed.provisioning ? planProvisioning(claim, className, storageClass) : {};
}

/** Volumes are made by others, who look for their name on the claim. */
function planProvisioning(
  claim: PersistentVolumeClaim,
  className: string,
  storageClass: StorageClass | undefined,
): BindingPlan {
  const failed = (message: string): BindingPlan => ({
    remark: { type: "Warning", reason: "ProvisioningFailed", message },
  });
  if (!storageClass) return failed(`storageclass.storage.k8s.io "${className}" not found`);
  if (isBuiltIn(storageClass.provisioner)) return failed(`no volume plugin matched name: ${storageClass.provisioner}`);
  const provisioner = migratedPlugins.get(storageClass.provisioner) ?? storageClass.provisioner;
  const { provisioner: key, betaProvisioner: beta } = volumeAnnotations;
  const told = claim.metadata?.annotations?.[key] === provisioner;
  return {
    claim: told ? claim : annotated(claim, { [key]: provisioner, [beta]: provisioner }),
    remark: {
      type: "Normal",
      reason: "ExternalProvisioning",
      message: `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
    },
  };
}

function waitingFor(pods: readonly Pod[]): [reason: string, message: string] {
  const names = pods.filter((pod) => !isFinished(pod) && !pod.spec?.nodeName).map(({ metadata }) => metadata?.name);
  if (names.length === 0) {
    return ["WaitForFirstConsumer", "waiting for first consumer to be created before binding"];
  }
  const subject = names.length === 1 ? "pod" : "pods";
  return ["WaitForPodScheduled", `waiting for ${subject} ${names.sort().join(",")} to be scheduled`];
}
