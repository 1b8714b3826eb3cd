import { attachDetachController } from "./attach-detach/controller.ts";
import { bootstrapSigner } from "./bootstrap-tokens/signer.ts";
import { tokenCleaner } from "./bootstrap-tokens/token-cleaner.ts";
import { approvingController } from "./certificates/approving-controller.ts";
import { cleanerController } from "./certificates/cleaner-controller.ts";
import { signingController } from "./certificates/signing-controller.ts";
import { clusterRoleAggregationController } from "./cluster-role-aggregation.ts";
import type { ControllerDefinition } from "./controller.ts";
import { cronJobController } from "./cron-job/controller.ts";
import { daemonSetController } from "./daemon-set/controller.ts";
import { deploymentController } from "./deployment/controller.ts";
import { disruptionController } from "./disruption/controller.ts";
import { endpointsController } from "./endpoints/endpoints-controller.ts";
import { endpointSliceMirroringController } from "./endpoints/mirror-controller.ts";
import { endpointSliceController } from "./endpoints/slice-controller.ts";
import { ephemeralVolumeController } from "./ephemeral-volume.ts";
import { garbageCollector } from "./garbage-collector/controller.ts";
import { horizontalPodAutoscalerController } from "./horizontal-pod-autoscaler/controller.ts";
import { jobController } from "./job/controller.ts";
import { namespaceController } from "./namespace/controller.ts";
import { nodeIpamController } from "./node-ipam/controller.ts";
import { nodeLifecycleController } from "./node-lifecycle/controller.ts";
import { persistentVolumeBinder } from "./persistent-volume-binder/controller.ts";
import { persistentVolumeExpander } from "./persistent-volume-expander.ts";
import { podGarbageCollector } from "./pod-garbage-collector.ts";
import { replicaSetController, replicationControllerController } from "./replica-set/controller.ts";
import { resourceQuotaController } from "./resource-quota/controller.ts";
import { rootCaPublisher } from "./root-ca-publisher.ts";
import { serviceAccountController } from "./service-account.ts";
import { legacyTokenCleaner } from "./service-account-tokens/legacy-token-cleaner.ts";
import { serviceAccountTokenController } from "./service-account-tokens/token-controller.ts";
import { serviceCidrController } from "./service-cidr.ts";
import { statefulSetController } from "./stateful-set/controller.ts";
import {
  attributesClassProtectionController,
  claimProtectionController,
  volumeProtectionController,
} from "./storage-protection.ts";
import { taintEvictionController } from "./taint-eviction.ts";
import { ttlController } from "./ttl.ts";
import { ttlAfterFinishedController } from "./ttl-after-finished.ts";
import { validatingAdmissionPolicyStatusController } from "./validating-admission-policy-status/controller.ts";

/** Every controller there is, by upstream's names. */
export const allControllers: readonly ControllerDefinition[] = [
  serviceAccountController,
  serviceAccountTokenController,
  legacyTokenCleaner,
  bootstrapSigner,
  tokenCleaner,
  rootCaPublisher,
  namespaceController,
  endpointsController,
  endpointSliceController,
  endpointSliceMirroringController,
  replicaSetController,
  replicationControllerController,
  deploymentController,
  jobController,
  daemonSetController,
  statefulSetController,
  cronJobController,
  ttlAfterFinishedController,
  ttlController,
  garbageCollector,
  nodeIpamController,
  nodeLifecycleController,
  taintEvictionController,
  podGarbageCollector,
  disruptionController,
  horizontalPodAutoscalerController,
  resourceQuotaController,
  clusterRoleAggregationController,
  approvingController,
  signingController,
  cleanerController,
  serviceCidrController,
  persistentVolumeBinder,
  ephemeralVolumeController,
  persistentVolumeExpander,
  attachDetachController,
  claimProtectionController,
  volumeProtectionController,
  attributesClassProtectionController,
  validatingAdmissionPolicyStatusController,
];
