import { configMaps } from "../../api/resource-types.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../../api/status-error.ts";
import type { Clock } from "../../base/clock.ts";
import type { Client } from "../../client/client.ts";

const NAME = "kube-apiserver-legacy-service-account-token-tracking";
const NAMESPACE = "kube-system";

/**
 * Says since which day the use of ServiceAccount tokens in Secrets is noted, for those who clean up unused ones
 * (KEP-2799). A day that is there stays.
 */
export async function publishTokenTracking(client: Client, clock: Clock): Promise<void> {
  const resource = client.resource(configMaps);
  const since = new Date(clock.now()).toISOString().slice(0, 10);
  const present = await resource.get(NAME, NAMESPACE).catch((error) => {
    if (!isNotFound(error)) throw error;
    return undefined;
  });
  if (!present) {
    await resource.create({ metadata: { name: NAME, namespace: NAMESPACE }, data: { since } }).catch((error) => {
      if (!isAlreadyExists(error)) throw error;
    });
  } else if (!/^\d{4}-\d\d-\d\d$/.test(present.data?.since ?? "")) {
    await resource.update({ ...present, data: { ...present.data, since } }).catch((error) => {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    });
  }
}
