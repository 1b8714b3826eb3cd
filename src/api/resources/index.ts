import type { ResourceDefinition } from "../resource-definition.ts";
import {
  mutatingAdmissionPolicy,
  mutatingAdmissionPolicyBinding,
  mutatingWebhookConfiguration,
  validatingAdmissionPolicy,
  validatingAdmissionPolicyBinding,
  validatingWebhookConfiguration,
} from "./admissionregistration/definitions.ts";
import { customResourceDefinition } from "./apiextensions/custom-resource-definition.ts";
import { apiService } from "./apiregistration.ts";
import { controllerRevision } from "./apps/controller-revision.ts";
import { daemonSet } from "./apps/daemon-set.ts";
import { deployment } from "./apps/deployment.ts";
import { replicaSet } from "./apps/replica-set.ts";
import { statefulSet } from "./apps/stateful-set.ts";
import { horizontalPodAutoscaler } from "./autoscaling/horizontal-pod-autoscaler.ts";
import { cronJob } from "./batch/cron-job.ts";
import { job } from "./batch/job.ts";
import { certificateSigningRequest } from "./certificates.ts";
import { clusterTrustBundle } from "./cluster-trust-bundle.ts";
import { lease } from "./coordination.ts";
import { configMap, secret } from "./core/configuration.ts";
import { endpoints } from "./core/endpoints.ts";
import { event } from "./core/event.ts";
import { namespace } from "./core/namespace.ts";
import { node } from "./core/node.ts";
import { pod } from "./core/pod.ts";
import { podTemplate } from "./core/pod-template.ts";
import { limitRange, resourceQuota } from "./core/quota.ts";
import { replicationController } from "./core/replication-controller.ts";
import { service } from "./core/service.ts";
import { serviceAccount } from "./core/service-account.ts";
import { binding, componentStatus } from "./core/virtual.ts";
import { persistentVolume, persistentVolumeClaim } from "./core/volume.ts";
import { endpointSlice } from "./discovery.ts";
import { flowSchema, priorityLevelConfiguration } from "./flowcontrol.ts";
import { leaseCandidate } from "./lease-candidate.ts";
import { ipAddress, serviceCIDR } from "./networking/addresses.ts";
import { ingress } from "./networking/ingress.ts";
import { ingressClass } from "./networking/ingress-class.ts";
import { networkPolicy } from "./networking/network-policy.ts";
import { runtimeClass } from "./node.ts";
import { podCertificateRequest } from "./pod-certificate-request.ts";
import { podGroup, workload } from "./pod-groups.ts";
import { podDisruptionBudget } from "./policy.ts";
import { clusterRole, clusterRoleBinding, role, roleBinding } from "./rbac.ts";
import { deviceClass, resourceClaim, resourceClaimTemplate, resourceSlice } from "./resource/definitions.ts";
import { deviceTaintRule } from "./resource/device-taint-rule.ts";
import { resourcePoolStatusRequest } from "./resource/pool-status-request.ts";
import { reviews } from "./review.ts";
import { priorityClass } from "./scheduling.ts";
import {
  csiDriver,
  csiNode,
  csiStorageCapacity,
  storageClass,
  volumeAttachment,
  volumeAttributesClass,
} from "./storage.ts";

import { storageVersion } from "./storage-version.ts";
import { storageVersionMigration } from "./storage-version-migration.ts";

/**
 * Every resource of the API, once, in its storage version. Versions and groups that show the same objects in another
 * shape (autoscaling/v1, events.k8s.io/v1) are the `conversions` of the one that is stored.
 */
export const resourceDefinitions: readonly ResourceDefinition[] = [
  binding,
  componentStatus,
  configMap,
  endpoints,
  event,
  limitRange,
  namespace,
  node,
  persistentVolumeClaim,
  persistentVolume,
  pod,
  podTemplate,
  replicationController,
  resourceQuota,
  secret,
  serviceAccount,
  service,
  controllerRevision,
  daemonSet,
  deployment,
  replicaSet,
  statefulSet,
  ...reviews,
  horizontalPodAutoscaler,
  cronJob,
  job,
  certificateSigningRequest,
  clusterTrustBundle,
  podCertificateRequest,
  lease,
  leaseCandidate,
  endpointSlice,
  flowSchema,
  priorityLevelConfiguration,
  ingressClass,
  ingress,
  ipAddress,
  networkPolicy,
  serviceCIDR,
  runtimeClass,
  podDisruptionBudget,
  clusterRoleBinding,
  clusterRole,
  roleBinding,
  role,
  deviceClass,
  resourceClaim,
  resourceClaimTemplate,
  resourceSlice,
  deviceTaintRule,
  resourcePoolStatusRequest,
  priorityClass,
  podGroup,
  workload,
  csiDriver,
  csiNode,
  csiStorageCapacity,
  storageClass,
  volumeAttachment,
  volumeAttributesClass,
  storageVersion,
  storageVersionMigration,
  mutatingWebhookConfiguration,
  validatingWebhookConfiguration,
  validatingAdmissionPolicy,
  validatingAdmissionPolicyBinding,
  mutatingAdmissionPolicy,
  mutatingAdmissionPolicyBinding,
  customResourceDefinition,
  apiService,
];

const byGroupResource = new Map<string, ResourceDefinition>();
for (const definition of resourceDefinitions) {
  byGroupResource.set(`${definition.type.group}/${definition.type.resource}`, definition);
  for (const { group } of Object.values(definition.conversions ?? {})) {
    if (group !== undefined) byGroupResource.set(`${group}/${definition.type.resource}`, definition);
  }
}

/** The definition behind a served resource; a group that only converts leads to the definition that is stored. */
export function resourceDefinition(group: string, resource: string): ResourceDefinition | undefined {
  return byGroupResource.get(`${group}/${resource}`);
}
