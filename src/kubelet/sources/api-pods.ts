import { pods } from "../../api/resource-types.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { Informer, InformerFactory } from "../../client/informer.ts";
import { podUid } from "../pod/pod.ts";

/** What a source of pods tells. */
export interface PodHandlers {
  set(pod: Pod): void;
  /** The source has it no longer. */
  remove(pod: Pod): void;
}

/** The pods that the API has bound to this node, by one watch. */
export function apiPods(informers: InformerFactory, nodeName: string): Informer<Pod> {
  return informers.informer(pods, { fieldSelector: `spec.nodeName=${nodeName}` });
}

/** Hands the informer's news on, with a pod that took another's name told as what it is: one gone, one new. */
export function followApiPods(informer: Informer<Pod>, handlers: PodHandlers): () => void {
  return informer.on({
    add: handlers.set,
    update(old, pod) {
      if (podUid(old) !== podUid(pod)) handlers.remove(old);
      handlers.set(pod);
    },
    delete: (pod) => handlers.remove(pod),
  });
}
