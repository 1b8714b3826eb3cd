import { matchesNodeSelector } from "../../api/node-affinity.ts";
import { Quantity } from "../../api/quantity.ts";
import type { Node, PersistentVolume, PersistentVolumeClaim } from "../../api/types/core.v1.ts";
import type { StorageClass } from "../../api/types/storage.v1.ts";
import {
  findVolume,
  NO_PROVISIONER,
  storageClassOf,
  volumeAnnotations,
  waitsForConsumer,
} from "../../api/volume-matching.ts";
import type { Plugin, Rejection, Snapshot } from "../framework.ts";
import type { NodeInfo, PodInfo } from "../node-info.ts";

interface Delayed {
  readonly claim: PersistentVolumeClaim;
  readonly storageClass: StorageClass;
  readonly candidates: readonly PersistentVolume[];
}

interface State {
  readonly volumes: readonly PersistentVolume[];
  /** Claims whose volume is chosen together with the node, the smallest first. */
  readonly delayed: readonly Delayed[];
}

/** What becomes of a pod's claims that waited for it, on the node that it goes to. */
export interface VolumeChoice {
  readonly bind: readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }[];
  /** Claims that a provisioner is to make a volume for. */
  readonly provision: readonly PersistentVolumeClaim[];
}

const AFFINITY = "node(s) didn't match PersistentVolume's node affinity";
const NO_VOLUME = "node(s) didn't find available persistent volumes to bind";

const reaches = (node: Node, { spec }: PersistentVolume): boolean =>
  !spec?.nodeAffinity?.required || matchesNodeSelector(spec.nodeAffinity.required, node);

function prepare({ pod }: PodInfo, snapshot: Snapshot): { state: State } | { rejection: Rejection } {
  const volumes: PersistentVolume[] = [];
  const delayed: Delayed[] = [];
  const reject = (reason: string) => ({
    rejection: { plugin: "VolumeBinding", reasons: [reason], unresolvable: true },
  });
  for (const volume of pod.spec?.volumes ?? []) {
    const name =
      volume.persistentVolumeClaim?.claimName ??
      (volume.ephemeral ? `${pod.metadata!.name}-${volume.name}` : undefined);
    if (name === undefined) continue;
    const claim = snapshot.claim(pod.metadata!.namespace!, name);
    if (!claim || claim.metadata?.deletionTimestamp) {
      return reject(
        claim ? `persistentvolumeclaim "${name}" is being deleted` : `persistentvolumeclaim "${name}" not found`,
      );
    }
    if (claim.status?.phase === "Lost")
      return reject(
        `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName}"`,
      );
    if (!claim.spec?.volumeName || claim.metadata?.annotations?.[volumeAnnotations.bindCompleted] === undefined) {
      const storageClass = snapshot.storageClass(storageClassOf(claim));
      if (claim.spec?.volumeName || !storageClass || !waitsForConsumer(storageClass)) {
        return reject("pod has unbound immediate PersistentVolumeClaims");
      }
      delayed.push({ claim, storageClass, candidates: snapshot.volumesFor(claim) });
      continue;
    }
    const bound = snapshot.volume(claim.spec.volumeName);
    if (!bound) return reject("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)");
    volumes.push(bound);
  }
  const size = ({ claim }: Delayed) => Quantity.parse(claim.spec?.resources?.requests?.storage ?? "0");
  return { state: { volumes, delayed: delayed.sort((a, b) => size(a).compare(size(b))) } };
}

/** The volumes of the node for the claims that wait; undefined where it has none for one of them. */
function choose(node: Node, delayed: readonly Delayed[]): VolumeChoice | undefined {
  const bind: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = [];
  const provision: PersistentVolumeClaim[] = [];
  for (const { claim, storageClass, candidates } of delayed) {
    const selected = claim.metadata?.annotations?.[volumeAnnotations.selectedNode];
    // Its volume is being made already.
    if (selected !== undefined && selected !== node.metadata?.name) return undefined;
    const left = candidates.filter((candidate) => !bind.some(({ volume }) => volume === candidate));
    const volume =
      selected === undefined ? findVolume(claim, left, { reachable: (one) => reaches(node, one) }) : undefined;
    if (volume) bind.push({ claim, volume });
    else if (canProvision(storageClass, node)) provision.push(claim);
    else return undefined;
  }
  return { bind, provision };
}

/** `allowedTopologies`: one of the terms must hold whole. */
function canProvision({ provisioner, allowedTopologies = [] }: StorageClass, { metadata }: Node): boolean {
  if (!provisioner || provisioner === NO_PROVISIONER) return false;
  if (allowedTopologies.length === 0) return true;
  return allowedTopologies.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key, values }) => values?.includes(metadata?.labels?.[key] ?? "")),
  );
}

/** What is to be done about the pod's claims before it is bound to the node; undefined where nothing is. */
export function volumeChoice(pod: PodInfo, node: NodeInfo, snapshot: Snapshot): VolumeChoice | undefined {
  if (!pod.pod.spec?.volumes?.some(({ persistentVolumeClaim, ephemeral }) => persistentVolumeClaim ?? ephemeral)) {
    return undefined;
  }
  const prepared = prepare(pod, snapshot);
  if ("rejection" in prepared || prepared.state.delayed.length === 0) return undefined;
  return choose(node.node!, prepared.state.delayed);
}

/**
 * Claims must exist; those that are bound must have their volumes within the node's reach, and those that wait for
 * their first consumer must find one there, or somebody who makes it.
 */
export const volumeBinding: Plugin<State> = {
  name: "VolumeBinding",
  prepare,
  filter(_, { node }, { volumes, delayed }) {
    const reasons = [
      ...(volumes.every((volume) => reaches(node!, volume)) ? [] : [AFFINITY]),
      ...(choose(node!, delayed) ? [] : [NO_VOLUME]),
    ];
    return reasons.length === 0 ? undefined : { plugin: "VolumeBinding", reasons, unresolvable: true };
  },
  wakes: (_, event) => event.kind === "volume-changed" || event.kind === "node-added" || event.kind === "node-updated",
};
