import { configMaps } from "../../api/resource-types.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { Client } from "../../client/client.ts";

const NAME = "extension-apiserver-authentication";
const NAMESPACE = "kube-system";

/**
 * Tells other components whose client certificates this server accepts, so that they can accept the same: the ConfigMap
 * from which upstream's scheduler and controller manager set up their own authentication.
 */
export async function publishClientCa(client: Client, clientCa: string): Promise<void> {
  const resource = client.resource(configMaps);
  const data = { "client-ca-file": clientCa };
  try {
    const present = await resource.get(NAME, NAMESPACE);
    if (present.data?.["client-ca-file"] === clientCa) return;
    await resource.update({ ...present, data: { ...present.data, ...data } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await resource.create({ metadata: { name: NAME, namespace: NAMESPACE }, data });
  }
}
