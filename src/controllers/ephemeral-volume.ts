import { controllerRef, isControlledBy } from "../api/controller-ref.ts";
import { objectKey } from "../api/object.ts";
import { persistentVolumeClaims, pods } from "../api/resource-types.ts";
import { isAlreadyExists } from "../api/status-error.ts";
import type { PersistentVolumeClaim, Pod, Volume } from "../api/types/core.v1.ts";
import { claimName } from "./claims-of-pods.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "./controller.ts";
import { saidOnce } from "./said-once.ts";

/** Makes the claims of pods' generic ephemeral volumes, owned by the pod (KEP-1698). */
export const ephemeralVolumeController: ControllerDefinition = {
  name: "ephemeral-volume-controller",
  alias: "ephemeral-volume",
  create,
};

/** The claim that a pod's ephemeral volume stands for. */
export function ephemeralClaim(pod: Pod, volume: Volume): PersistentVolumeClaim {
  const { annotations, labels } = volume.ephemeral?.volumeClaimTemplate?.metadata ?? {};
  return {
    metadata: {
      name: claimName(pod, volume),
      namespace: pod.metadata?.namespace,
      ownerReferences: [controllerRef(pods, pod)],
      ...(annotations ? { annotations } : {}),
      ...(labels ? { labels } : {}),
    },
    spec: volume.ephemeral?.volumeClaimTemplate?.spec,
  };
}

/** Why the claim of that name is not the pod's; undefined where it is. */
export function claimConflict(pod: Pod, claim: PersistentVolumeClaim): string | undefined {
  if (isControlledBy(claim, pod)) return undefined;
  const { namespace, name } = pod.metadata ?? {};
  return `PVC ${objectKey(claim)} was not created for pod ${namespace}/${name} (pod is not owner)`;
}

function create(context: ControllerContext) {
  const { client, informers, settings } = context;
  const claims = client.resource(persistentVolumeClaims);
  const claimInformer = informers.informer(persistentVolumeClaims);
  const podInformer = informers.informer(pods);
  const recorder = saidOnce(context.recorder("ephemeral_volume"));
  const controller = keyedController(context, {
    name: "ephemeral-volume-controller",
    workers: settings.concurrentEphemeralVolumeSyncs,
    reconcile,
  });
  const enqueue = (pod: Pod) => {
    if (pod.spec?.volumes?.some(({ ephemeral }) => ephemeral)) controller.queue.add(objectKey(pod));
  };
  podInformer.on({ add: enqueue, delete: (pod) => recorder.forget(pod) });
  claimInformer.on({
    // The claim may have been somebody else's, or deleted by mistake.
    delete(claim) {
      for (const { kind, name } of claim.metadata?.ownerReferences ?? []) {
        if (kind === "Pod") controller.queue.add(`${claim.metadata?.namespace}/${name}`);
      }
    },
  });

  async function reconcile(key: string, signal: AbortSignal): Promise<undefined> {
    const pod = podInformer.get(key);
    if (!pod || pod.metadata?.deletionTimestamp) return undefined;
    for (const volume of pod.spec?.volumes ?? []) {
      if (!volume.ephemeral) continue;
      const problem = await ensureClaim(pod, volume, signal);
      if (!problem) continue;
      const message = `ephemeral volume ${volume.name}: ${problem}`;
      recorder.say({ ...pod, apiVersion: "v1", kind: "Pod" }, "Warning", "FailedBinding", message);
      throw new Error(`pod ${key}, ${message}`);
    }
    return undefined;
  }

  async function ensureClaim(pod: Pod, volume: Volume, signal: AbortSignal): Promise<string | undefined> {
    const wanted = ephemeralClaim(pod, volume);
    const present = claimInformer.get(objectKey(wanted));
    if (present) return claimConflict(pod, present);
    try {
      await claims.create(wanted, { signal });
      return undefined;
    } catch (error) {
      // Another's, or ours, and the cache is behind.
      if (isAlreadyExists(error)) {
        const live = await claims.get(wanted.metadata?.name ?? "", pod.metadata?.namespace, { signal });
        return claimConflict(pod, live);
      }
      return `create PVC ${wanted.metadata?.name}: ${(error as Error).message}`;
    }
  }
  return controller;
}
