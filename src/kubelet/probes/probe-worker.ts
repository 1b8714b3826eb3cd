import type { Pod, Probe } from "../../api/types/core.v1.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { ProbeVerdict } from "../plan/plan.ts";
import type { AnyContainer } from "../pod/pod.ts";
import type { PodContainer } from "../pod/pod-state.ts";
import type { ProbeKind, Prober } from "./prober.ts";

/** What a worker is told at each look at its pod. */
export interface ProbeView {
  pod: Pod;
  current: PodContainer | undefined;
  podIp: string;
  /** Whether the startup probe, if any, has succeeded: the others wait for that. */
  started: boolean;
  terminating: boolean;
}

/**
 * Runs one probe of one container. Between looks it is idle unless the container runs and it is this probe's turn; then
 * the first run is `initialDelaySeconds` after the container's start, the next ones a period after the last.
 */
export interface ProbeWorker {
  readonly kind: ProbeKind;
  observe(view: ProbeView): void;
  /** The verdict on this container; undefined where it is of another, or there is none yet. */
  verdict(containerId: string): ProbeVerdict | undefined;
  stop(): void;
}

export interface ProbeWorkerOptions {
  kind: ProbeKind;
  container: AnyContainer;
  probe: Probe;
  prober: Prober;
  clock: Clock;
  /** Delays the very first run, so that a restarted kubelet does not probe everything at once. */
  firstDelayMs: number;
  /** What the API's status says of a container that ran before the kubelet's restart. */
  remembered?: { containerId: string; verdict: ProbeVerdict };
  /** Called when the verdict has changed. */
  onChange(): void;
}

/** Before the first result: alive, not ready, not known to have started. */
const INITIAL: Record<ProbeKind, ProbeVerdict> = { liveness: "success", readiness: "failure", startup: "unknown" };

export function probeWorker(options: ProbeWorkerOptions): ProbeWorker {
  const { kind, probe, clock } = options;
  const periodMs = (probe.periodSeconds ?? 10) * 1000;
  let firstDelayMs = options.firstDelayMs;
  let containerId: string | undefined;
  let verdict: ProbeVerdict | undefined;
  let view: ProbeView | undefined;
  let timer: Timer | undefined;
  let probing = false;
  let stopped = false;
  /** A container that failed for good is killed: nothing more to ask until its successor runs. */
  let onHold = false;
  let last: boolean | undefined;
  let run = 0;

  const disarm = () => {
    timer?.cancel();
    timer = undefined;
  };
  const arm = (delayMs: number) => {
    disarm();
    timer = clock.after(delayMs, () => {
      timer = undefined;
      void tick();
    });
  };

  const isDue = (seen: ProbeView): boolean => {
    if (stopped || onHold || seen.current?.status.state !== "running") return false;
    if (kind === "readiness") return seen.started;
    if (seen.terminating) return false;
    return kind === "startup" ? !seen.started : seen.started;
  };

  const tick = async () => {
    const seen = view;
    if (!seen?.current || !isDue(seen)) return;
    const begun = clock.monotonic();
    const { id } = seen.current;
    probing = true;
    const { pod, podIp } = seen;
    const outcome = await options.prober
      .run(kind, probe, { pod, container: options.container, containerId: id, podIp })
      .finally(() => {
        probing = false;
      });
    if (stopped) return;
    // The answer of a container that is gone meanwhile says nothing about its successor.
    if (id === containerId) take(outcome);
    if (view && isDue(view)) arm(Math.max(0, periodMs - (clock.monotonic() - begun)));
  };

  const take = (outcome: boolean | undefined) => {
    if (outcome === undefined) return;
    if (outcome === last) run++;
    else {
      last = outcome;
      run = 1;
    }
    const threshold = outcome ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
    if (run < threshold) return;
    const next: ProbeVerdict = outcome ? "success" : "failure";
    if (!outcome && kind !== "readiness") {
      onHold = true;
      run = 0;
    }
    if (next === verdict) return;
    verdict = next;
    options.onChange();
  };

  return {
    kind,
    observe(seen) {
      view = seen;
      const { current } = seen;
      if (current && current.id !== containerId) {
        disarm();
        containerId = current.id;
        verdict = options.remembered?.containerId === current.id ? options.remembered.verdict : INITIAL[kind];
        onHold = false;
        last = undefined;
        run = 0;
      }
      if (!isDue(seen)) return disarm();
      if (timer || probing) return;
      const due = current!.status.startedAt + (probe.initialDelaySeconds ?? 0) * 1000;
      const delayMs = Math.max(due - clock.now(), firstDelayMs);
      firstDelayMs = 0;
      if (delayMs > 0) arm(delayMs);
      else void tick();
    },
    verdict: (id) => (id === containerId ? verdict : undefined),
    stop() {
      stopped = true;
      disarm();
    },
  };
}
