import { objectKey } from "../../api/object.ts";
import { secrets } from "../../api/resource-types.ts";
import { isConflict, isNotFound } from "../../api/status-error.ts";
import type { Secret } from "../../api/types/core.v1.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { expiresAt, TOKEN_SECRETS } from "./token-secrets.ts";

const NAME = "token-cleaner-controller";

/** Deletes the tokens by which machines join when their time is over. */
export const tokenCleaner: ControllerDefinition = {
  name: NAME,
  alias: "tokencleaner",
  serviceAccount: "token-cleaner",
  offByDefault: true,
  create,
};

function create(context: ControllerContext) {
  const { client, clock, informers } = context;
  const informer = informers.informer(secrets, TOKEN_SECRETS);
  const controller = keyedController(context, { name: NAME, reconcile });
  const enqueue = (secret: Secret) => controller.queue.add(objectKey(secret));
  informer.on({ add: enqueue, update: (_, secret) => enqueue(secret) });

  async function reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const secret = informer.get(key);
    const end = secret && !secret.metadata?.deletionTimestamp ? expiresAt(secret) : Number.POSITIVE_INFINITY;
    if (!secret || end === Number.POSITIVE_INFINITY) return undefined;
    const left = end - clock.now();
    if (left > 0) return { requeueAfterMs: left };
    const { name = "", namespace, uid, resourceVersion } = secret.metadata ?? {};
    // Not where its time was prolonged just now.
    const preconditions = { uid, resourceVersion };
    await client
      .resource(secrets)
      .delete(name, namespace, { preconditions, signal })
      .catch((error) => {
        if (!isNotFound(error) && !isConflict(error)) throw error;
      });
    return undefined;
  }
  return controller;
}
