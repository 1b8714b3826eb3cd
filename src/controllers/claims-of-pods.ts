import type { KubeObject } from "../api/object.ts";
import type { Pod, Volume } from "../api/types/core.v1.ts";
import type { Informer } from "../client/informer.ts";

const INDEX = "pods by claim";

/** The name of the claim behind a pod's volume: the one it names, or the one that is made for it. */
export function claimName(pod: KubeObject, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral ? `${pod.metadata?.name}-${volume.name}` : undefined;
}

/** The keys of all claims that a pod uses. */
export const claimKeys = (pod: Pod): string[] =>
  (pod.spec?.volumes ?? []).flatMap((volume) => {
    const name = claimName(pod, volume);
    return name === undefined ? [] : [`${pod.metadata?.namespace}/${name}`];
  });

/** Adds the index that `podsOfClaim` asks. */
export function indexByClaim(informer: Informer<Pod>): void {
  informer.addIndex(INDEX, claimKeys);
}

/** Which pods use a claim. */
export const podsOfClaim = {
  of: (informer: Informer<Pod>, claim: string): Pod[] => informer.byIndex(INDEX, claim),
  /** Calls for each claim of a pod that comes, is bound to a node, ends or goes. */
  onChange(informer: Informer<Pod>, changed: (claimKey: string) => void): void {
    const all = (pod: Pod) => claimKeys(pod).forEach(changed);
    informer.on({
      add: all,
      delete: all,
      update(old, pod) {
        if (old.spec?.nodeName !== pod.spec?.nodeName || old.status?.phase !== pod.status?.phase) all(pod);
      },
    });
  },
};
