import type { Clock, Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { PodState } from "../pod/pod-state.ts";
import type { RuntimeCache } from "../pod/runtime-cache.ts";
import type { Runtime } from "../runtime.ts";

/** Ended containers kept of each name, for their logs and their last state. */
const KEPT_PER_CONTAINER = 1;
const PERIOD_MS = 60_000;

export interface Garbage {
  containers: string[];
  sandboxes: string[];
}

/** What of a pod nobody looks at any more: older ended instances, and sandboxes that are neither ready nor the newest. Pure. */
export function podGarbage(state: PodState): Garbage {
  const seen = new Map<string, number>();
  const containers: string[] = [];
  for (const { name, id, status } of state.containers) {
    if (status.state === "running" || status.state === "unknown") continue;
    const kept = seen.get(name) ?? 0;
    if (kept < KEPT_PER_CONTAINER) seen.set(name, kept + 1);
    else containers.push(id);
  }
  const left = state.containers.filter(({ id }) => !containers.includes(id));
  const sandboxes = state.sandboxes
    .filter(
      (sandbox, index) =>
        index > 0 && sandbox.state !== "ready" && !left.some(({ sandboxId }) => sandboxId === sandbox.id),
    )
    .map(({ id }) => id);
  return { containers, sandboxes };
}

/** Removes such garbage of all pods, once a minute. */
export function containerGc(options: { runtime: Runtime; cache: RuntimeCache; clock: Clock; logger: Logger }): {
  run(): Promise<void>;
  start(): void;
  stop(): void;
} {
  const { runtime, cache, clock, logger } = options;
  let timer: Timer | undefined;

  const run = async () => {
    for (const uid of cache.pods()) {
      const { containers, sandboxes } = podGarbage(cache.state(uid));
      try {
        for (const id of containers) {
          await runtime.removeContainer(id);
          cache.forgetContainer(id);
        }
        for (const id of sandboxes) {
          // Stopping releases the network of one that died by itself.
          await runtime.stopSandbox(id);
          await runtime.removeSandbox(id);
          cache.forgetSandbox(id);
        }
      } catch (error) {
        logger.warn("cannot remove ended containers", { uid, error });
      }
    }
  };
  return {
    run,
    start() {
      timer = clock.every(PERIOD_MS, () => void run());
    },
    stop: () => timer?.cancel(),
  };
}
