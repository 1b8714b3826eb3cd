import type { ControllerDefinition } from "./controller.ts";
import { deploymentController } from "./deployment/controller.ts";
import { endpointsController } from "./endpoints/endpoints-controller.ts";
import { endpointSliceController } from "./endpoints/slice-controller.ts";
import { namespaceController } from "./namespace/controller.ts";
import { replicaSetController, replicationControllerController } from "./replica-set/controller.ts";
import { rootCaPublisher } from "./root-ca-publisher.ts";
import { serviceAccountController } from "./service-account.ts";

/** Every controller there is, by upstream's names. */
export const allControllers: readonly ControllerDefinition[] = [
  serviceAccountController,
  rootCaPublisher,
  namespaceController,
  endpointsController,
  endpointSliceController,
  replicaSetController,
  replicationControllerController,
  deploymentController,
];
