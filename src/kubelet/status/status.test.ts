import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Container, ContainerState, ContainerStatus, Pod, PodSpec, PodStatus } from "../../api/types/core.v1.ts";
import { podConditions } from "./conditions.ts";
import { podPhase } from "./phase.ts";
import { statusPatch } from "./status-patch.ts";

const container = (name: string, more: Partial<Container> = {}): Container => ({ name, image: "i", ...more });
const pod = (spec: Partial<PodSpec> = {}): Pod => ({
  metadata: { name: "p", generation: 3 },
  spec: { restartPolicy: "Always", containers: [container("a"), container("b")], ...spec },
});
const states: Record<string, ContainerState> = {
  running: { running: {} },
  ok: { terminated: { exitCode: 0 } },
  failed: { terminated: { exitCode: 1 } },
  waiting: { waiting: { reason: "ContainerCreating" } },
};
const status = (name: string, state: string, more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name,
  image: "i",
  imageID: "",
  ready: state === "running",
  started: state === "running",
  restartCount: 0,
  ...(state === "crashing"
    ? { state: { waiting: { reason: "CrashLoopBackOff" } }, lastState: states["failed"]! }
    : { state: states[state]! }),
  ...more,
});

describe("the phase", () => {
  const sidecar = container("s", { restartPolicy: "Always" });
  const cases: [string, Partial<PodSpec>, ContainerStatus[], boolean, string][] = [
    ["nothing known", {}, [], false, "Pending"],
    ["one is still to come", {}, [status("a", "running"), status("b", "waiting")], false, "Pending"],
    ["all run", {}, [status("a", "running"), status("b", "running")], false, "Running"],
    ["one crashes", {}, [status("a", "running"), status("b", "crashing")], false, "Running"],
    ["all crash", {}, [status("a", "crashing"), status("b", "crashing")], false, "Running"],
    ["ended, but will run again", {}, [status("a", "ok"), status("b", "ok")], false, "Running"],
    ["ended for good", { restartPolicy: "Never" }, [status("a", "ok"), status("b", "ok")], false, "Succeeded"],
    ["one failed for good", { restartPolicy: "Never" }, [status("a", "ok"), status("b", "failed")], false, "Failed"],
    [
      "one failed, one runs",
      { restartPolicy: "Never" },
      [status("a", "running"), status("b", "failed")],
      false,
      "Running",
    ],
    [
      "a failure to be tried again",
      { restartPolicy: "OnFailure" },
      [status("a", "ok"), status("b", "failed")],
      false,
      "Running",
    ],
    ["nothing is started any more: well", {}, [status("a", "ok"), status("b", "ok")], true, "Succeeded"],
    ["nothing is started any more: ill", {}, [status("a", "ok"), status("b", "failed")], true, "Failed"],
    [
      "an init container runs",
      { initContainers: [container("i")] },
      [status("i", "running"), status("a", "waiting"), status("b", "waiting")],
      false,
      "Pending",
    ],
    [
      "an init container failed for good",
      { restartPolicy: "Never", initContainers: [container("i")] },
      [status("i", "failed"), status("a", "waiting"), status("b", "waiting")],
      false,
      "Failed",
    ],
    [
      "an init container crashes",
      { initContainers: [container("i")] },
      [status("i", "crashing"), status("a", "waiting"), status("b", "waiting")],
      false,
      "Pending",
    ],
    [
      "a sidecar is not started yet",
      { initContainers: [sidecar] },
      [status("s", "waiting"), status("a", "waiting"), status("b", "waiting")],
      false,
      "Pending",
    ],
    [
      "a sidecar crashes beside what runs",
      { initContainers: [sidecar] },
      [status("s", "crashing"), status("a", "running"), status("b", "running")],
      false,
      "Running",
    ],
    [
      "a sidecar does not keep a pod from its end",
      { restartPolicy: "Never", initContainers: [sidecar] },
      [status("s", "running"), status("a", "ok"), status("b", "ok")],
      false,
      "Succeeded",
    ],
  ];
  for (const [name, spec, statuses, terminal, expected] of cases) {
    test(name, () => assert.equal(podPhase(pod(spec), statuses, terminal), expected));
  }
});

test("conditions tell which containers they wait for", () => {
  const list = podConditions({
    pod: pod({ initContainers: [container("i")] }),
    phase: "Pending",
    statuses: [status("i", "running", { ready: false }), status("a", "waiting")],
    sandboxReady: true,
    present: [],
  });
  const find = (type: string) => list.find((one) => one.type === type);
  assert.deepEqual(find("Initialized"), {
    type: "Initialized",
    observedGeneration: 3,
    status: "False",
    reason: "ContainersNotInitialized",
    message: "containers with incomplete status: [i]",
  });
  assert.equal(
    find("ContainersReady")?.message,
    "containers with unknown status: [b], containers with unready status: [a]",
  );
  assert.equal(find("PodReadyToStartContainers")?.status, "True");
});

test("a patch says what has changed, and only of what is the kubelet's", () => {
  const from: PodStatus = {
    phase: "Pending",
    reason: "Old",
    podIPs: [{ ip: "10.0.0.1" }],
    resize: "Deferred",
    conditions: [
      { type: "Ready", status: "False", reason: "ContainersNotReady" },
      { type: "Initialized", status: "True" },
    ],
  };
  const to: PodStatus = {
    phase: "Running",
    podIPs: [{ ip: "10.0.0.2" }],
    conditions: [
      { type: "Ready", status: "True" },
      { type: "Initialized", status: "True" },
    ],
  };
  assert.deepEqual(statusPatch("u", from, to), {
    metadata: { uid: "u" },
    status: {
      phase: "Running",
      reason: null,
      podIPs: [{ ip: "10.0.0.2" }, { $patch: "delete", ip: "10.0.0.1" }],
      conditions: [{ type: "Ready", status: "True", reason: null }],
    },
  });
  assert.equal(statusPatch("u", to, structuredClone(to)), undefined);
});
