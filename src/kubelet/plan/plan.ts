import type { Pod } from "../../api/types/core.v1.ts";
import {
  type AnyContainer,
  type ContainerKind,
  ephemeralContainers,
  initContainers,
  podUid,
  regularContainers,
} from "../pod/pod.ts";
import { lastEnd, newestContainer, type PodContainer, type PodState } from "../pod/pod-state.ts";
import { containerHash } from "../pod/runtime-labels.ts";
import { planInit } from "./init.ts";
import { restartPolicyOf, restartsAfter, restartsAfterKill } from "./restart.ts";

/** What the probes of a container came to so far; undefined where none has said anything yet. */
export type ProbeVerdict = "success" | "failure" | "unknown";
export interface ProbeVerdicts {
  liveness(containerId: string): ProbeVerdict | undefined;
  startup(containerId: string): ProbeVerdict | undefined;
}
export interface BackoffView {
  waitUntil(key: string, since: number, now: number): { until: number; delayMs: number } | undefined;
}

export type KillReason = "resize" | "liveness-probe" | "startup-probe" | "definition" | "unknown-state" | "other";
export interface KillAction {
  container: PodContainer;
  reason: KillReason;
  /** The text of the Killing event. */
  message: string;
}
export interface StartAction {
  kind: ContainerKind;
  container: AnyContainer;
  /** Set where the container crashed and must wait; nothing else of the action is carried out before. */
  waiting?: { until: number; delayMs: number };
}

/** What to do to bring the runtime to what the pod asks for, in the order of the fields. */
export interface PodPlan {
  /** End everything of the pod: its sandbox must be replaced, or it has run to its end. */
  killPod: boolean;
  /** Make a sandbox, the `attempt`th of the pod. */
  createSandbox?: { attempt: number };
  /** The sandbox in which to start, where none is to be made. */
  sandboxId?: string;
  kill: KillAction[];
  start: StartAction[];
}

export interface PlanInput {
  pod: Pod;
  state: PodState;
  probes: ProbeVerdicts;
  backoff: BackoffView;
  /** Whether a running container must start anew to get the resources that were granted to it. */
  needsRestart?(container: PodContainer): boolean;
}

/** Decides what is to be done for a pod that should run, at wall time `now`. Pure. */
export function plan(input: PlanInput, now: number): PodPlan {
  const { pod, state } = input;
  const sandbox = decideSandbox(pod, state);
  if (sandbox.replace) return planNewSandbox(input, sandbox.attempt, now);

  const result: PodPlan = { killPod: false, sandboxId: sandbox.id, kill: [], start: [] };
  const start = (kind: ContainerKind, container: AnyContainer) =>
    result.start.push(startAction(input, kind, container, now));

  for (const container of ephemeralContainers(pod)) {
    if (!newestContainer(state, container.name)) start("ephemeral", container);
  }
  const init = planInit(input, sandbox.id);
  if (init.failed) return { ...result, killPod: true, start: [] };
  result.kill.push(...init.kill);
  const sidecarStarts = init.start.map((container) => startAction(input, "init", container, now));
  if (!init.initialized) {
    result.start.push(...sidecarStarts);
    return result;
  }

  let kept = 0;
  const starts: StartAction[] = [];
  for (const container of regularContainers(pod)) {
    const decision = decideContainer(input, container);
    if (decision.kill) result.kill.push(decision.kill);
    if (decision.start) starts.push(startAction(input, "regular", container, now));
    if (decision.keep) kept++;
  }
  // A pod whose regular containers are all done is done: its sidecars are not kept alive for their own sake.
  if (kept === 0 && starts.length === 0) return { ...result, killPod: true, kill: [], start: [] };
  result.start.push(...sidecarStarts, ...starts);
  return result;
}

interface SandboxDecision {
  replace: boolean;
  attempt: number;
  id: string;
}

function decideSandbox(pod: Pod, state: PodState): SandboxDecision {
  const newest = state.sandboxes[0];
  if (!newest) return { replace: true, attempt: 0, id: "" };
  const next = { replace: true, attempt: newest.metadata.attempt + 1, id: newest.id };
  const ready = state.sandboxes.filter((sandbox) => sandbox.state === "ready");
  if (ready.length > 1 || newest.state !== "ready") return next;
  if (!pod.spec?.hostNetwork && newest.ips.length === 0) return next;
  return { replace: false, attempt: newest.metadata.attempt, id: newest.id };
}

function planNewSandbox(input: PlanInput, attempt: number, now: number): PodPlan {
  const { pod, state } = input;
  const none: PodPlan = { killPod: true, kill: [], start: [] };
  // A pod that must not restart lives in one sandbox only, unless nothing had run in it yet.
  if (attempt !== 0 && state.containers.length > 0 && !restartsAnything(pod)) return none;
  const toStart = regularContainers(pod).filter((container) => {
    const newest = newestContainer(state, container.name);
    if (newest?.status.state !== "exited") return true;
    const policy = restartPolicyOf(pod, container);
    return policy === "Always" || restartsAfter(pod, container, newest.status.exitCode);
  });
  if (toStart.length === 0) return none;
  const [firstInit] = initContainers(pod);
  const start: StartAction[] = firstInit
    ? [startAction(input, "init", firstInit, now)]
    : toStart.map((container) => startAction(input, "regular", container, now));
  return { killPod: true, createSandbox: { attempt }, kill: [], start };
}

function restartsAnything(pod: Pod): boolean {
  if ((pod.spec?.restartPolicy ?? "Always") !== "Never") return true;
  return regularContainers(pod).some(
    (container) => restartPolicyOf(pod, container) !== "Never" || (container.restartPolicyRules?.length ?? 0) > 0,
  );
}

function decideContainer(
  input: PlanInput,
  container: AnyContainer,
): { kill?: KillAction; start?: boolean; keep?: boolean } {
  const { pod, state, probes } = input;
  const current = newestContainer(state, container.name);
  if (!current) return { start: true };
  const { status } = current;
  if (status.state === "exited") return { start: restartsAfter(pod, container, status.exitCode) };
  if (status.state === "created") return { start: true };
  if (status.state === "unknown") {
    const message = `Container is in "unknown" state, try killing it before restart`;
    return { start: true, kill: { container: current, reason: "unknown-state", message } };
  }
  const kill = (reason: KillReason, what: string, restart: boolean) => ({
    start: restart,
    kill: { container: current, reason, message: restart ? `${what}, will be restarted` : what },
  });
  if (current.hash !== containerHash(container)) {
    return kill("definition", `Container ${container.name} definition changed`, true);
  }
  if (input.needsRestart?.(current)) return kill("resize", `Container ${container.name} resize requires restart`, true);
  if (probes.liveness(current.id) === "failure") {
    const restart = restartsAfterKill(pod, container);
    return kill("liveness-probe", `Container ${container.name} failed liveness probe`, restart);
  }
  if (probes.startup(current.id) === "failure") {
    const restart = restartsAfterKill(pod, container);
    return kill("startup-probe", `Container ${container.name} failed startup probe`, restart);
  }
  return { keep: true };
}

/** The key under which a container's crashes are counted: another definition starts over. */
export function backoffKey(pod: Pod, container: AnyContainer): string {
  return `${podUid(pod)}/${container.name}/${containerHash(container)}`;
}

function startAction(input: PlanInput, kind: ContainerKind, container: AnyContainer, now: number): StartAction {
  const last = lastEnd(input.state, container.name);
  const key = backoffKey(input.pod, container);
  const waiting = last === undefined ? undefined : input.backoff.waitUntil(key, last, now);
  return { kind, container, ...(waiting ? { waiting } : {}) };
}

/** Whether the runtime lacks the container and should have it: then its status is waiting, not ended. */
export function shouldRun(pod: Pod, state: PodState, container: AnyContainer): boolean {
  if (pod.metadata?.deletionTimestamp) return false;
  const current = newestContainer(state, container.name);
  if (!current) return true;
  if (current.status.state === "running") return false;
  if (current.status.state !== "exited") return true;
  return restartsAfter(pod, container, current.status.exitCode);
}
