import type { Pod } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";
import { initContainers, isSidecar } from "../pod/pod.ts";

/**
 * The order in which a pod's containers end (KEP-753): all but the sidecars at once; then the sidecars one after
 * another, the last one first, each when those before it are gone or its own grace period is over.
 */
export interface TerminationOrder {
  /** Resolves when it is the container's turn, or after `timeoutMs`. */
  turn(name: string, timeoutMs: number): Promise<void>;
  ended(name: string): void;
}

/** `running`: the names of the containers that are about to be ended. */
export function terminationOrder(pod: Pod, running: readonly string[], clock: Clock): TerminationOrder {
  const gone = new Map(running.map((name) => [name, Promise.withResolvers<void>()]));
  const sidecars = initContainers(pod)
    .filter(isSidecar)
    .map(({ name }) => name);
  const before = (name: string): readonly string[] => {
    const index = sidecars.indexOf(name);
    if (index < 0) return [];
    return running.filter((other) => !sidecars.includes(other) || sidecars.indexOf(other) > index);
  };
  return {
    async turn(name, timeoutMs) {
      const predecessors = before(name).flatMap((other) => gone.get(other)?.promise ?? []);
      if (predecessors.length === 0) return;
      const late = Promise.withResolvers<void>();
      const timer = clock.after(timeoutMs, late.resolve);
      await Promise.race([Promise.all(predecessors), late.promise]);
      timer.cancel();
    },
    ended: (name) => gone.get(name)?.resolve(),
  };
}
