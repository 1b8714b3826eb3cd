import { controllerRef } from "../api/controller-ref.ts";
import type { KubeObject, ResourceType } from "../api/object.ts";
import { pods } from "../api/resource-types.ts";
import { isNotFound, StatusError } from "../api/status-error.ts";
import type { Pod, PodTemplateSpec } from "../api/types/core.v1.ts";
import type { Client } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";

/** Creates and deletes pods on behalf of their controllers, and tells so in events. */
export interface PodControl {
  /** Creates a pod from the owner's template. Rejects as the client does, after the event. */
  create(owner: KubeObject, pod: Pod, signal?: AbortSignal): Promise<Pod>;
  /** Deletes a pod; one that is gone already is fine. */
  delete(owner: KubeObject, pod: Pod, signal?: AbortSignal): Promise<void>;
}

export function podControl(client: Client, recorder: EventRecorder): PodControl {
  const resource = client.resource(pods);
  return {
    async create(owner, pod, signal) {
      try {
        const created = await resource.create(pod, { signal });
        recorder.event(owner, "Normal", "SuccessfulCreate", `Created pod: ${created.metadata?.name}`);
        return created;
      } catch (error) {
        if (!isNamespaceTerminating(error) && !signal?.aborted) {
          recorder.event(owner, "Warning", "FailedCreate", `Error creating: ${(error as Error).message}`);
        }
        throw error;
      }
    },
    async delete(owner, pod, signal) {
      const { name = "", namespace, uid } = pod.metadata ?? {};
      try {
        await resource.delete(name, namespace, { preconditions: { uid }, signal });
        recorder.event(owner, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
      } catch (error) {
        if (isNotFound(error)) return;
        if (!signal?.aborted) {
          recorder.event(owner, "Warning", "FailedDelete", `Error deleting: ${(error as Error).message}`);
        }
        throw error;
      }
    },
  };
}

/** The pod that a template describes, owned by `owner`. Its name is drawn by the server. */
export function podFromTemplate(
  type: Pick<ResourceType, "group" | "version" | "kind">,
  owner: KubeObject,
  template: PodTemplateSpec | undefined,
): Pod {
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: `${owner.metadata?.name}-`,
      namespace: owner.metadata?.namespace,
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ...(finalizers ? { finalizers } : {}),
      ownerReferences: [controllerRef(type, owner)],
    },
    ...(template?.spec ? { spec: template.spec } : {}),
  };
}

/** A namespace that is being deleted takes no new objects: no reason to complain or to try again. */
export const isNamespaceTerminating = (error: unknown): boolean =>
  error instanceof StatusError &&
  (error.status.details?.causes ?? []).some((cause) => cause.reason === "NamespaceTerminating");

/**
 * Does something `count` times, in batches that double while all goes well: a quota that is full is met by one request
 * and not by hundreds. Returns how often it succeeded, and the first error.
 */
export async function slowStart(
  count: number,
  act: (index: number) => Promise<unknown>,
): Promise<{ successes: number; error?: unknown }> {
  let successes = 0;
  for (let begin = 0, size = 1; begin < count; begin += size, size *= 2) {
    const batch = Array.from({ length: Math.min(size, count - begin) }, (_, index) => act(begin + index));
    const results = await Promise.allSettled(batch);
    successes += results.filter((result) => result.status === "fulfilled").length;
    const failure = results.find((result) => result.status === "rejected");
    if (failure) return { successes, error: failure.reason };
  }
  return { successes };
}
