import { namespaces, serviceAccounts } from "../api/resource-types.ts";
import { isAlreadyExists } from "../api/status-error.ts";
import type { Namespace } from "../api/types/core.v1.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "./controller.ts";
import { isNamespaceTerminating } from "./pod-control.ts";

const DEFAULT = "default";

/** Gives each namespace its `default` ServiceAccount. */
export const serviceAccountController: ControllerDefinition = {
  name: "serviceaccount-controller",
  alias: "serviceaccount",
  serviceAccount: "service-account-controller",
  create,
};

function create(context: ControllerContext) {
  const { client, informers } = context;
  const resource = client.resource(serviceAccounts);
  const namespaceInformer = informers.informer(namespaces);
  const accountInformer = informers.informer(serviceAccounts);
  const controller = keyedController(context, { name: "serviceaccount-controller", reconcile });
  const enqueue = (namespace: Namespace) => controller.queue.add(namespace.metadata?.name ?? "");
  namespaceInformer.on({ add: enqueue, update: (_, namespace) => enqueue(namespace) });
  accountInformer.on({ delete: ({ metadata }) => controller.queue.add(metadata?.namespace ?? "") });

  async function reconcile(name: string, signal: AbortSignal): Promise<undefined> {
    const namespace = namespaceInformer.get(name);
    if (!namespace || namespace.metadata?.deletionTimestamp || namespace.status?.phase === "Terminating")
      return undefined;
    if (accountInformer.get(`${name}/${DEFAULT}`)) return undefined;
    await resource.create({ metadata: { name: DEFAULT, namespace: name } }, { signal }).catch((error) => {
      if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error;
    });
    return undefined;
  }
  return controller;
}
