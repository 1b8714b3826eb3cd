import { jsonEqual } from "../../api/json-equal.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Random } from "../../base/random.ts";
import type { WaitingReason } from "../status/container-status.ts";
import { describePod, isTerminalPhase, podUid } from "./pod.ts";
import type { PodState } from "./pod-state.ts";

/** Why the node ends a pod by itself. */
export interface PodVerdict {
  phase: "Failed";
  reason: string;
  message: string;
  /** The DisruptionTarget condition that goes with it, if any. */
  disruption?: { reason: string; message: string };
}

/** What is known of a pod between the steps of its worker. */
export interface PodWork {
  pod: Pod;
  readonly uid: string;
  /** Wall time in ms at which the kubelet first saw it. */
  readonly seenAt: number;
  /** There is no such pod in the API or the files: what is left in the runtime is to be cleared away. */
  readonly runtimeOnly: boolean;
  /** Why containers that should run do not, by name. */
  readonly waiting: Map<string, WaitingReason>;
  verdict: PodVerdict | undefined;
  /** The least grace period asked for so far. */
  graceSeconds: number | undefined;
  /** The runtime's state that the last step was decided on. */
  observed: PodState | undefined;
}

/** What is done in each stage of a pod's life; each may be repeated after a failure. */
export interface PodSteps {
  /** Brings the pod's containers to what they should be. `done`: it has run to its end. `wakeAt`: look again then, at once where that is past. */
  sync(work: PodWork, signal: AbortSignal): Promise<{ done: boolean; wakeAt?: number }>;
  /** Ends all that runs of it. */
  terminate(work: PodWork, signal: AbortSignal): Promise<void>;
  /** Takes down what it used: volumes, cgroups; then the API may let go of it. */
  finish(work: PodWork): Promise<void>;
  /** Removes the last traces of a pod that nobody knows any more. */
  cleanUp(work: PodWork): Promise<void>;
}

/**
 * One pod's life on the node, one step at a time: `syncing` until it ends or is to end, `terminating` while containers
 * run, `terminated` until volumes and cgroups are gone, `finished` while the API still has the pod. Level-triggered: a
 * step looks at everything, so that any number of wake-ups are as good as one.
 */
export type PodStage = "syncing" | "terminating" | "terminated" | "finished" | "gone";

export interface PodWorker {
  readonly work: PodWork;
  readonly stage: PodStage;
  /** The pod as the source has it now. */
  update(pod: Pod): void;
  /** Something that the pod depends on has changed. */
  wake(): void;
  /** The runtime's state has changed to `state`; nothing is done where that is what was last looked at. */
  wakeFor(state: PodState): void;
  /** The source no longer has the pod. */
  remove(): void;
  /** Ends the pod for a reason of the node's. Resolves when nothing of it runs. */
  evict(verdict: PodVerdict, graceSeconds: number): Promise<void>;
  stop(): void;
}

export interface PodWorkerOptions {
  pod: Pod;
  seenAt: number;
  runtimeOnly?: boolean;
  /** Set where the node does not take the pod: nothing of it is ever started. */
  rejected?: PodVerdict;
  steps: PodSteps;
  clock: Clock;
  random: Random;
  logger: Logger;
  syncFrequencyMs: number;
  /** The state as the runtime cache has it. */
  state(): PodState;
  onStage(worker: PodWorker): void;
}

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 10_000;

export function podWorker(options: PodWorkerOptions): PodWorker {
  const { clock, steps, logger } = options;
  const work: PodWork = {
    pod: options.pod,
    uid: podUid(options.pod),
    seenAt: options.seenAt,
    runtimeOnly: options.runtimeOnly ?? false,
    waiting: new Map(),
    verdict: options.rejected,
    graceSeconds: undefined,
    observed: undefined,
  };
  let stage: PodStage = "syncing";
  let removed = false;
  let stopped = false;
  let running = false;
  let dirty = false;
  let dirtyRuntime = false;
  let failures = 0;
  let timer: Timer | undefined;
  let step = new AbortController();
  const ended = Promise.withResolvers<void>();

  const enter = (next: PodStage) => {
    stage = next;
    failures = 0;
    if (next === "terminated" || next === "finished") ended.resolve();
    options.onStage(worker);
  };
  const arm = (delayMs: number) => {
    timer?.cancel();
    timer = clock.after(delayMs, wake);
  };
  const wake = () => {
    dirty = true;
    if (!running) void run();
  };

  const run = async () => {
    running = true;
    try {
      while (!stopped && stage !== "gone" && hasWork()) {
        dirty = false;
        dirtyRuntime = false;
        timer?.cancel();
        await once();
      }
    } finally {
      running = false;
    }
  };
  const hasWork = (): boolean => dirty || (dirtyRuntime && options.state() !== work.observed);

  const once = async () => {
    step = new AbortController();
    const { signal } = step;
    try {
      await advance(signal);
      failures = 0;
    } catch (error) {
      // Cut short since the pod is to end, or to end sooner: the next step is due at once.
      if (signal.aborted) return;
      failures++;
      const delayMs = Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS);
      logger.warn("pod is not as it should be, trying again", { pod: describePod(work.pod), stage, error });
      const due = (error as { retryAt?: number }).retryAt;
      arm(due === undefined ? delayMs : Math.max(due - clock.now(), 0));
    }
  };

  const advance = async (signal: AbortSignal): Promise<void> => {
    switch (stage) {
      case "syncing": {
        const { done, wakeAt } = await steps.sync(work, signal);
        if (signal.aborted) return;
        if (done) {
          enter("terminating");
          dirty = true;
          return;
        }
        if (wakeAt !== undefined && wakeAt <= clock.now()) {
          dirty = true;
          return;
        }
        // Upstream's resync: what no event tells of (tokens to renew, files changed behind our back) is found then.
        const resyncMs = options.syncFrequencyMs * (1 + options.random.next() * 0.5);
        arm(Math.min(resyncMs, wakeAt === undefined ? resyncMs : wakeAt - clock.now()));
        return;
      }
      case "terminating":
        await steps.terminate(work, signal);
        if (signal.aborted) return;
        enter("terminated");
        dirty = true;
        return;
      case "terminated":
        await steps.finish(work);
        enter("finished");
        dirty = removed;
        return;
      case "finished":
        if (!removed) return;
        await steps.cleanUp(work);
        enter("gone");
        return;
      case "gone":
        return;
    }
  };

  /** Begins the end, or hastens it. */
  const terminate = (graceSeconds: number | undefined) => {
    const sooner = graceSeconds !== undefined && (work.graceSeconds === undefined || graceSeconds < work.graceSeconds);
    if (stage !== "syncing" && !(stage === "terminating" && sooner)) return;
    if (sooner) work.graceSeconds = graceSeconds;
    if (stage === "syncing") enter("terminating");
    step.abort();
    wake();
  };
  /** The grace period of a deletion; the API allows 0 for one that is forced, the containers still get a moment. */
  const deletionGrace = (pod: Pod) => {
    const seconds = pod.metadata?.deletionGracePeriodSeconds;
    return seconds === undefined ? undefined : Math.max(seconds, 1);
  };

  const worker: PodWorker = {
    work,
    get stage() {
      return stage;
    },
    update(pod) {
      const old = work.pod;
      work.pod = pod;
      if (pod.metadata?.deletionTimestamp) terminate(deletionGrace(pod));
      if (asksForMore(old, pod)) wake();
    },
    wake,
    wakeFor(state) {
      if (state === work.observed) return;
      dirtyRuntime = true;
      if (!running) void run();
    },
    remove() {
      removed = true;
      terminate(deletionGrace(work.pod));
      wake();
    },
    evict(verdict, graceSeconds) {
      if (stage === "syncing") work.verdict = verdict;
      terminate(graceSeconds);
      return ended.promise;
    },
    stop() {
      stopped = true;
      timer?.cancel();
      step.abort();
    },
  };

  if (work.runtimeOnly) removed = true;
  if (options.rejected) stage = "terminated";
  else if (work.runtimeOnly || options.pod.metadata?.deletionTimestamp || isTerminalPhase(options.pod.status?.phase)) {
    work.graceSeconds = deletionGrace(options.pod);
    stage = "terminating";
  }
  return worker;
}

/** Whether the pod asks for something else than before. Most news of a pod is but the echo of its own status. */
function asksForMore(old: Pod, pod: Pod): boolean {
  const { resourceVersion: _, managedFields: __, ...before } = old.metadata ?? {};
  const { resourceVersion: ___, managedFields: ____, ...now } = pod.metadata ?? {};
  if (!jsonEqual(old.spec, pod.spec) || !jsonEqual(before, now)) return true;
  // Others' conditions count where the pod's readiness depends on them.
  return !!pod.spec?.readinessGates?.length && !jsonEqual(old.status?.conditions, pod.status?.conditions);
}
