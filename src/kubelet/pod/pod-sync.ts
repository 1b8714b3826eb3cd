import { formatDuration } from "../../api/duration.ts";
import type { Pod, PodStatus } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { PodCgroups } from "../cgroups/pod-cgroups.ts";
import type { ContainerStarter, SandboxContext } from "../containers/container-starter.ts";
import type { ContainerStopper } from "../containers/container-stopper.ts";
import type { SandboxStarter } from "../containers/sandbox-starter.ts";
import { StartError } from "../containers/start-error.ts";
import type { ImageManager } from "../images/image-manager.ts";
import type { Backoff } from "../plan/backoff.ts";
import { backoffKey, type PodPlan, plan, type StartAction } from "../plan/plan.ts";
import type { ProbeManager } from "../probes/probe-manager.ts";
import type { Resizer } from "../resize/resizer.ts";
import type { Image } from "../runtime.ts";
import type { PodReporter } from "../status/pod-reporter.ts";
import type { StatusManager } from "../status/status-manager.ts";
import type { MountedVolume } from "../volumes/volume.ts";
import { VolumeError, type VolumeManager } from "../volumes/volume-manager.ts";
import { unlessAborted } from "./abort.ts";
import { containerReference, describePod, isTerminalPhase, podReference, podUid } from "./pod.ts";
import { lastEnd, type PodContainer } from "./pod-state.ts";
import type { PodSteps, PodWork } from "./pod-worker.ts";
import type { RuntimeCache } from "./runtime-cache.ts";

export interface PodSyncOptions {
  clock: Clock;
  events: EventRecorder;
  cache: RuntimeCache;
  images: ImageManager;
  volumes: VolumeManager;
  cgroups: PodCgroups;
  probes: ProbeManager;
  statuses: StatusManager;
  reporter: PodReporter;
  starter: ContainerStarter;
  stopper: ContainerStopper;
  sandboxes: SandboxStarter;
  resizer: Resizer;
  backoff: Backoff;
  /** Why pods with a network of their own can't be started now, if they can't. */
  networkNotReady(): string | undefined;
  /** Says which API objects the pod refers to, so that they are kept at hand. */
  retain(pod: Pod): void;
  release(podUid: string): void;
  /** Removes what the runtime and the log directories have of a pod. */
  removeTraces(work: PodWork): Promise<void>;
}

/** A start that takes longer than this (a pull, a hook) is reported as it stands meanwhile. */
const REPORT_AFTER_MS = 500;
const NETWORK_RETRY_MS = 1000;

/** What the kubelet does for a pod in each stage of its life: looks, plans, acts, reports. */
export function podSteps(options: PodSyncOptions): PodSteps {
  const { clock, events, cache, volumes, cgroups, probes, statuses, reporter, resizer } = options;

  const setUpVolumes = async (pod: Pod): Promise<ReadonlyMap<string, MountedVolume>> => {
    try {
      return await volumes.setUp(pod);
    } catch (error) {
      for (const cause of error instanceof AggregateError ? (error.errors as Error[]) : [error as Error]) {
        if (cause instanceof VolumeError) events.event(podReference(pod), "Warning", "FailedMount", cause.message);
      }
      throw error;
    }
  };

  const makeSandbox = async (work: PodWork, planned: PodPlan, parent: string | undefined): Promise<SandboxContext> => {
    const { pod, seenAt } = work;
    if (planned.createSandbox) return options.sandboxes.create(pod, planned.createSandbox.attempt, parent, seenAt);
    return options.sandboxes.context(pod, planned.sandboxId!, parent, seenAt);
  };

  /** Begins the containers in order. Returns when to look again, where some must wait. */
  const startAll = async (
    work: PodWork,
    pod: Pod,
    actions: readonly StartAction[],
    means: {
      sandbox: SandboxContext;
      mounted: ReadonlyMap<string, MountedVolume>;
      looked: ReadonlyMap<string, Promise<Image | undefined> | undefined>;
    },
    signal: AbortSignal,
  ): Promise<{ wakeAt?: number; failure?: StartError }> => {
    const { sandbox, mounted: mountedVolumes, looked } = means;
    let wakeAt: number | undefined;
    let failure: StartError | undefined;
    for (const action of actions) {
      const { kind, container } = action;
      if (action.waiting) {
        wakeAt = waitFor(work, action, wakeAt);
        continue;
      }
      const state = cache.state(work.uid);
      const last = lastEnd(state, container.name);
      if (last !== undefined) options.backoff.next(backoffKey(pod, container), last);
      const foundImage = looked.get(container.name);
      const slow = clock.after(REPORT_AFTER_MS, () => void reporter.report(work).catch(() => {}));
      try {
        await options.starter.start({ pod, state, container, sandbox, volumes: mountedVolumes, foundImage, signal });
        work.waiting.delete(container.name);
      } catch (error) {
        if (!(error instanceof StartError)) throw error;
        work.waiting.set(container.name, { reason: error.reason, message: error.message });
        // The earliest of the times at which another try makes sense.
        if (!failure || (error.retryAt ?? 0) < (failure.retryAt ?? 0)) failure = error;
        if (kind === "init") break;
      } finally {
        slow.cancel();
      }
    }
    return { ...(wakeAt !== undefined ? { wakeAt } : {}), ...(failure ? { failure } : {}) };
  };

  /** Notes that a crashed container waits; the earliest time at which one of them may go on. */
  const waitFor = (work: PodWork, { container, waiting }: StartAction, earliest: number | undefined) => {
    if (!waiting) return earliest;
    noteCrash(work, container.name, waiting.delayMs);
    return Math.min(earliest ?? waiting.until, waiting.until);
  };

  const noteCrash = ({ pod, waiting }: PodWork, name: string, delayMs: number) => {
    const message = `back-off ${formatDuration(delayMs)} restarting failed container=${name} pod=${describePod(pod)}`;
    const known = waiting.get(name);
    waiting.set(name, { reason: "CrashLoopBackOff", message });
    if (known?.message === message && known.reason === "CrashLoopBackOff") return;
    const text = `Back-off restarting failed container ${name} in pod ${describePod(pod)}`;
    events.event(containerReference(pod, name), "Warning", "BackOff", text);
  };

  /** The pod's own deadline, as a verdict once it is over, or the time at which it will be. */
  const deadline = (pod: Pod, status: PodStatus): { at?: number; over: boolean } => {
    const seconds = pod.spec?.activeDeadlineSeconds;
    if (seconds === undefined || !status.startTime) return { over: false };
    const at = Date.parse(status.startTime) + seconds * 1000;
    return { at, over: clock.now() >= at };
  };

  /** Plans, and does what the plan says. */
  const bring = async (work: PodWork, deadlineAt: number | undefined, signal: AbortSignal) => {
    const { uid } = work;
    const observed = cache.state(uid);
    work.observed = observed;
    const pod = resizer.granted(work.pod);
    const needsRestart = (container: PodContainer) => resizer.needsRestart(pod, container);
    const planned = plan({ pod, state: observed, probes, backoff: options.backoff, needsRestart }, clock.now());
    // Looking for the images takes as long as making the volumes, or the sandbox: ask now.
    const looked = new Map(
      planned.start
        .filter(({ waiting }) => !waiting)
        .map(({ container }) => [container.name, options.images.look(container)]),
    );
    const [parent, mounted] = await Promise.all([resizer.ensureCgroup(pod, observed), setUpVolumes(pod)]);
    signal.throwIfAborted();

    if (planned.killPod) {
      const state = cache.state(uid);
      if (planned.createSandbox && state.sandboxes.length > 0) {
        const message = "Pod sandbox changed, it will be killed and re-created.";
        events.event(podReference(pod), "Normal", "SandboxChanged", message);
      }
      await unlessAborted(options.stopper.stopAll(pod, state), signal);
      await options.sandboxes.stopAll(uid);
    }
    for (const { container, message, reason } of planned.kill) {
      await unlessAborted(options.stopper.stop(pod, cache.state(uid), container, { message, reason }), signal);
    }
    signal.throwIfAborted();
    // A resize that fails keeps nothing else from being done.
    const resized = await resizer.apply(pod, cache.state(uid)).catch((error: unknown) => error);
    let result: Awaited<ReturnType<typeof startAll>> = {};
    // Where all must wait nothing is needed of the sandbox yet; where one is to be made, it is made all the same.
    if (planned.createSandbox || planned.start.some(({ waiting }) => !waiting)) {
      const sandbox = await makeSandbox(work, planned, parent);
      result = await startAll(work, pod, planned.start, { sandbox, mounted, looked }, signal);
    } else for (const action of planned.start) result.wakeAt = waitFor(work, action, result.wakeAt);
    resizer.settle(pod, cache.state(uid));
    const after = await reporter.report(work);
    if (isTerminalPhase(after.phase) || (planned.killPod && !planned.createSandbox)) return { done: true };
    if (result.failure) throw result.failure;
    if (resized) throw resized;
    // What was done may have made room for more: the next init container, say.
    const acted = planned.kill.length > 0 || planned.start.some(({ waiting }) => !waiting);
    if (acted) return { done: false, wakeAt: clock.now() };
    const times = [result.wakeAt, deadlineAt].filter((time) => time !== undefined);
    return { done: false, ...(times.length > 0 ? { wakeAt: Math.min(...times) } : {}) };
  };

  return {
    async sync(work, signal) {
      const { pod } = work;
      // Before the first report: one of the new generation must not look as if nothing were to be done for it.
      resizer.consider(pod, cache.state(work.uid));
      const status = await reporter.report(work);
      if (isTerminalPhase(status.phase)) return { done: true };
      const limit = deadline(pod, status);
      if (limit.over) {
        const message = "Pod was active on the node longer than the specified deadline";
        work.verdict = { phase: "Failed", reason: "DeadlineExceeded", message };
        events.event(podReference(pod), "Normal", "DeadlineExceeded", message);
        await reporter.report(work);
        return { done: true };
      }
      const networkReason = pod.spec?.hostNetwork ? undefined : options.networkNotReady();
      if (networkReason) {
        events.event(podReference(pod), "Warning", "NetworkNotReady", `network is not ready: ${networkReason}`);
        return { done: false, wakeAt: clock.now() + NETWORK_RETRY_MS };
      }
      options.retain(pod);
      return bring(work, limit.at, signal);
    },

    async terminate(work, signal) {
      const { pod, uid } = work;
      work.observed = cache.state(uid);
      await reporter.report(work, { terminating: true });
      const how = work.graceSeconds === undefined ? {} : { graceSeconds: work.graceSeconds };
      await unlessAborted(options.stopper.stopAll(pod, cache.state(uid), how), signal);
      await unlessAborted(options.sandboxes.stopAll(uid), signal);
      probes.removePod(uid);
      await reporter.report(work, { terminating: true, ended: true });
    },

    async finish(work) {
      await volumes.tearDown(work.uid);
      await cgroups.remove(work.uid);
      options.release(work.uid);
      options.backoff.forget(`${work.uid}/`);
      resizer.forgetPod(work.uid);
      options.images.forgetPod(work.uid);
      if (work.runtimeOnly) return;
      await reporter.reportFinal(work);
      statuses.setFinished(work.pod);
    },

    async cleanUp(work) {
      await options.removeTraces(work);
      await volumes.removePod(work.uid);
      probes.removePod(work.uid);
      options.stopper.forgetPod(work.uid);
      reporter.forgetPod(work.uid);
      statuses.forget(podUid(work.pod));
    },
  };
}
