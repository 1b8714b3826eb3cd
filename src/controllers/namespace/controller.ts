import { semanticEqual } from "../../api/json-equal.ts";
import { namespaces, pods } from "../../api/resource-types.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { Namespace } from "../../api/types/core.v1.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { deletionConditions } from "./conditions.ts";
import { deleteContent } from "./content-deletion.ts";

const FINALIZER = "kubernetes";
const WORKERS = 10;

/** Empties namespaces that are being deleted, and lets them go when nothing is left. */
export const namespaceController: ControllerDefinition = {
  name: "namespace-controller",
  alias: "namespace",
  create,
};

function create(context: ControllerContext) {
  const { client, clock, informers } = context;
  const resource = client.resource(namespaces);
  const informer = informers.informer(namespaces);
  const podInformer = informers.informer(pods);
  const controller = keyedController(context, { name: "namespace-controller", workers: WORKERS, reconcile });
  const isLeaving = (namespace: Namespace | undefined) => namespace?.metadata?.deletionTimestamp !== undefined;
  const enqueue = (namespace: Namespace) => {
    if (isLeaving(namespace)) controller.queue.add(namespace.metadata?.name ?? "");
  };
  informer.on({ add: enqueue, update: (_, namespace) => enqueue(namespace) });
  podInformer.on({
    // The last pod is what the rest waits for: no need to wait for the estimate to pass.
    delete(pod) {
      const name = pod.metadata?.namespace ?? "";
      if (isLeaving(informer.get(name)) && podInformer.list(name).length === 0) controller.queue.add(name);
    },
  });

  async function reconcile(name: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    if (!isLeaving(informer.get(name))) return undefined;
    // The cache may not know yet what the last round has done.
    const namespace = await resource.get(name, undefined, { signal }).catch((error) => {
      if (!isNotFound(error)) throw error;
      return undefined;
    });
    if (!namespace || !isLeaving(namespace) || !namespace.spec?.finalizers?.includes(FINALIZER)) return undefined;

    const outcome = await deleteContent(client, name, signal);
    const status = {
      ...namespace.status,
      phase: "Terminating",
      conditions: deletionConditions(namespace.status?.conditions ?? [], outcome, clock.now()),
    };
    const current = semanticEqual(status, namespace.status)
      ? namespace
      : await resource.updateStatus({ ...namespace, status }, { signal });
    if (outcome.undiscovered.length + outcome.errors.length > 0) {
      throw new Error([...outcome.undiscovered, ...outcome.errors].join("; "));
    }
    if (outcome.remaining.size > 0) return { requeueAfterMs: (outcome.estimateSeconds / 2 + 1) * 1000 };

    const finalizers = current.spec?.finalizers?.filter((finalizer) => finalizer !== FINALIZER);
    const final = { ...current, spec: { ...current.spec, finalizers } };
    await resource.updateSubresource(name, undefined, "finalize", final, { signal }).catch((error) => {
      if (!isNotFound(error)) throw error;
    });
    return undefined;
  }
  return controller;
}
