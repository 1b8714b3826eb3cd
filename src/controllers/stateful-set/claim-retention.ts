import { controllerRef, ownerRef } from "../../api/controller-ref.ts";
import { pods, statefulSets } from "../../api/resource-types.ts";
import type { StatefulSet } from "../../api/types/apps.v1.ts";
import type { PersistentVolumeClaim, Pod } from "../../api/types/core.v1.ts";
import type { OwnerReference } from "../../api/types/meta.v1.ts";

/**
 * The owners that a claim must have by the set's retention policy (KEP-1847): the set, where claims go with it, and the
 * pod, where claims go when it is scaled away. Undefined where they are as they should be.
 */
export function plannedOwners(
  set: StatefulSet,
  claim: PersistentVolumeClaim,
  pod: Pod,
  scaledAway: boolean,
): OwnerReference[] | undefined {
  const policy = set.spec?.persistentVolumeClaimRetentionPolicy;
  const byPod = policy?.whenScaled === "Delete" && scaledAway;
  const bySet = policy?.whenDeleted === "Delete" && !byPod;
  const present = claim.metadata?.ownerReferences ?? [];
  const isSet = ({ kind, uid }: OwnerReference) => kind === "StatefulSet" && uid === set.metadata?.uid;
  const isPod = ({ kind, name }: OwnerReference) => kind === "Pod" && name === pod.metadata?.name;
  const foreign = present.filter((owner) => !isSet(owner) && !isPod(owner));
  // A claim that somebody else controls is theirs to keep or delete.
  if (foreign.some((owner) => owner.controller)) return undefined;
  const owners = [
    ...foreign,
    ...(bySet ? [present.find(isSet) ?? controllerRef(statefulSets, set)] : []),
    ...(byPod && pod.metadata?.uid ? [{ ...ownerRef(pods, pod), controller: true, blockOwnerDeletion: true }] : []),
  ];
  const same =
    owners.length === present.length && owners.every((owner) => present.some((one) => one.uid === owner.uid));
  return same ? undefined : owners;
}

/** A claim that goes with a former pod of the name: the new pod has to wait for the new claim. */
export const isStale = (claim: PersistentVolumeClaim, pod: Pod | undefined): boolean =>
  (claim.metadata?.ownerReferences ?? []).some(
    ({ kind, name, uid }) => kind === "Pod" && name === pod?.metadata?.name && uid !== pod.metadata.uid,
  );
