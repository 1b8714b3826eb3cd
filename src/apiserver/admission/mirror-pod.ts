import { configMapsOf, secretsOf } from "../../api/pod-references.ts";
import type { Pod, Volume } from "../../api/types/core.v1.ts";

const MIRROR = "kubernetes.io/config.mirror";

/**
 * Why a kubelet may not create this pod: it may create mirror pods of its own, which refer to nothing in the API.
 * `nodeUid` is that of its node; "no node" where the node is not there.
 */
export function mirrorPodProblem(pod: Pod, node: string, nodeUid: string | undefined): string | undefined {
  const name = JSON.stringify(node);
  if (pod.metadata?.annotations?.[MIRROR] === undefined) {
    return `pod does not have "${MIRROR}" annotation, node ${name} can only create mirror pods`;
  }
  if (pod.spec?.nodeName !== node) return `node ${name} can only create pods with spec.nodeName set to itself`;
  const [owner, ...others] = pod.metadata.ownerReferences ?? [];
  if (others.length > 0) return `node ${name} can only create pods with a single owner reference set to itself`;
  if (owner?.apiVersion !== "v1" || owner.kind !== "Node" || owner.name !== node) {
    return `node ${name} can only create pods with an owner reference set to itself`;
  }
  if (!owner.controller) return `node ${name} can only create pods with a controller owner reference set to itself`;
  if (owner.blockOwnerDeletion) return `node ${name} must not set blockOwnerDeletion on an owner reference`;
  if (nodeUid === undefined) return "no node";
  if (owner.uid !== nodeUid) return `node ${node} UID mismatch: expected ${owner.uid} got ${nodeUid}`;
  const referenced = apiReference(pod);
  return referenced && `node ${name} can not create pods that reference ${referenced}`;
}

/** What a pod refers to that only the API can give. */
function apiReference(pod: Pod): string | undefined {
  if (pod.spec?.serviceAccountName) return "serviceaccounts";
  if (secretsOf(pod).size > 0) return "secrets";
  if (configMapsOf(pod).size > 0) return "configmaps";
  if (pod.spec?.resourceClaims?.length) return "resourceclaims";
  for (const volume of pod.spec?.volumes ?? []) {
    const referenced = volumeReference(volume);
    if (referenced) return referenced;
  }
  return undefined;
}

function volumeReference(volume: Volume): string | undefined {
  if (volume.configMap) return "configmaps (via configmap volumes)";
  if (volume.secret) return "secrets (via secret volumes)";
  if (volume.csi) return "csidrivers (via CSI volumes)";
  if (volume.glusterfs) return "endpoints (via glusterFS volumes)";
  if (volume.persistentVolumeClaim) return "persistentvolumeclaims";
  if (volume.ephemeral) return "persistentvolumeclaims (via ephemeral volumes)";
  if (volume.azureFile) return "secrets (via azureFile volumes)";
  for (const source of volume.projected?.sources ?? []) {
    if (source.configMap) return "configmaps (via projected volumes)";
    if (source.secret) return "secrets (via projected volumes)";
    if (source.serviceAccountToken) return "serviceaccounts (via projected volumes)";
    if (source.clusterTrustBundle) return "clustertrustbundles";
    if (source.podCertificate) return "podcertificates";
  }
  return undefined;
}
