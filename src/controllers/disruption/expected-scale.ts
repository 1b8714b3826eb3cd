import { controllerOf } from "../../api/controller-ref.ts";
import { parseApiVersion, type UnknownObject } from "../../api/object.ts";
import { deployments, replicaSets, replicationControllers, statefulSets } from "../../api/resource-types.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { OwnerReference } from "../../api/types/meta.v1.ts";
import type { Client } from "../../client/client.ts";
import type { InformerFactory } from "../../client/informer.ts";
import { discover } from "../discovery.ts";

/** How many pods the controllers of some pods want together, and which pods have none that says so. */
export interface ExpectedScale {
  readonly pods: number;
  readonly unmanaged: readonly Pod[];
}

/**
 * Asks the controllers of pods for their scale: ReplicaSets (or the Deployments behind them), ReplicationControllers
 * and StatefulSets from informers, others through their scale subresource. Rejects where a controller has none.
 */
export function scaleFinder(
  client: Client,
  informers: InformerFactory,
): (pods: readonly Pod[]) => Promise<ExpectedScale> {
  const replicaSetInformer = informers.informer(replicaSets);
  const deploymentInformer = informers.informer(deployments);
  const controllerInformer = informers.informer(replicationControllers);
  const setInformer = informers.informer(statefulSets);

  /** The uid and the scale of the controller that a reference names; undefined where it is gone. */
  const scaleOf = async (
    reference: OwnerReference,
    namespace: string,
  ): Promise<{ uid: string; replicas: number } | undefined> => {
    const { group } = parseApiVersion(reference.apiVersion);
    const key = `${namespace}/${reference.name}`;
    if (reference.kind === "ReplicaSet" && group === "apps") {
      const set = replicaSetInformer.get(key);
      if (set?.metadata?.uid !== reference.uid) return undefined;
      const owner = controllerOf(set);
      if (owner?.kind === "Deployment" && parseApiVersion(owner.apiVersion).group === "apps") {
        const deployment = deploymentInformer.get(`${namespace}/${owner.name}`);
        if (deployment?.metadata?.uid !== owner.uid) return undefined;
        return { uid: owner.uid, replicas: deployment.spec?.replicas ?? 1 };
      }
      return owner ? scaleOf(owner, namespace) : { uid: reference.uid, replicas: set.spec?.replicas ?? 1 };
    }
    const known =
      reference.kind === "StatefulSet" && group === "apps"
        ? setInformer
        : reference.kind === "ReplicationController" && group === ""
          ? controllerInformer
          : undefined;
    if (known) {
      const found = known.get(key);
      return found?.metadata?.uid === reference.uid
        ? { uid: reference.uid, replicas: found.spec?.replicas ?? 1 }
        : undefined;
    }
    return askForScale(client, reference, namespace);
  };

  return async (pods) => {
    const scales = new Map<string, number>();
    const unmanaged: Pod[] = [];
    for (const pod of pods) {
      const reference = controllerOf(pod);
      if (!reference) {
        unmanaged.push(pod);
        continue;
      }
      if (scales.has(reference.uid)) continue;
      const found = await scaleOf(reference, pod.metadata?.namespace ?? "");
      if (found) scales.set(found.uid, found.replicas);
    }
    return { pods: [...scales.values()].reduce((sum, one) => sum + one, 0), unmanaged };
  };
}

async function askForScale(client: Client, { apiVersion, kind, name, uid }: OwnerReference, namespace: string) {
  const { resources } = await discover(client);
  const { group } = parseApiVersion(apiVersion);
  const type = resources.find((one) => one.group === group && one.kind === kind);
  const unsupported = () => new Error(`${kind}.${group} does not implement the scale subresource`);
  if (!type) throw unsupported();
  try {
    const scale = await client
      .resource(type)
      .getSubresource<UnknownObject & { spec?: { replicas?: number } }>(name, namespace, "scale");
    return scale.metadata?.uid === uid ? { uid, replicas: scale.spec?.replicas ?? 0 } : undefined;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    // No such object, or an object that can't be scaled: only the second is a mistake of somebody.
    const present = await client
      .resource(type)
      .get(name, namespace)
      .catch((other) => {
        if (!isNotFound(other)) throw other;
      });
    if (present) throw unsupported();
    return undefined;
  }
}
