import type { CustomResourceDefinition } from "../../api/types/apiextensions.v1.ts";
import type { WriteRequest } from "../registry/write-request.ts";
import type { Registry } from "../registry.ts";
import type { Condition } from "./conditions.ts";
import { isTrue } from "./conditions.ts";

/** Built-in resources that lie where a definition of theirs would keep its instances. */
const OVERLAPPING = new Set(["apiservices.apiregistration.k8s.io", "customresourcedefinitions.apiextensions.k8s.io"]);

const terminating = (status: "True" | "False", reason: string, message: string): Condition => ({
  type: "Terminating",
  status,
  reason,
  message,
});

export const IN_PROGRESS = terminating("True", "InstanceDeletionInProgress", "CustomResource deletion is in progress");
const COMPLETED = terminating("False", "InstanceDeletionCompleted", "removed all instances");

/** Why nothing has to be deleted for a definition; undefined: something has. */
export function nothingToDrain(definition: CustomResourceDefinition): Condition | undefined {
  const { spec } = definition;
  if (OVERLAPPING.has(`${spec.names.plural}.${spec.group}`)) {
    return terminating("False", "OverlappingBuiltInResource", "instances overlap with built-in resources in storage");
  }
  if (isTrue(definition, "Established")) return undefined;
  return terminating("False", "NeverEstablished", "resource was never established");
}

/**
 * Deletes all instances and waits until they are gone, which may take as long as their finalizers do. Resolves with the
 * condition that tells of it; where something failed, `failed` is set and it is to be tried again.
 */
export async function drain(
  instances: Registry,
  request: WriteRequest,
  signal: AbortSignal,
): Promise<{ condition: Condition; failed?: unknown }> {
  const failure = (text: string, error: unknown) => {
    const message = `${text}: ${error instanceof Error ? error.message : String(error)}`;
    return { condition: terminating("True", "InstanceDeletionFailed", message), failed: error };
  };
  try {
    await instances.cache.count();
  } catch (error) {
    return failure("could not list instances", error);
  }
  try {
    await instances.deleteCollection({}, {}, request);
  } catch (error) {
    return failure("could not issue all deletes", error);
  }
  try {
    await untilEmpty(instances, signal);
  } catch (error) {
    const message = `could not confirm zero CustomResources remaining: ${error instanceof Error ? error.message : String(error)}`;
    return { condition: terminating("True", "InstanceDeletionCheck", message), failed: error };
  }
  return { condition: COMPLETED };
}

async function untilEmpty({ cache }: Registry, signal: AbortSignal): Promise<void> {
  if ((await cache.count()) === 0) return;
  const watcher = await cache.watch({ signal });
  for await (const batch of watcher) {
    if (batch.some(({ type }) => type === "DELETED") && (await cache.count()) === 0) return;
  }
  signal.throwIfAborted();
  if ((await cache.count()) > 0) throw new Error("the watch of the instances ended");
}
