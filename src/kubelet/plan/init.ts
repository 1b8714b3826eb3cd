import type { Container } from "../../api/types/core.v1.ts";
import { initContainers, isSidecar, regularContainers } from "../pod/pod.ts";
import type { PodContainer, PodState } from "../pod/pod-state.ts";
import { containerHash } from "../pod/runtime-labels.ts";
import type { KillAction, KillReason, PlanInput } from "./plan.ts";
import { restartsAfter } from "./restart.ts";

export interface InitPlan {
  /** All init containers have ended well or, for sidecars, have started: the regular containers may run. */
  initialized: boolean;
  /** One has failed for good. */
  failed: boolean;
  kill: KillAction[];
  start: Container[];
}

/**
 * Init containers run one after another; a sidecar lets the next one go as soon as it has started (KEP-753), and is
 * kept running from then on. Only what ran in the present sandbox counts: in a new one the pod begins anew.
 *
 * Example: [a, S, b] with S a sidecar. a ended → start S; S started → start b; b ended → initialized; S died → start S.
 */
export function planInit(input: PlanInput, sandboxId: string): InitPlan {
  const { pod, state } = input;
  const inits = initContainers(pod);
  const result: InitPlan = { initialized: true, failed: false, kill: [], start: [] };
  if (inits.length === 0) return result;
  const here = (name: string) => newestIn(state, sandboxId, name);

  // A regular container is proof that all went well before, even where the init containers were removed since.
  const begun = regularContainers(pod).some((container) => here(container.name));
  const frontier = begun ? inits.length : inits.findLastIndex((container) => here(container.name));
  for (const [index, container] of inits.entries()) {
    if (index > frontier) break;
    if (isSidecar(container)) {
      const started = planSidecar(input, container, here(container.name), result);
      if (index === frontier && !started) return { ...result, initialized: false };
    } else if (index === frontier) {
      const ended = planRunToEnd(input, container, here(container.name)!, result);
      if (!ended) return { ...result, initialized: false };
    }
  }
  const next = inits[frontier + 1];
  if (next) {
    result.start.push(next);
    return { ...result, initialized: false };
  }
  return result;
}

function newestIn(state: PodState, sandboxId: string, name: string): PodContainer | undefined {
  return state.containers.find((container) => container.sandboxId === sandboxId && container.name === name);
}

/** Adds what the sidecar needs to `result`; true when it has started. */
function planSidecar(
  { probes, needsRestart }: PlanInput,
  container: Container,
  current: PodContainer | undefined,
  result: InitPlan,
): boolean {
  const restart = (reason?: KillReason, message?: string) => {
    if (reason && message) result.kill.push({ container: current!, reason, message });
    result.start.push(container);
    return false;
  };
  if (!current || current.status.state === "exited" || current.status.state === "created") return restart();
  if (current.status.state === "unknown") {
    return restart("unknown-state", `Init container is in "unknown" state, try killing it before restart`);
  }
  if (container.startupProbe) {
    const startup = probes.startup(current.id);
    if (startup === "failure") return restart("startup-probe", `Init container ${container.name} failed startup probe`);
    if (startup !== "success") return false;
  }
  if (current.hash !== containerHash(container)) {
    return restart("definition", `Init container ${container.name} definition changed`);
  }
  if (needsRestart?.(current)) return restart("resize", `Init container ${container.name} resize requires restart`);
  if (container.livenessProbe && probes.liveness(current.id) === "failure") {
    return restart("liveness-probe", `Init container ${container.name} failed liveness probe`);
  }
  return true;
}

/** Adds what the init container needs to `result`; true when it has ended well. */
function planRunToEnd({ pod }: PlanInput, container: Container, current: PodContainer, result: InitPlan): boolean {
  const { status } = current;
  if (status.state === "running") return false;
  if (status.state === "created") {
    result.start.push(container);
    return false;
  }
  if (status.state === "exited" && status.exitCode === 0) return true;
  const exitCode = status.state === "exited" ? status.exitCode : 1;
  if (!restartsAfter(pod, container, exitCode)) {
    result.failed = true;
    return false;
  }
  if (status.state === "unknown") {
    const message = `Init container is in "unknown" state, try killing it before restart`;
    result.kill.push({ container: current, reason: "unknown-state", message });
  }
  result.start.push(container);
  return false;
}
