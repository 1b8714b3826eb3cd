import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { controllerRevisions, daemonSets, nodes, pods } from "../../api/resource-types.ts";
import type { DaemonSet, DaemonSetSpec } from "../../api/types/apps.v1.ts";
import type { Node, Pod, Taint } from "../../api/types/core.v1.ts";
import { type ControllerBench, withControllers } from "../controller-bench.fixture.ts";
import { rollOut } from "../nodes.fixture.ts";
import { daemonSetController } from "./controller.ts";
import { daemonPod, isWantedOn, nodeOf } from "./daemon-pod.ts";
import { planDaemonSet, planDaemonSetStatus } from "./plan.ts";

const NOW = Date.UTC(2026, 0, 1);
const node = (name: string, labels: Record<string, string> = {}, taints: Taint[] = []): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, labels },
  spec: { taints },
});
const set = (spec: Partial<DaemonSetSpec> = {}, podSpec: Partial<Pod["spec"]> = {}, image = "v1"): DaemonSet => ({
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  metadata: { name: "agent", namespace: "default", uid: "set" },
  spec: {
    selector: { matchLabels: { app: "agent" } },
    template: { metadata: { labels: { app: "agent" } }, spec: { containers: [{ name: "c", image }], ...podSpec } },
    updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
    revisionHistoryLimit: 10,
    ...spec,
  },
  status: { desiredNumberScheduled: 0, currentNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 },
});

suite("where a daemon runs", () => {
  const taint = (key: string, effect: string): Taint => ({ key, effect });
  const cases: [string, Partial<Pod["spec"]>, Node, boolean, boolean][] = [
    ["any node", {}, node("n"), true, true],
    ["by node selector", { nodeSelector: { disk: "ssd" } }, node("n", { disk: "ssd" }), true, true],
    ["not without the label", { nodeSelector: { disk: "ssd" } }, node("n"), false, false],
    ["by name", { nodeName: "other" }, node("n"), false, false],
    ["a taint keeps it away, but does not drive it off", {}, node("n", {}, [taint("x", "NoSchedule")]), false, true],
    ["NoExecute drives it off", {}, node("n", {}, [taint("x", "NoExecute")]), false, false],
    ["PreferNoSchedule does neither", {}, node("n", {}, [taint("x", "PreferNoSchedule")]), true, true],
    [
      "a tolerated taint",
      { tolerations: [{ operator: "Exists" }] },
      node("n", {}, [taint("x", "NoExecute")]),
      true,
      true,
    ],
    [
      "nodes in trouble",
      {},
      node("n", {}, [
        taint("node.kubernetes.io/not-ready", "NoExecute"),
        taint("node.kubernetes.io/unreachable", "NoExecute"),
        taint("node.kubernetes.io/memory-pressure", "NoSchedule"),
        taint("node.kubernetes.io/unschedulable", "NoSchedule"),
      ]),
      true,
      true,
    ],
    ["no network", {}, node("n", {}, [taint("node.kubernetes.io/network-unavailable", "NoSchedule")]), false, true],
    [
      "no network, but the host's",
      { hostNetwork: true },
      node("n", {}, [taint("node.kubernetes.io/network-unavailable", "NoSchedule")]),
      true,
      true,
    ],
  ];
  for (const [what, spec, one, run, stay] of cases) {
    test(what, () => assert.deepEqual(isWantedOn(set({}, spec), one), { run, stay }));
  }

  test("the pod is bound to its node by affinity, whatever else it asks for", () => {
    const expression = { key: "disk", operator: "Exists" };
    const affinity = {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [expression] }],
        },
      },
    };
    const pod = daemonPod(set({}, { affinity }), "n1", "abc");
    assert.deepEqual(pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution, {
      nodeSelectorTerms: [
        { matchExpressions: [expression], matchFields: [{ key: "metadata.name", operator: "In", values: ["n1"] }] },
      ],
    });
    assert.equal(nodeOf(pod), "n1");
    assert.equal(nodeOf(daemonPod(set(), "n2", "abc")), "n2");
    assert.equal(pod.metadata?.labels?.["controller-revision-hash"], "abc");
  });
});

/** A daemon on `on`: `name:hash` with `+` when ready, `x` failed, `t` terminating. */
const daemon = (text: string, on: string): Pod => {
  const [, name = "", hash = "", flags = ""] = /^(\w+):(new|old)([+xt]*)$/.exec(text)!;
  return {
    metadata: {
      name,
      namespace: "default",
      labels: { "controller-revision-hash": hash },
      creationTimestamp: `2025-01-01T00:00:0${name.length}Z`,
      ...(flags.includes("t") ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
    },
    spec: { containers: [], nodeName: on },
    status: {
      phase: flags.includes("x") ? "Failed" : "Running",
      conditions: [{ type: "Ready", status: flags.includes("+") ? "True" : "False" }],
    },
  };
};

suite("plan", () => {
  const steps = (on: Record<string, string[]>, spec: Partial<DaemonSetSpec> = {}, backoff = 0) => {
    const pods = Object.entries(on).flatMap(([name, daemons]) => daemons.map((text) => daemon(text, name)));
    const plan = planDaemonSet({
      set: set(spec),
      nodes: Object.keys(on).map((name) => node(name)),
      pods,
      hash: "new",
      backoffOf: () => backoff,
      now: NOW,
    });
    return [...plan.create.map((name) => `+${name}`), ...plan.delete.map((pod) => `-${pod.metadata?.name}`)].join(" ");
  };
  const rolling = (maxUnavailable: number | string, maxSurge: number | string = 0): Partial<DaemonSetSpec> => ({
    updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable, maxSurge } },
  });
  const cases: [string, Record<string, string[]>, Partial<DaemonSetSpec>, string][] = [
    ["one on each node", { a: [], b: ["b:new+"] }, {}, "+a"],
    ["the oldest of several stays", { a: ["a:new+", "aa:new+"] }, {}, "-aa"],
    ["a failed one goes", { a: ["a:newx"] }, {}, "-a"],
    ["one that is going is waited for", { a: ["a:newt"] }, {}, ""],
    ["old ones are replaced one by one", { a: ["a:old+"], b: ["b:old+"], c: ["c:old+"] }, {}, "-a"],
    ["not while one is not available", { a: ["a:new"], b: ["b:old+"] }, {}, ""],
    ["nor while one is going", { a: ["a:oldt"], b: ["b:old+"] }, {}, ""],
    ["those not available go at once", { a: ["a:old"], b: ["b:old"], c: ["c:old+"] }, {}, "-a -b -c"],
    ["as many as may be missing", { a: ["a:old+"], b: ["b:old+"], c: ["c:old+"] }, rolling("50%"), "-a -b"],
    ["OnDelete: never", { a: ["a:old+"] }, { updateStrategy: { type: "OnDelete" } }, ""],
    ["surging: a new one beside the old one", { a: ["a:old+"], b: ["b:old+"] }, rolling(0, 1), "+a"],
    ["surging: wait for it", { a: ["a:old+", "aa:new"], b: ["b:old+"] }, rolling(0, 1), ""],
    ["surging: then the old one goes", { a: ["a:old+", "aa:new+"], b: ["b:old+"] }, rolling(0, 1), "-a"],
    ["surging: an old one that is down goes first", { a: ["a:old", "aa:new"], b: ["b:new+"] }, rolling(0, 1), "-a"],
  ];
  for (const [what, on, spec, expected] of cases) test(what, () => assert.equal(steps(on, spec), expected));
  test("a failed one is left for a while", () => assert.equal(steps({ a: ["a:newx"] }, {}, 500), ""));

  test("status", () => {
    const observed = {
      set: set({ minReadySeconds: 0 }),
      nodes: [node("a"), node("b"), node("c"), node("d", {}, [{ key: "x", effect: "NoSchedule" }])],
      pods: [daemon("a:new+", "a"), daemon("b:old", "b"), daemon("d:new+", "d")],
      hash: "new",
      now: NOW,
    };
    assert.deepEqual(planDaemonSetStatus(observed).status, {
      desiredNumberScheduled: 3,
      currentNumberScheduled: 2,
      numberMisscheduled: 1,
      numberReady: 1,
      updatedNumberScheduled: 1,
      numberAvailable: 1,
      numberUnavailable: 2,
    });
  });
});

const three = [node("a"), node("b"), node("c")];
const peek = (bench: ControllerBench) => bench.fake.peek(daemonSets, "agent", "default")!;
const where = (bench: ControllerBench) =>
  bench.fake
    .all(pods)
    .map((pod) => nodeOf(pod))
    .sort();

suite("daemonset controller", () => {
  test("a daemon on each node, present and future; quiet in between", () =>
    withControllers(daemonSetController, { objects: [...three, set()] }, async (bench) => {
      await rollOut(bench);
      assert.equal(peek(bench).status?.numberAvailable, 3);
      assert.equal(bench.fake.all(controllerRevisions).length, 1);
      await bench.assertQuiet();
      bench.fake.clearActions();
      // A heartbeat is no reason to look.
      bench.fake.put(nodes, { ...node("a"), status: { conditions: [{ type: "Ready", status: "True" }] } });
      await bench.settle();
      assert.deepEqual(bench.fake.writes(), []);
      bench.fake.put(nodes, node("d"));
      await bench.settle();
      assert.equal(bench.fake.all(pods).length, 4);
      bench.fake.put(nodes, node("a", {}, [{ key: "out", effect: "NoExecute" }]));
      await rollOut(bench);
      assert.equal(peek(bench).status?.desiredNumberScheduled, 3);
      assert.equal(bench.fake.all(pods).length, 3);
    }));

  test("a new template is rolled, the old revision kept; back again it gets the next number", () =>
    withControllers(daemonSetController, { objects: [...three, set()] }, async (bench) => {
      await rollOut(bench);
      const change = async (image: string) => {
        bench.fake.put(daemonSets, { ...peek(bench), spec: set({}, {}, image).spec! });
        await rollOut(bench);
      };
      await change("v2");
      assert.ok(bench.fake.all(pods).every((pod) => pod.spec?.containers[0]?.image === "v2"));
      assert.equal(peek(bench).status?.updatedNumberScheduled, 3);
      await change("v1");
      const revisions = bench.fake.all(controllerRevisions);
      assert.deepEqual(revisions.map(({ revision }) => revision).sort(), [2, 3]);
      const [newest] = revisions.sort((a, b) => b.revision - a.revision);
      assert.deepEqual(newest?.data, {
        spec: {
          template: {
            metadata: { labels: { app: "agent" } },
            spec: { containers: [{ name: "c", image: "v1" }] },
            $patch: "replace",
          },
        },
      });
      await bench.assertQuiet();
    }));

  test("revisions that nothing runs go beyond the limit", () =>
    withControllers(daemonSetController, { objects: [...three, set({ revisionHistoryLimit: 1 })] }, async (bench) => {
      for (const image of ["v1", "v2", "v3", "v4"]) {
        bench.fake.put(daemonSets, { ...peek(bench), spec: set({ revisionHistoryLimit: 1 }, {}, image).spec! });
        await rollOut(bench);
      }
      await bench.settle();
      assert.deepEqual(
        bench.fake
          .all(controllerRevisions)
          .map(({ revision }) => revision)
          .sort(),
        [3, 4],
      );
    }));

  test("a daemon that fails again and again is replaced less and less often, and it is said", () =>
    withControllers(daemonSetController, { objects: [node("a"), set()] }, async (bench) => {
      const fail = () => {
        for (const pod of bench.fake.all(pods)) bench.fake.put(pods, { ...pod, status: { phase: "Failed" } });
      };
      const [first] = bench.fake.all(pods);
      fail();
      await bench.settle();
      assert.notEqual(bench.fake.all(pods)[0]?.metadata?.name, first?.metadata?.name);
      assert.ok(
        bench
          .events()
          .includes(
            `FailedDaemonPod: Found failed daemon pod default/${first?.metadata?.name} on node a, will try to kill it`,
          ),
      );
      const [second] = bench.fake.all(pods);
      fail();
      await bench.settle(900);
      assert.equal(bench.fake.all(pods)[0]?.metadata?.name, second?.metadata?.name);
      await bench.settle(200);
      assert.notEqual(bench.fake.all(pods)[0]?.metadata?.name, second?.metadata?.name);
      assert.deepEqual(where(bench), ["a"]);
    }));
});
