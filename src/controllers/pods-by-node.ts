import type { Pod } from "../api/types/core.v1.ts";
import type { Informer } from "../client/informer.ts";

const INDEX = "nodeName";

/** Adds the index by which `podsOn` finds pods. */
export function podsByNode(pods: Informer<Pod>): void {
  pods.addIndex(INDEX, (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
}

/** The pods that were bound to a node. */
export const podsOn = (pods: Informer<Pod>, nodeName: string): Pod[] => pods.byIndex(INDEX, nodeName);
