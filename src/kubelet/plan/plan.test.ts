import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Container, Pod, PodSpec } from "../../api/types/core.v1.ts";
import { type PodContainer, type PodState, podContainer } from "../pod/pod-state.ts";
import { containerAnnotations, containerLabels } from "../pod/runtime-labels.ts";
import type { ContainerStatus, SandboxStatus } from "../runtime.ts";
import { type PlanInput, type ProbeVerdict, plan } from "./plan.ts";

const container = (name: string, more: Partial<Container> = {}): Container => ({ name, image: "i:1", ...more });
const pod = (spec: Partial<PodSpec>): Pod => ({
  metadata: { name: "p", namespace: "default", uid: "u" },
  spec: { restartPolicy: "Always", containers: [container("a")], ...spec },
});
const sandbox = (attempt = 0, more: Partial<SandboxStatus> = {}): SandboxStatus => ({
  id: `s${attempt}`,
  metadata: { name: "p", namespace: "default", uid: "u", attempt },
  state: "ready",
  createdAt: attempt,
  ips: ["10.0.0.1"],
  labels: {},
  annotations: {},
  ...more,
});

type Instance = [name: string, state: ContainerStatus["state"], exitCode?: number, more?: Partial<ContainerStatus>];
function state(subject: Pod, instances: Instance[], sandboxes = [sandbox()]): PodState {
  const all = [...(subject.spec?.initContainers ?? []), ...(subject.spec?.containers ?? [])];
  const containers = instances.map(([name, containerState, exitCode = 0, more = {}], index): PodContainer => {
    const spec = all.find((candidate) => candidate.name === name) ?? container(name);
    return podContainer({
      id: `${name}${index}`,
      sandboxId: sandboxes[0]?.id ?? "",
      metadata: { name, attempt: 0 },
      state: containerState,
      createdAt: 100 - index,
      startedAt: 0,
      finishedAt: 0,
      exitCode,
      reason: "",
      message: "",
      image: "",
      imageRef: "",
      labels: containerLabels(subject, spec),
      annotations: containerAnnotations(subject, spec, 0),
      logPath: "",
      mounts: [],
      ...more,
    });
  });
  return { uid: "u", sandboxes, containers };
}

function decide(
  subject: Pod,
  observed: PodState,
  more: Partial<PlanInput> & { live?: ProbeVerdict; started?: ProbeVerdict } = {},
) {
  const result = plan(
    {
      pod: subject,
      state: observed,
      probes: { liveness: () => more.live, startup: () => more.started },
      backoff: { waitUntil: () => undefined },
      ...more,
    },
    1000,
  );
  return {
    sandbox: result.createSandbox?.attempt,
    killPod: result.killPod,
    kill: result.kill.map(({ container: { name }, message }) => `${name}: ${message}`),
    start: result.start.map(({ container: { name } }) => name),
  };
}
type Decision = ReturnType<typeof decide>;
const nothing: Decision = { sandbox: undefined, killPod: false, kill: [], start: [] };

describe("the sandbox", () => {
  const subject = pod({});
  test("is made for a new pod, with its containers", () => {
    assert.deepEqual(decide(subject, state(subject, [], [])), { sandbox: 0, killPod: true, kill: [], start: ["a"] });
  });
  test("is replaced when it is not ready, by the next attempt", () => {
    const dead = state(subject, [["a", "exited"]], [sandbox(2, { state: "not-ready" })]);
    assert.deepEqual(decide(subject, dead), { sandbox: 3, killPod: true, kill: [], start: ["a"] });
  });
  test("is replaced when it has no address, unless the pod is on the host's network", () => {
    const bare = state(subject, [], [sandbox(0, { ips: [] })]);
    assert.equal(decide(subject, bare).sandbox, 1);
    const host = pod({ hostNetwork: true });
    assert.equal(decide(host, state(host, [], [sandbox(0, { ips: [] })])).sandbox, undefined);
  });
  test("is replaced when two are ready", () => {
    assert.equal(decide(subject, state(subject, [], [sandbox(1), sandbox(0)])).sandbox, 2);
  });
  test("is not made again for a pod that never restarts and has run", () => {
    const once = pod({ restartPolicy: "Never" });
    const dead = [sandbox(0, { state: "not-ready" })];
    assert.deepEqual(decide(once, state(once, [["a", "exited"]], dead)), { ...nothing, killPod: true });
    assert.equal(decide(once, state(once, [], dead)).sandbox, 1);
  });
  test("is not made again when all that is left has succeeded", () => {
    const onFailure = pod({ restartPolicy: "OnFailure" });
    const dead = [sandbox(0, { state: "not-ready" })];
    assert.deepEqual(decide(onFailure, state(onFailure, [["a", "exited", 0]], dead)), { ...nothing, killPod: true });
    assert.deepEqual(decide(onFailure, state(onFailure, [["a", "exited", 1]], dead)).start, ["a"]);
  });
  test("begins with the init containers again", () => {
    const subject = pod({ initContainers: [container("i"), container("j")] });
    const dead = state(
      subject,
      [
        ["a", "exited"],
        ["j", "exited"],
        ["i", "exited"],
      ],
      [sandbox(0, { state: "not-ready" })],
    );
    assert.deepEqual(decide(subject, dead).start, ["i"]);
  });
});

describe("regular containers", () => {
  const cases: [string, Partial<PodSpec>, Instance[], Partial<Decision>][] = [
    ["missing: started", {}, [], { start: ["a"] }],
    ["running: kept", {}, [["a", "running"]], {}],
    ["ended: started again", {}, [["a", "exited", 0]], { start: ["a"] }],
    ["created but not started: started again", {}, [["a", "created"]], { start: ["a"] }],
    [
      "OnFailure after success: the pod is over",
      { restartPolicy: "OnFailure" },
      [["a", "exited", 0]],
      { killPod: true },
    ],
    ["OnFailure after failure", { restartPolicy: "OnFailure" }, [["a", "exited", 3]], { start: ["a"] }],
    ["Never after failure: the pod is over", { restartPolicy: "Never" }, [["a", "exited", 3]], { killPod: true }],
    [
      "one of two ended for good: the other goes on",
      { restartPolicy: "Never", containers: [container("a"), container("b")] },
      [
        ["a", "exited", 0],
        ["b", "running"],
      ],
      {},
    ],
    [
      "a container's own policy counts more than the pod's",
      { restartPolicy: "Never", containers: [container("a", { restartPolicy: "Always" })] },
      [["a", "exited", 0]],
      { start: ["a"] },
    ],
    [
      "a restart rule for the exit code",
      {
        restartPolicy: "Never",
        containers: [
          container("a", { restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [42] } }] }),
        ],
      },
      [["a", "exited", 42]],
      { start: ["a"] },
    ],
    [
      "a restart rule for another exit code",
      {
        restartPolicy: "Never",
        containers: [
          container("a", {
            restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "NotIn", values: [42] } }],
          }),
        ],
      },
      [["a", "exited", 42]],
      { killPod: true },
    ],
    [
      "an older instance does not count",
      { restartPolicy: "Never" },
      [
        ["a", "running"],
        ["a", "exited", 1],
      ],
      {},
    ],
    [
      "unknown: killed first",
      {},
      [["a", "unknown"]],
      { kill: ['a: Container is in "unknown" state, try killing it before restart'], start: ["a"] },
    ],
  ];
  for (const [name, spec, instances, expected] of cases) {
    test(name, () => {
      const subject = pod(spec);
      assert.deepEqual(decide(subject, state(subject, instances)), { ...nothing, ...expected });
    });
  }

  test("another image: replaced whatever the policy", () => {
    const before = pod({ restartPolicy: "Never" });
    const after = pod({ restartPolicy: "Never", containers: [container("a", { image: "i:2" })] });
    assert.deepEqual(decide(after, state(before, [["a", "running"]])), {
      ...nothing,
      kill: ["a: Container a definition changed, will be restarted"],
      start: ["a"],
    });
  });
  test("a failed liveness probe: killed, and started by policy", () => {
    const subject = pod({});
    assert.deepEqual(decide(subject, state(subject, [["a", "running"]]), { live: "failure" }), {
      ...nothing,
      kill: ["a: Container a failed liveness probe, will be restarted"],
      start: ["a"],
    });
    const once = pod({ restartPolicy: "Never", containers: [container("a"), container("b")] });
    const observed = state(once, [
      ["a", "running"],
      ["b", "running"],
    ]);
    const probes = {
      liveness: (id: string) => (id === "a0" ? "failure" : undefined),
      startup: () => undefined,
    } as const;
    assert.deepEqual(decide(once, observed, { probes }).kill, ["a: Container a failed liveness probe"]);
  });
  test("a failed startup probe", () => {
    const subject = pod({});
    const { kill } = decide(subject, state(subject, [["a", "running"]]), { started: "failure" });
    assert.deepEqual(kill, ["a: Container a failed startup probe, will be restarted"]);
  });
  test("a crashed container waits as long as the back-off says", () => {
    const subject = pod({});
    const waiting = { until: 5000, delayMs: 10_000 };
    const input = {
      pod: subject,
      state: state(subject, [["a", "exited", 1]]),
      probes: { liveness: () => undefined, startup: () => undefined },
      backoff: { waitUntil: () => waiting },
    };
    assert.deepEqual(plan(input, 1000).start[0]?.waiting, waiting);
  });
  test("ephemeral containers start once, also beside what runs", () => {
    const subject = pod({ ephemeralContainers: [{ name: "debug", image: "d" }] });
    assert.deepEqual(decide(subject, state(subject, [["a", "running"]])).start, ["debug"]);
    assert.deepEqual(
      decide(
        subject,
        state(subject, [
          ["a", "running"],
          ["debug", "exited", 1],
        ]),
      ).start,
      [],
    );
  });
});

describe("init containers", () => {
  const two = { initContainers: [container("i"), container("j")] };
  const sidecar = (more: Partial<Container> = {}) => container("s", { restartPolicy: "Always", ...more });
  const cases: [string, Partial<PodSpec>, Instance[], Partial<Decision>][] = [
    ["the first", two, [], { start: ["i"] }],
    ["running: waits", two, [["i", "running"]], {}],
    ["ended well: the next", two, [["i", "exited", 0]], { start: ["j"] }],
    ["failed: again", two, [["i", "exited", 1]], { start: ["i"] }],
    ["failed with Never: the pod is over", { ...two, restartPolicy: "Never" }, [["i", "exited", 1]], { killPod: true }],
    ["the first one's record is gone", two, [["j", "exited", 0]], { start: ["a"] }],
    [
      "all ended well",
      two,
      [
        ["i", "exited", 0],
        ["j", "exited", 0],
      ],
      { start: ["a"] },
    ],
    ["not again once a regular container has begun", two, [["a", "running"]], {}],
    [
      "a sidecar that runs lets the next go",
      { initContainers: [sidecar(), container("j")] },
      [["s", "running"]],
      { start: ["j"] },
    ],
    [
      "a sidecar with a startup probe does not yet",
      { initContainers: [sidecar({ startupProbe: {} }), container("j")] },
      [["s", "running"]],
      {},
    ],
    [
      "a sidecar that died comes back",
      { initContainers: [sidecar()] },
      [
        ["s", "exited", 0],
        ["a", "running"],
      ],
      { start: ["s"] },
    ],
    [
      "a sidecar that died comes back while a later init container runs",
      { initContainers: [sidecar(), container("j")] },
      [
        ["j", "running"],
        ["s", "exited", 0],
      ],
      { start: ["s"] },
    ],
    [
      "sidecars do not keep an ended pod alive",
      { restartPolicy: "Never", initContainers: [sidecar()] },
      [
        ["a", "exited", 0],
        ["s", "exited", 0],
      ],
      { killPod: true },
    ],
    [
      "a sidecar and the regular container begin together after the last init container",
      { initContainers: [sidecar(), container("j")] },
      [
        ["j", "exited", 0],
        ["s", "running"],
      ],
      { start: ["a"] },
    ],
  ];
  for (const [name, spec, instances, expected] of cases) {
    test(name, () => {
      const subject = pod(spec);
      assert.deepEqual(decide(subject, state(subject, instances)), { ...nothing, ...expected });
    });
  }
  test("a sidecar whose startup probe has succeeded lets the next go", () => {
    const subject = pod({ initContainers: [sidecar({ startupProbe: {} }), container("j")] });
    assert.deepEqual(decide(subject, state(subject, [["s", "running"]]), { started: "success" }).start, ["j"]);
  });
  test("a sidecar whose startup probe has failed is replaced", () => {
    const subject = pod({ initContainers: [sidecar({ startupProbe: {} }), container("j")] });
    assert.deepEqual(decide(subject, state(subject, [["s", "running"]]), { started: "failure" }), {
      ...nothing,
      kill: ["s: Init container s failed startup probe"],
      start: ["s"],
    });
  });
  test("those of an earlier sandbox do not count", () => {
    const subject = pod(two);
    const observed = state(subject, [["j", "exited", 0, { sandboxId: "old" }]], [sandbox(1)]);
    assert.deepEqual(decide(subject, observed).start, ["i"]);
  });
});
