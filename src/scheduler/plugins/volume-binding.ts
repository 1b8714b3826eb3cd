import { matchesNodeSelector } from "../../api/node-affinity.ts";
import type { PersistentVolume } from "../../api/types/core.v1.ts";
import type { Plugin } from "../framework.ts";

interface State {
  readonly volumes: readonly PersistentVolume[];
}

/** Claims must exist and be bound, and their volumes must be reachable from the node. */
export const volumeBinding: Plugin<State> = {
  name: "VolumeBinding",
  prepare({ pod }, snapshot) {
    const volumes: PersistentVolume[] = [];
    const reject = (reason: string) => ({
      rejection: { plugin: "VolumeBinding", reasons: [reason], unresolvable: true },
    });
    for (const volume of pod.spec?.volumes ?? []) {
      const name =
        volume.persistentVolumeClaim?.claimName ??
        (volume.ephemeral ? `${pod.metadata!.name}-${volume.name}` : undefined);
      if (name === undefined) continue;
      const claim = snapshot.claim(pod.metadata!.namespace!, name);
      if (!claim || claim.metadata?.deletionTimestamp) {
        return reject(
          claim ? `persistentvolumeclaim "${name}" is being deleted` : `persistentvolumeclaim "${name}" not found`,
        );
      }
      if (claim.status?.phase === "Lost")
        return reject(
          `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName}"`,
        );
      if (!claim.spec?.volumeName || claim.status?.phase !== "Bound")
        return reject("pod has unbound immediate PersistentVolumeClaims");
      const bound = snapshot.volume(claim.spec.volumeName);
      if (!bound) return reject("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)");
      volumes.push(bound);
    }
    return { state: { volumes } };
  },
  filter: (_, { node }, { volumes }) =>
    volumes.every(({ spec }) => !spec?.nodeAffinity?.required || matchesNodeSelector(spec.nodeAffinity.required, node!))
      ? undefined
      : {
          plugin: "VolumeBinding",
          reasons: ["node(s) didn't match PersistentVolume's node affinity"],
          unresolvable: true,
        },
  wakes: (_, event) => event.kind === "volume-changed" || event.kind === "node-added" || event.kind === "node-updated",
};
