import type { Pod } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { KillReason } from "../plan/plan.ts";
import { containerReference, findContainer, specGraceSeconds } from "../pod/pod.ts";
import { liveContainers, type PodContainer, type PodState, sandboxIps } from "../pod/pod-state.ts";
import type { RuntimeCache } from "../pod/runtime-cache.ts";
import { restoreContainer } from "../pod/runtime-labels.ts";
import type { Runtime } from "../runtime.ts";
import type { HookRunner } from "./lifecycle-hook.ts";
import { type TerminationOrder, terminationOrder } from "./termination-order.ts";

/** Ends containers: preStop hook, stop signal, grace period, SIGKILL. */
export interface ContainerStopper {
  /** Ends one container. `message` is the text of the Killing event. */
  stop(pod: Pod, state: PodState, container: PodContainer, options: StopOptions): Promise<void>;
  /** Ends all of the pod's containers that live, in the order that sidecars need. Rejects where one could not be ended. */
  stopAll(pod: Pod, state: PodState, options?: Pick<StopOptions, "graceSeconds">): Promise<void>;
  forgetPod(podUid: string): void;
}

export interface StopOptions {
  message?: string;
  reason?: KillReason;
  /** Overrides the pod's own grace period. */
  graceSeconds?: number;
}

/** However much of the grace period the preStop hook has used up, this much is left for the stop signal. */
const MIN_GRACE_SECONDS = 2;

export function containerStopper(options: {
  runtime: Runtime;
  cache: RuntimeCache;
  hooks: HookRunner;
  events: EventRecorder;
  clock: Clock;
  logger: Logger;
}): ContainerStopper {
  const { runtime, cache, hooks, events, clock, logger } = options;
  /** Containers whose preStop hook was begun, by pod: a shortened grace period must not run it twice. */
  const hooked = new Map<string, Set<string>>();

  const stop = async (
    pod: Pod,
    state: PodState,
    container: PodContainer,
    how: StopOptions,
    order?: TerminationOrder,
  ): Promise<void> => {
    const spec =
      findContainer(pod, container.name)?.container ?? restoreContainer(container.name, container.status.annotations);
    const begun = clock.monotonic();
    let graceMs = graceSeconds(pod, spec, how) * 1000;
    const left = () => graceMs - (clock.monotonic() - begun);
    events.event(
      containerReference(pod, container.name),
      "Normal",
      "Killing",
      how.message ?? `Stopping container ${container.name}`,
    );
    const done = hooked.get(state.uid) ?? new Set();
    hooked.set(state.uid, done);
    const preStop = spec.lifecycle?.preStop;
    if (preStop && graceMs > 0 && !done.has(container.id) && container.status.state === "running") {
      done.add(container.id);
      const podIp = sandboxIps(state)[0] ?? "";
      try {
        await hooks.run({ pod, container: spec, containerId: container.id, podIp }, preStop, graceMs);
      } catch (error) {
        logger.warn("preStop hook failed", { container: container.name, error });
        events.event(containerReference(pod, container.name), "Warning", "FailedPreStopHook", "PreStopHook failed");
      }
    }
    if (order && left() > 0) await order.turn(container.name, left());
    graceMs = Math.max(left(), MIN_GRACE_SECONDS * 1000);
    try {
      await runtime.stopContainer(container.id, Math.trunc(graceMs / 1000));
    } finally {
      order?.ended(container.name);
      await cache.refreshContainer(container.id);
    }
  };

  return {
    stop: (pod, state, container, how) => stop(pod, state, container, how),
    async stopAll(pod, state, how = {}) {
      const live = liveContainers(state);
      const order = terminationOrder(
        pod,
        live.map(({ name }) => name),
        clock,
      );
      const results = await Promise.allSettled(live.map((container) => stop(pod, state, container, how, order)));
      const errors = results.flatMap((result) => (result.status === "rejected" ? [result.reason as Error] : []));
      if (errors.length > 0) {
        throw new AggregateError(
          errors,
          `failed to "KillContainer": ${errors.map(({ message }) => message).join("; ")}`,
        );
      }
    },
    forgetPod: (uid) => void hooked.delete(uid),
  };
}

/** A failed probe may bring a grace period of its own; else the deletion's, else the pod's. */
function graceSeconds(
  pod: Pod,
  spec: {
    livenessProbe?: { terminationGracePeriodSeconds?: number };
    startupProbe?: { terminationGracePeriodSeconds?: number };
  },
  how: StopOptions,
): number {
  if (how.graceSeconds !== undefined) return how.graceSeconds;
  const ofProbe =
    how.reason === "liveness-probe"
      ? spec.livenessProbe?.terminationGracePeriodSeconds
      : how.reason === "startup-probe"
        ? spec.startupProbe?.terminationGracePeriodSeconds
        : undefined;
  return ofProbe ?? pod.metadata?.deletionGracePeriodSeconds ?? specGraceSeconds(pod);
}
