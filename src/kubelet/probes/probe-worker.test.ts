import assert from "node:assert/strict";
import { test } from "node:test";
import type { Probe } from "../../api/types/core.v1.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import { podContainer } from "../pod/pod-state.ts";
import type { ContainerStatus } from "../runtime.ts";
import { type ProbeView, type ProbeWorkerOptions, probeWorker } from "./probe-worker.ts";
import type { ProbeKind } from "./prober.ts";

function fixture(kind: ProbeKind, probe: Probe, more: Partial<ProbeWorkerOptions> = {}) {
  const clock = virtualClock();
  const runs: number[] = [];
  const begun = clock.now();
  let answer: boolean | undefined = true;
  let changes = 0;
  const worker = probeWorker({
    kind,
    container: { name: "c" },
    probe,
    clock,
    firstDelayMs: 0,
    prober: {
      async run() {
        runs.push((clock.now() - begun) / 1000);
        return answer;
      },
    },
    onChange: () => changes++,
    ...more,
  });
  const view = (
    id: string,
    state: ContainerStatus["state"] = "running",
    other: Partial<ProbeView> = {},
  ): ProbeView => ({
    pod: {},
    current: podContainer({
      id,
      state,
      startedAt: begun,
      labels: {},
      annotations: {},
      metadata: { name: "c", attempt: 0 },
    } as ContainerStatus),
    podIp: "",
    started: kind !== "startup",
    terminating: false,
    ...other,
  });
  return {
    clock,
    runs,
    worker,
    view,
    answer: (value: boolean | undefined) => {
      answer = value;
    },
    changes: () => changes,
  };
}

test("the first run is after the initial delay, the next ones a period later", async () => {
  const { worker, view, clock, runs } = fixture("readiness", { initialDelaySeconds: 5, periodSeconds: 3 });
  worker.observe(view("a"));
  await clock.advance(12_000);
  assert.deepEqual(runs, [5, 8, 11]);
  assert.equal(clock.pending, 1);
  worker.observe(view("a", "exited"));
  assert.equal(clock.pending, 0, "nothing to do while it does not run");
});

test("thresholds count consecutive results; what could not be run counts for nothing", async () => {
  const { worker, view, clock, answer, changes } = fixture("readiness", {
    periodSeconds: 1,
    successThreshold: 2,
    failureThreshold: 3,
  });
  worker.observe(view("a"));
  await clock.advance(0);
  assert.equal(worker.verdict("a"), "failure");
  await clock.advance(1000);
  assert.equal(worker.verdict("a"), "success");
  answer(false);
  await clock.advance(2000);
  answer(undefined);
  await clock.advance(5000);
  assert.equal(worker.verdict("a"), "success");
  answer(false);
  await clock.advance(1000);
  assert.equal(worker.verdict("a"), "failure");
  assert.equal(changes(), 2);
});

test("a failed liveness probe rests until the next container, which begins as alive", async () => {
  const { worker, view, clock, answer, runs } = fixture("liveness", { periodSeconds: 1, failureThreshold: 2 });
  answer(false);
  worker.observe(view("a"));
  await clock.advance(10_000);
  assert.equal(worker.verdict("a"), "failure");
  assert.equal(runs.length, 2);
  worker.observe(view("b"));
  assert.equal(worker.verdict("a"), undefined);
  assert.equal(worker.verdict("b"), "success");
});

test("liveness waits for the startup probe, and ends with the pod; readiness goes on", async () => {
  const liveness = fixture("liveness", {});
  liveness.worker.observe(liveness.view("a", "running", { started: false }));
  assert.equal(liveness.clock.pending, 0);
  liveness.worker.observe(liveness.view("a", "running", { terminating: true }));
  await liveness.clock.advance(100_000);
  assert.deepEqual(liveness.runs, []);
  const readiness = fixture("readiness", {});
  readiness.worker.observe(readiness.view("a", "running", { terminating: true }));
  await readiness.clock.advance(10_000);
  assert.equal(readiness.runs.length, 2);
});

test("after a restart of the kubelet the verdict that was reported holds", () => {
  const { worker, view } = fixture(
    "readiness",
    {},
    { remembered: { containerId: "a", verdict: "success" }, firstDelayMs: 5000 },
  );
  worker.observe(view("a"));
  assert.equal(worker.verdict("a"), "success");
  worker.observe(view("b"));
  assert.equal(worker.verdict("b"), "failure");
});
