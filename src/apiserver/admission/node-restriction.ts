import { semanticEqual } from "../../api/json-equal.ts";
import type { KubeObject } from "../../api/object.ts";
import { claimsOf } from "../../api/pod-references.ts";
import {
  certificateSigningRequests,
  csiDrivers,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
} from "../../api/resource-types.ts";
import { nodeNameOf } from "../../api/service-account-user.ts";
import { notFound } from "../../api/status-error.ts";
import type { TokenRequest } from "../../api/types/authentication.v1.ts";
import type { CertificateSigningRequest } from "../../api/types/certificates.v1.ts";
import type { Node, PersistentVolumeClaim, Pod } from "../../api/types/core.v1.ts";
import type { ResourceSlice } from "../../api/types/resource.v1.ts";
import type { Authorizer } from "../authorization.ts";
import type { Lookup } from "../lookup.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { readRequest } from "./certificates.ts";
import { mirrorPodProblem } from "./mirror-pod.ts";
import { changedLabels, isForbiddenForKubelets } from "./node-labels.ts";
import { refusal, stored, written } from "./refusal.ts";

type Check = (node: string, attributes: AdmissionAttributes) => Promise<void> | void;

/**
 * NodeRestriction: a kubelet writes only what is its own: its node, its lease, the status of its pods, its mirror pods,
 * and tokens for its pods. The companion of the Node authorizer, which can't see the objects written.
 */
export function nodeRestriction({ lookup, authorizer }: { lookup: Lookup; authorizer: Authorizer }): AdmissionPlugin {
  const quoted = (text: string) => JSON.stringify(text);

  const podOf = async ({ name, namespace }: { name: string; namespace?: string }): Promise<Pod> => {
    const pod = (await lookup.get(pods, name, namespace)) ?? (await lookup.get(pods, name, namespace, { fresh: true }));
    if (!pod) throw notFound(pods, name);
    return pod;
  };

  const checkPod: Check = async (node, attributes) => {
    const { operation, subresource, name, namespace = "" } = attributes;
    const refuse = (message: string) => refusal(attributes, message);
    if (subresource === "status") return checkPodStatus(node, attributes);
    if (subresource === "eviction") {
      if (operation !== "CREATE") throw refuse(`unexpected operation ${operation}`);
      const pod = await podOf({ name: name || (attributes.object?.metadata?.name ?? ""), namespace });
      if (pod.spec?.nodeName === node) return;
      throw refuse(`node ${node} can only evict pods with spec.nodeName set to itself`);
    }
    if (subresource) {
      throw refuse(`unexpected pod subresource ${quoted(subresource)}, only 'status' and 'eviction' are allowed`);
    }
    if (operation === "DELETE") {
      if ((await podOf({ name, namespace })).spec?.nodeName === node) return;
      throw refuse(`node ${quoted(node)} can only delete pods with spec.nodeName set to itself`);
    }
    if (operation !== "CREATE") {
      throw refuse(
        `unexpected operation ${quoted(operation)}, node ${quoted(node)} can only create and delete mirror pods`,
      );
    }
    const owner = await lookup.get(nodes, node);
    const problem = mirrorPodProblem(written<Pod>(attributes), node, owner?.metadata?.uid);
    if (problem === "no node") throw notFound(nodes, node);
    if (problem) throw refuse(problem);
  };

  const checkPodStatus: Check = (node, attributes) => {
    const refuse = (message: string) => refusal(attributes, message);
    if (attributes.operation !== "UPDATE") throw refuse(`unexpected operation ${quoted(attributes.operation)}`);
    const [after, before] = [written<Pod>(attributes), stored<Pod>(attributes)];
    if (before.spec?.nodeName !== node) {
      throw refuse(`node ${quoted(node)} can only update pod status for pods with spec.nodeName set to itself`);
    }
    if (!semanticEqual(after.metadata?.labels, before.metadata?.labels)) {
      throw refuse(`node ${quoted(node)} cannot update labels through pod status`);
    }
    if (!semanticEqual(after.status?.resourceClaimStatuses, before.status?.resourceClaimStatuses)) {
      throw refuse(`node ${quoted(node)} cannot update resource claim statues`);
    }
    if (!semanticEqual(after.status?.extendedResourceClaimStatus, before.status?.extendedResourceClaimStatus)) {
      throw refuse(`node ${quoted(node)} cannot update extended resource claim status`);
    }
  };

  const checkNode: Check = (node, attributes) => {
    const { operation } = attributes;
    const refuse = (message: string) => refusal(attributes, message);
    const name = attributes.name || (attributes.object?.metadata?.name ?? "");
    if (name !== node) throw refuse(`node ${quoted(node)} is not allowed to modify node ${quoted(name)}`);
    if (operation !== "CREATE" && operation !== "UPDATE") return;
    const after = written<Node>(attributes);
    const before = operation === "UPDATE" ? stored<Node>(attributes) : undefined;
    const source = after.spec?.configSource;
    if (!before) {
      if (source) throw refuse(`node ${quoted(node)} is not allowed to create pods with a non-nil configSource`);
    } else {
      if (source && !semanticEqual(source, before.spec?.configSource)) {
        throw refuse(`node ${quoted(node)} is not allowed to update configSource to a new non-nil configSource`);
      }
      if (!semanticEqual(after.spec?.taints, before.spec?.taints)) {
        throw refuse(`node ${quoted(node)} is not allowed to modify taints`);
      }
      if (!semanticEqual(after.metadata?.ownerReferences, before.metadata?.ownerReferences)) {
        throw refuse(`node ${quoted(node)} is not allowed to modify ownerReferences`);
      }
    }
    const forbidden = changedLabels(after.metadata?.labels, before?.metadata?.labels).filter(isForbiddenForKubelets);
    if (forbidden.length === 0) return;
    throw refuse(
      before
        ? `is not allowed to modify labels: ${forbidden.join(", ")}`
        : `node ${quoted(node)} is not allowed to set the following labels: ${forbidden.join(", ")}`,
    );
  };

  const checkClaim: Check = (node, attributes) => {
    if (attributes.subresource !== "status") throw refusal(attributes, "may only update PVC status");
    if (attributes.operation !== "UPDATE")
      throw refusal(attributes, `unexpected operation ${quoted(attributes.operation)}`);
    const comparable = ({ metadata, status, ...rest }: PersistentVolumeClaim) => {
      const { resourceVersion, managedFields, ...keptMetadata } = metadata ?? {};
      const { capacity, conditions, allocatedResources, allocatedResourceStatuses, ...keptStatus } = status ?? {};
      return { ...rest, metadata: keptMetadata, status: keptStatus };
    };
    const [after, before] = [written<PersistentVolumeClaim>(attributes), stored<PersistentVolumeClaim>(attributes)];
    if (semanticEqual(comparable(after), comparable(before))) return;
    const rule = "is not allowed to update fields other than status.quantity and status.conditions";
    throw refusal(attributes, `node ${quoted(node)} ${rule}`);
  };

  const checkToken: Check = async (node, attributes) => {
    if (attributes.operation !== "CREATE" || attributes.subresource !== "token") return;
    const refuse = (message: string) => refusal(attributes, message);
    const { boundObjectRef, audiences = [] } = written<TokenRequest>(attributes).spec ?? {};
    const { apiVersion, kind, name, uid } = boundObjectRef ?? {};
    if (apiVersion !== "v1" || kind !== "Pod" || !name) throw refuse("node requested token not bound to a pod");
    if (!uid) throw refuse("node requested token with a pod binding without a uid");
    const pod = await podOf({ name, namespace: attributes.namespace });
    if (pod.metadata?.uid !== uid) {
      throw refuse(
        `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      );
    }
    if (pod.spec?.nodeName !== node) throw refuse("node requested token bound to a pod scheduled on a different node");
    if (audiences.length > 1) throw refuse("node may only request 0 or 1 audiences");
    const audience = audiences[0] ?? "";
    if (await needsAudience(pod, audience)) return;
    const { decision } = await authorizer.authorize({
      user: attributes.user,
      verb: "request-serviceaccounts-token-audience",
      group: "",
      version: "v1",
      resource: audience,
      namespace: attributes.namespace ?? "",
      name: attributes.name,
    });
    if (decision === "allow") return;
    throw refuse(
      `audience ${quoted(audience)} not found in pod spec volume, ${attributes.user.name} is not authorized to request tokens for this audience`,
    );
  };

  /** Whether a volume of the pod, or the CSI driver of one, asks for tokens for that audience. */
  const needsAudience = async (pod: Pod, audience: string): Promise<boolean> => {
    const volumes = pod.spec?.volumes ?? [];
    const projected = volumes.flatMap((volume) => volume.projected?.sources ?? []);
    if (projected.some((one) => one.serviceAccountToken && (one.serviceAccountToken.audience ?? "") === audience))
      return true;
    const drivers = new Set(volumes.map((volume) => volume.csi?.driver));
    for (const name of claimsOf(pod)) {
      const claim = await lookup.get(persistentVolumeClaims, name, pod.metadata?.namespace);
      const volume = claim?.spec?.volumeName && (await lookup.get(persistentVolumes, claim.spec.volumeName));
      if (volume) drivers.add(volume.spec?.csi?.driver);
    }
    for (const driver of drivers) {
      const tokens = driver ? (await lookup.get(csiDrivers, driver))?.spec.tokenRequests : undefined;
      if (tokens?.some((token) => token.audience === audience)) return true;
    }
    return false;
  };

  /** An object whose name must be the node's. */
  const checkOwnName =
    (message: string): Check =>
    (node, attributes) => {
      const name = attributes.operation === "CREATE" ? attributes.object?.metadata?.name : attributes.name;
      if (name !== node) throw refusal(attributes, message);
    };

  const checkLease: Check = (node, attributes) => {
    if (attributes.namespace !== "kube-node-lease") {
      throw refusal(attributes, 'can only access leases in the "kube-node-lease" system namespace');
    }
    return checkOwnName("can only access node lease with the same name as the requesting node")(node, attributes);
  };

  const checkSlice: Check = (node, attributes) => {
    const { operation } = attributes;
    if (operation !== "CREATE" && operation !== "DELETE") return;
    const slice = (operation === "CREATE" ? attributes.object : attributes.oldObject) as KubeObject as ResourceSlice;
    if (slice?.spec?.nodeName === node) return;
    const verb = operation.toLowerCase();
    throw refusal(attributes, `can only ${verb} ResourceSlice with the same NodeName as the requesting node`);
  };

  const checkSigningRequest: Check = (node, attributes) => {
    if (attributes.operation !== "CREATE") return;
    const { signerName, request } = written<CertificateSigningRequest>(attributes).spec;
    if (
      signerName !== "kubernetes.io/kubelet-serving" &&
      signerName !== "kubernetes.io/kube-apiserver-client-kubelet"
    ) {
      return;
    }
    const { commonName } = readRequest(attributes, request, "unable to parse csr");
    if (commonName !== `system:node:${node}`) {
      throw refusal(attributes, `can only create a node CSR with CN=system:node:${node}`);
    }
  };

  const checks: Readonly<Record<string, Check>> = {
    "pods.": checkPod,
    "nodes.": checkNode,
    "persistentvolumeclaims.": checkClaim,
    "serviceaccounts.": checkToken,
    "leases.coordination.k8s.io": checkLease,
    "csinodes.storage.k8s.io": checkOwnName("can only access CSINode with the same name as the requesting node"),
    "resourceslices.resource.k8s.io": checkSlice,
    [`${certificateSigningRequests.resource}.${certificateSigningRequests.group}`]: checkSigningRequest,
  };

  return {
    name: "NodeRestriction",
    handles: ({ operation, user }) => operation !== "CONNECT" && nodeNameOf(user) !== undefined,
    async admit(attributes) {
      const node = nodeNameOf(attributes.user);
      if (!node) throw refusal(attributes, `could not determine node from user ${quoted(attributes.user.name)}`);
      await checks[`${attributes.type.resource}.${attributes.type.group}`]?.(node, attributes);
    },
  };
}
