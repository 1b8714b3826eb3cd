import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { leases, nodes, pods } from "../../api/resource-types.ts";
import type { Node, Pod, Taint } from "../../api/types/core.v1.ts";
import { type ControllerBench, withControllers } from "../controller-bench.fixture.ts";
import { defaultSettings } from "../settings.ts";
import { nodeLifecycleController } from "./controller.ts";
import { withUnknownConditions } from "./node-conditions.ts";
import { plannedTaints } from "./node-taints.ts";
import { surveyZones, zoneState } from "./zones.ts";

const NOW = Date.UTC(2026, 0, 1);
const node = (name: string, ready: "True" | "False" | "Unknown" | "" = "True", rest: Partial<Node> = {}): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, uid: name, creationTimestamp: "2026-01-01T00:00:00Z", ...rest.metadata },
  ...(rest.spec ? { spec: rest.spec } : {}),
  status: {
    conditions: ready
      ? [{ type: "Ready", status: ready, lastHeartbeatTime: "2026-01-01T00:00:00Z", reason: "KubeletReady" }]
      : [],
    ...rest.status,
  },
});
const shown = (taints: readonly Taint[] | undefined) =>
  taints?.map(({ key, effect }) => `${key.split("/")[1] ?? key}:${effect}`);

suite("taints of a node", () => {
  const condition = (type: string, status: string) => ({ status: { conditions: [{ type, status }] } });
  const cases: [string, Node, "now" | "keep" | "never", string[] | undefined][] = [
    ["a healthy node has none", node("n"), "now", undefined],
    ["not ready", node("n", "False"), "keep", ["not-ready:NoSchedule"]],
    ["not ready, its pods to go", node("n", "False"), "now", ["not-ready:NoSchedule", "not-ready:NoExecute"]],
    ["silent", node("n", "Unknown"), "now", ["unreachable:NoSchedule", "unreachable:NoExecute"]],
    ["memory pressure", node("n", "", condition("MemoryPressure", "True")), "now", ["memory-pressure:NoSchedule"]],
    ["no network", node("n", "", condition("NetworkUnavailable", "True")), "now", ["network-unavailable:NoSchedule"]],
    ["cordoned", node("n", "True", { spec: { unschedulable: true } }), "now", ["unschedulable:NoSchedule"]],
    [
      "healthy again: ours go, others stay",
      node("n", "True", {
        spec: {
          taints: [
            { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" },
            { key: "node.kubernetes.io/unreachable", effect: "NoExecute" },
            { key: "node.kubernetes.io/not-ready", effect: "PreferNoSchedule" },
            { key: "mine", effect: "NoExecute" },
          ],
        },
      }),
      "keep",
      ["not-ready:PreferNoSchedule", "mine:NoExecute"],
    ],
    [
      "from silent to not ready: exchanged at once",
      node("n", "False", {
        spec: {
          taints: [
            { key: "node.kubernetes.io/unreachable", effect: "NoSchedule" },
            { key: "node.kubernetes.io/unreachable", effect: "NoExecute" },
          ],
        },
      }),
      "keep",
      ["not-ready:NoSchedule", "not-ready:NoExecute"],
    ],
    [
      "nobody is driven off while no zone is well",
      node("n", "Unknown", {
        spec: {
          taints: [
            { key: "node.kubernetes.io/unreachable", effect: "NoSchedule" },
            { key: "node.kubernetes.io/unreachable", effect: "NoExecute" },
          ],
        },
      }),
      "never",
      ["unreachable:NoSchedule"],
    ],
  ];
  for (const [what, one, evict, expected] of cases) {
    test(what, () => assert.deepEqual(shown(plannedTaints(one, evict, NOW)), expected));
  }
  test("a new taint says when it was added, an old one keeps its time", () => {
    const old = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule", timeAdded: "2025-12-31T00:00:00Z" };
    assert.deepEqual(plannedTaints(node("n", "False", { spec: { taints: [old] } }), "now", NOW), [
      old,
      { key: "node.kubernetes.io/not-ready", effect: "NoExecute", timeAdded: "2026-01-01T00:00:00Z" },
    ]);
  });
});

suite("conditions of a silent node", () => {
  test("what it reported becomes Unknown, what it never did is added", () => {
    const silent = withUnknownConditions(node("n"), NOW + 60_000);
    assert.deepEqual(silent.status?.conditions?.[0], {
      type: "Ready",
      status: "Unknown",
      lastHeartbeatTime: "2026-01-01T00:00:00Z",
      reason: "NodeStatusUnknown",
      message: "Kubelet stopped posting node status.",
      lastTransitionTime: "2026-01-01T00:01:00Z",
    });
    assert.deepEqual(
      silent.status?.conditions?.slice(1).map(({ type, status, reason, message }) => [type, status, reason, message]),
      ["MemoryPressure", "DiskPressure", "PIDPressure"].map((type) => [
        type,
        "Unknown",
        "NodeStatusNeverUpdated",
        "Kubelet never posted node status.",
      ]),
    );
    assert.equal(withUnknownConditions(silent, NOW + 90_000), silent);
  });
});

suite("zones", () => {
  for (const [ready, notReady, expected] of [
    [5, 0, "Normal"],
    [5, 2, "Normal"],
    [2, 3, "PartialDisruption"],
    [3, 3, "Normal"],
    [0, 1, "FullDisruption"],
    [0, 0, "Normal"],
  ] as const) {
    test(`${ready} ready, ${notReady} not: ${expected}`, () =>
      assert.equal(zoneState(ready, notReady, 0.55), expected));
  }
  const inZone = (zone: string, ready: "True" | "Unknown", count: number) =>
    Array.from({ length: count }, (_, i) =>
      node(`${zone}${ready}${i}`, ready, { metadata: { labels: { "topology.kubernetes.io/zone": zone } } }),
    );
  test("a small zone that is partly down is left alone, a large one slowed, one wholly down emptied if others are well", () => {
    const picture = surveyZones(
      [
        ...inZone("small", "True", 1),
        ...inZone("small", "Unknown", 4),
        ...inZone("large", "True", 10),
        ...inZone("large", "Unknown", 50),
        ...inZone("down", "Unknown", 3),
        ...inZone("fine", "True", 3),
      ],
      defaultSettings,
    );
    assert.deepEqual(Object.fromEntries(picture.rates), { ":small": 0, ":large": 0.01, ":down": 0.1, ":fine": 0.1 });
    assert.equal(picture.allDisrupted, false);
  });
  test("all down", () => assert.equal(surveyZones(inZone("a", "Unknown", 2), defaultSettings).allDisrupted, true));
});

const pod = (name: string, nodeName: string): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", uid: name },
  spec: { containers: [], nodeName },
  status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
});
let renewals = 0;
const renew = (bench: ControllerBench, name: string) =>
  bench.fake.put(leases, { metadata: { name, namespace: "kube-node-lease" }, spec: { renewTime: `t${renewals++}` } });
const statusOf = (bench: ControllerBench, name: string) =>
  bench.fake.peek(nodes, name)?.status?.conditions?.find(({ type }) => type === "Ready")?.status;
const taintsOf = (bench: ControllerBench, name: string) => shown(bench.fake.peek(nodes, name)?.spec?.taints);
/** Lets `seconds` pass, with the named nodes renewing their leases every ten. */
const pass = async (bench: ControllerBench, seconds: number, ...alive: string[]) => {
  for (let second = 0; second < seconds; second += 10) {
    for (const name of alive) renew(bench, name);
    await bench.settle(10_000);
  }
};
const three = [node("a"), node("b"), node("c")];

suite("node lifecycle controller", () => {
  test("a node that renews its lease is well, and nothing is written about it", () =>
    withControllers(nodeLifecycleController, { objects: three }, async (bench) => {
      await pass(bench, 20, "a", "b", "c");
      bench.fake.clearActions();
      await pass(bench, 300, "a", "b", "c");
      assert.deepEqual(bench.fake.writes(), []);
      assert.equal(
        bench
          .events()
          .filter((event) => event.startsWith("RegisteredNode: Node a event: Registered Node a in Controller")).length,
        1,
      );
    }));

  test("a silent one: Unknown after the grace period, its pods not ready, tainted; back when it is heard", () =>
    withControllers(nodeLifecycleController, { objects: [...three, pod("p", "a"), pod("q", "b")] }, async (bench) => {
      await pass(bench, 40, "b", "c");
      assert.equal(statusOf(bench, "a"), "True");
      await pass(bench, 20, "b", "c");
      assert.equal(statusOf(bench, "a"), "Unknown");
      assert.equal(statusOf(bench, "b"), "True");
      assert.deepEqual(taintsOf(bench, "a"), ["unreachable:NoSchedule", "unreachable:NoExecute"]);
      assert.equal(bench.fake.peek(pods, "p", "default")?.status?.conditions?.[0]?.status, "False");
      assert.equal(bench.fake.peek(pods, "q", "default")?.status?.conditions?.[0]?.status, "True");
      assert.ok(bench.events().includes("NodeNotReady: Node a status is now: NodeNotReady"));
      assert.ok(bench.events().includes("NodeNotReady: Node is not ready"));

      const back = bench.fake.peek(nodes, "a")!;
      const conditions = [{ type: "Ready", status: "True", lastHeartbeatTime: "2026-01-01T01:00:00Z" }];
      bench.fake.put(nodes, { ...back, status: { ...back.status, conditions } });
      await pass(bench, 10, "a", "b", "c");
      assert.deepEqual(taintsOf(bench, "a"), []);
    }));

  test("a node that never reported gets a minute from its creation", () =>
    withControllers(nodeLifecycleController, { objects: [node("new", ""), node("a")] }, async (bench) => {
      await pass(bench, 50, "a");
      assert.equal(statusOf(bench, "new"), undefined);
      await pass(bench, 20, "a");
      assert.equal(statusOf(bench, "new"), "Unknown");
      assert.equal(bench.fake.peek(nodes, "new")?.status?.conditions?.[0]?.reason, "NodeStatusNeverUpdated");
    }));

  test("nodes are emptied one in ten seconds", () =>
    withControllers(
      nodeLifecycleController,
      { objects: [node("a"), node("b"), node("c"), node("d"), node("e")] },
      async (bench) => {
        await pass(bench, 50, "c", "d", "e");
        const evicting = () =>
          ["a", "b"].filter((name) => taintsOf(bench, name)?.includes("unreachable:NoExecute")).length;
        assert.equal(evicting(), 1);
        await pass(bench, 20, "c", "d", "e");
        assert.equal(evicting(), 2);
      },
    ));

  test("when nobody is heard any more, no pod is driven off; taints of before are taken back", () =>
    withControllers(nodeLifecycleController, { objects: three }, async (bench) => {
      await pass(bench, 60, "b", "c");
      assert.deepEqual(taintsOf(bench, "a"), ["unreachable:NoSchedule", "unreachable:NoExecute"]);
      await pass(bench, 120);
      for (const name of ["a", "b", "c"]) assert.deepEqual(taintsOf(bench, name), ["unreachable:NoSchedule"]);
      await bench.assertQuiet();
    }));

  test("the old names of labels are kept beside the new ones", () =>
    withControllers(
      nodeLifecycleController,
      { objects: [node("a", "True", { metadata: { labels: { "kubernetes.io/os": "linux" } } })] },
      async ({ fake }) => {
        assert.equal(fake.peek(nodes, "a")?.metadata?.labels?.["beta.kubernetes.io/os"], "linux");
      },
    ));
});
