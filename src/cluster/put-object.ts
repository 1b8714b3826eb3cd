import type { KubeObject, ResourceType } from "../api/object.ts";
import { isNotFound } from "../api/status-error.ts";
import type { Client } from "../client/client.ts";

/** Creates the object, or brings what is given of an existing one up to date; nothing is written where it is right. */
export async function putObject<T extends KubeObject>(client: Client, type: ResourceType<T>, object: T): Promise<void> {
  const resource = client.resource(type);
  const { name = "", namespace } = object.metadata ?? {};
  try {
    await resource.patch(name, namespace, "merge", object);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await resource.create(object);
  }
}
