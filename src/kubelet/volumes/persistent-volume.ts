import { persistentVolumeClaims, persistentVolumes } from "../../api/resource-types.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from "../../api/types/core.v1.ts";
import type { Files } from "../../base/files.ts";
import type { Client } from "../../client/client.ts";
import { podName, podNamespace, podUid } from "../pod/pod.ts";
import { checkHostPath } from "./host-path.ts";
import { setGroup } from "./ownership.ts";
import type { VolumePlugin } from "./volume.ts";

/** Claims (also those made for a pod's ephemeral volumes) that are bound to a hostPath or local volume. */
export function persistentVolumePlugin(options: { client: Client; files: Files }): VolumePlugin {
  const { client, files } = options;

  const claimOf = async (pod: Pod, volume: Volume): Promise<PersistentVolumeClaim> => {
    const name = volume.ephemeral ? `${podName(pod)}-${volume.name}` : (volume.persistentVolumeClaim?.claimName ?? "");
    let claim: PersistentVolumeClaim;
    try {
      claim = await client.resource(persistentVolumeClaims).get(name, podNamespace(pod));
    } catch (error) {
      throw new Error(`failed to fetch PVC from API server: ${(error as Error).message}`, { cause: error });
    }
    const own = claim.metadata?.ownerReferences?.some((owner) => owner.controller && owner.uid === podUid(pod));
    if (volume.ephemeral && !own) {
      throw new Error(
        `PVC ${podNamespace(pod)}/${name} was not created for pod ${podNamespace(pod)}/${podName(pod)} (pod is not owner)`,
      );
    }
    if (claim.metadata?.deletionTimestamp) throw new Error("PVC is being deleted");
    if (claim.status?.phase !== "Bound" || !claim.spec?.volumeName) throw new Error("PVC is not bound");
    return claim;
  };

  const volumeOf = async (claim: PersistentVolumeClaim): Promise<PersistentVolume> => {
    const name = claim.spec!.volumeName!;
    let volume: PersistentVolume;
    try {
      volume = await client.resource(persistentVolumes).get(name);
    } catch (error) {
      if (isNotFound(error)) throw new Error(`failed to fetch PV ${name} from API server: ${error.message}`);
      throw error;
    }
    if (volume.spec?.claimRef?.uid !== claim.metadata?.uid) {
      throw new Error(`failed to fetch PV ${name} from API server: the PV is bound to a different PVC`);
    }
    return volume;
  };

  return {
    name: "kubernetes.io/local-volume",
    refreshes: false,
    inMemory: false,
    supports: (volume) => volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined,
    async setUp({ pod, volume }) {
      const claim = await claimOf(pod, volume);
      const { spec = {} } = await volumeOf(claim);
      const readOnly = volume.persistentVolumeClaim?.readOnly ?? false;
      if (spec.volumeMode === "Block")
        throw new Error("volume has volumeMode Block, which is not supported by this kubelet");
      if (spec.hostPath) {
        await checkHostPath(files, spec.hostPath.path, spec.hostPath.type ?? "");
        return { path: spec.hostPath.path, readOnly };
      }
      if (spec.local) {
        if (!(await files.exists(spec.local.path))) throw new Error(`path "${spec.local.path}" does not exist`);
        const context = pod.spec?.securityContext;
        if (context?.fsGroup !== undefined && !readOnly) {
          await setGroup(files, spec.local.path, context.fsGroup, { policy: context.fsGroupChangePolicy });
        }
        return { path: spec.local.path, readOnly };
      }
      throw new Error(
        `persistent volume "${claim.spec?.volumeName}" is of a kind that is not supported by this kubelet (hostPath and local are)`,
      );
    },
  };
}
