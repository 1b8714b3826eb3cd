import { semanticEqual } from "../../api/json-equal.ts";
import { objectKey } from "../../api/object.ts";
import type { Pod, Service } from "../../api/types/core.v1.ts";
import type { Informer } from "../../client/informer.ts";
import { isFinished, isReady, isTerminating, readySince } from "../pod-state.ts";
import { addressesOf, selects } from "./backends.ts";

/** Enqueues the Services that a change of a Service or a pod concerns. */
export function followServicesAndPods(following: {
  services: Informer<Service>;
  pods: Informer<Pod>;
  enqueue(key: string): void;
}): void {
  const { services, pods, enqueue } = following;
  services.on({
    add: (service) => enqueue(objectKey(service)),
    update: (_, service) => enqueue(objectKey(service)),
    delete: (service) => enqueue(objectKey(service)),
  });
  const enqueueSelecting = (...states: Pod[]) => {
    for (const service of services.list(states[0]?.metadata?.namespace)) {
      if (states.some((pod) => selects(service, pod))) enqueue(objectKey(service));
    }
  };
  pods.on({
    add: (pod) => enqueueSelecting(pod),
    update(old, pod) {
      if (changesEndpoints(old, pod)) enqueueSelecting(old, pod);
    },
    delete: (pod) => enqueueSelecting(pod),
  });
}

/** Most updates of pods (a probe's count, a container's state) change nothing that an endpoint shows. */
function changesEndpoints(old: Pod, pod: Pod): boolean {
  const shown = (one: Pod) => [
    one.metadata?.labels,
    one.metadata?.uid,
    isTerminating(one),
    isFinished(one),
    isReady(one),
    readySince(one),
    addressesOf(one),
    one.spec?.nodeName,
    one.spec?.hostname,
    one.spec?.subdomain,
  ];
  return !semanticEqual(shown(old), shown(pod));
}
