import type { Node, Pod } from "../../api/types/core.v1.ts";
import type { Logger } from "../../base/logger.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import { admit } from "../admission/node-admission.ts";
import type { PodHandlers } from "../sources/api-pods.ts";
import type { StatusManager } from "../status/status-manager.ts";
import { describePod, isTerminalPhase, podReference, podUid } from "./pod.ts";
import type { PodVerdict } from "./pod-worker.ts";
import type { PodWorkers } from "./pod-workers.ts";
import type { RuntimeCache } from "./runtime-cache.ts";

export interface PodIntakeOptions {
  workers: PodWorkers;
  statuses: StatusManager;
  cache: RuntimeCache;
  events: EventRecorder;
  logger: Logger;
  /** The node as the API has it, or as this kubelet would register it. */
  node(): Node;
  allowedUnsafeSysctls: readonly string[];
  /** The pods that take up room. */
  active(): readonly Pod[];
  /** Why the node takes no new pods of that kind now (pressure), if so. */
  pressure(pod: Pod): PodVerdict | undefined;
}

/** Hands pods from their sources to their workers, and turns away those that the node can't take. */
export function podIntake(options: PodIntakeOptions): PodHandlers {
  const { workers, statuses, cache, events, logger } = options;

  const verdict = (pod: Pod): PodVerdict | undefined => {
    // What runs already was taken once: a restart of the kubelet must not throw it out.
    if (pod.metadata?.deletionTimestamp || isTerminalPhase(pod.status?.phase)) return undefined;
    if (cache.state(podUid(pod)).sandboxes.length > 0) return undefined;
    const pressure = options.pressure(pod);
    if (pressure) return pressure;
    const rejection = admit({
      pod,
      others: options.active(),
      node: options.node(),
      allowedUnsafeSysctls: options.allowedUnsafeSysctls,
    });
    if (!rejection) return undefined;
    return { phase: "Failed", reason: rejection.reason, message: `Pod was rejected: ${rejection.message}` };
  };

  return {
    set(pod) {
      const worker = workers.get(podUid(pod));
      if (worker) {
        statuses.observe(pod);
        worker.update(pod);
        return;
      }
      const rejected = verdict(pod);
      if (rejected) {
        logger.info("pod rejected", { pod: describePod(pod), reason: rejected.reason });
        events.event(
          podReference(pod),
          "Warning",
          rejected.reason,
          rejected.message.replace(/^Pod was rejected: /, ""),
        );
      }
      workers.add(pod, rejected);
    },
    remove: (pod) => workers.get(podUid(pod))?.remove(),
  };
}
