import type { Pod } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Random } from "../../base/random.ts";
import { isStaticPod, isTerminalPhase, podName, podNamespace, podUid, specGraceSeconds } from "./pod.ts";
import type { PodState } from "./pod-state.ts";
import { type PodSteps, type PodVerdict, type PodWorker, podWorker } from "./pod-worker.ts";
import type { RuntimeCache } from "./runtime-cache.ts";
import {
  CONTAINER_NAME_LABEL,
  POD_NAME_LABEL,
  POD_NAMESPACE_LABEL,
  restoreContainer,
  restoreGrace,
} from "./runtime-labels.ts";

/** The workers of all pods of the node, by uid. */
export interface PodWorkers {
  get(podUid: string): PodWorker | undefined;
  all(): PodWorker[];
  /** The pods that take up room: accepted, and not ended. */
  active(): Pod[];
  /** Takes a pod in. `rejected`: the node does not want it, and says so in its status. */
  add(pod: Pod, rejected?: PodVerdict): void;
  /** Clears away what the runtime has of a pod that nobody knows. */
  addRuntimeOnly(podUid: string): void;
  stop(): void;
}

export interface PodWorkersOptions {
  steps: PodSteps;
  cache: RuntimeCache;
  clock: Clock;
  random: Random;
  logger: Logger;
  syncFrequencyMs: number;
  /** Called when a pod takes up no room any more. */
  onFreed(): void;
}

export function podWorkers(options: PodWorkersOptions): PodWorkers {
  const { cache, clock, random, logger, steps, syncFrequencyMs } = options;
  const workers = new Map<string, PodWorker>();
  /** Static pods that wait for an older one of the same name to be gone, by that name. */
  const waiting = new Map<string, PodWorker>();

  const fullName = (pod: Pod) => `${podNamespace(pod)}/${podName(pod)}`;
  const predecessor = (worker: PodWorker) =>
    [...workers.values()].find(
      (other) =>
        other !== worker &&
        isStaticPod(other.work.pod) &&
        other.stage !== "finished" &&
        other.stage !== "gone" &&
        fullName(other.work.pod) === fullName(worker.work.pod),
    );

  const onStage = (worker: PodWorker) => {
    if (worker.stage === "gone") workers.delete(worker.work.uid);
    if (worker.stage === "terminated") options.onFreed();
    const successor = waiting.get(fullName(worker.work.pod));
    if (!successor || successor === worker || predecessor(successor)) return;
    waiting.delete(fullName(worker.work.pod));
    successor.wake();
  };

  const make = (pod: Pod, more: { rejected?: PodVerdict; runtimeOnly?: boolean }) => {
    const uid = podUid(pod);
    const worker = podWorker({
      pod,
      seenAt: clock.now(),
      ...more,
      steps,
      clock,
      random,
      logger,
      syncFrequencyMs,
      state: () => cache.state(uid),
      onStage,
    });
    workers.set(uid, worker);
    if (isStaticPod(pod) && predecessor(worker)) waiting.set(fullName(pod), worker);
    else worker.wake();
  };

  return {
    get: (uid) => workers.get(uid),
    all: () => [...workers.values()],
    active: () =>
      [...workers.values()]
        .filter(({ stage, work }) => (stage === "syncing" || stage === "terminating") && !work.runtimeOnly)
        .map(({ work }) => work.pod)
        .filter((pod) => !isTerminalPhase(pod.status?.phase)),
    add: (pod, rejected) => make(pod, rejected ? { rejected } : {}),
    addRuntimeOnly(uid) {
      if (!workers.has(uid)) make(restorePod(cache.state(uid)), { runtimeOnly: true });
    },
    stop() {
      for (const worker of workers.values()) worker.stop();
    },
  };
}

/** As much of a pod as the notes on its sandboxes and containers tell: enough to end it as its author wanted. */
export function restorePod(state: PodState): Pod {
  const [newest] = [...state.sandboxes, ...state.containers.map(({ status }) => status)];
  const labels = newest?.labels ?? {};
  const grace = restoreGrace(state.containers[0]?.status.annotations ?? {});
  const names = new Set(state.containers.map(({ status }) => status.labels[CONTAINER_NAME_LABEL] ?? ""));
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: labels[POD_NAME_LABEL],
      namespace: labels[POD_NAMESPACE_LABEL],
      uid: state.uid,
      ...(grace.deletion !== undefined ? { deletionGracePeriodSeconds: grace.deletion } : {}),
    },
    spec: {
      containers: [...names].map((name) => {
        const found = state.containers.find((container) => container.name === name);
        return restoreContainer(name, found?.status.annotations ?? {});
      }),
      ...(grace.termination !== undefined ? { terminationGracePeriodSeconds: grace.termination } : {}),
    },
  };
  return { ...pod, metadata: { ...pod.metadata, deletionGracePeriodSeconds: grace.deletion ?? specGraceSeconds(pod) } };
}
