import { namespaces, priorityClasses } from "../../api/resource-types.ts";
import { isAlreadyExists, isNotFound } from "../../api/status-error.ts";
import type { Namespace } from "../../api/types/core.v1.ts";
import type { PriorityClass } from "../../api/types/scheduling.v1.ts";
import type { Client } from "../../client/client.ts";

/** Namespaces that every cluster has. */
const SYSTEM_NAMESPACES: readonly string[] = ["default", "kube-system", "kube-public", "kube-node-lease"];

const PRIORITY_CLASSES: readonly PriorityClass[] = [
  {
    metadata: { name: "system-node-critical" },
    value: 2_000_001_000,
    description: "Used for system critical pods that must not be moved from their current node.",
  },
  {
    metadata: { name: "system-cluster-critical" },
    value: 2_000_000_000,
    description:
      "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
  },
];

/** Creates the system namespaces that are missing. */
export async function ensureSystemNamespaces(client: Client): Promise<void> {
  const resource = client.resource(namespaces);
  await Promise.all(SYSTEM_NAMESPACES.map((name) => ensure<Namespace>(resource, { metadata: { name } })));
}

/** Creates the system priority classes that are missing. */
export async function ensurePriorityClasses(client: Client): Promise<void> {
  const resource = client.resource(priorityClasses);
  await Promise.all(PRIORITY_CLASSES.map((wanted) => ensure(resource, wanted)));
}

interface Creator<T> {
  get(name: string): Promise<T>;
  create(object: T): Promise<T>;
}

async function ensure<T extends { metadata?: { name?: string } }>(resource: Creator<T>, wanted: T): Promise<void> {
  try {
    await resource.get(wanted.metadata?.name ?? "");
  } catch (error) {
    if (!isNotFound(error)) throw error;
    try {
      await resource.create(wanted);
    } catch (failure) {
      if (!isAlreadyExists(failure)) throw failure;
    }
  }
}
