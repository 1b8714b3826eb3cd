import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { nodes, pods } from "../api/resource-types.ts";
import type { Node, Pod, Taint, Toleration } from "../api/types/core.v1.ts";
import { withControllers } from "./controller-bench.fixture.ts";
import { stayMs, taintEvictionController } from "./taint-eviction.ts";

const taint = (key: string): Taint => ({ key, effect: "NoExecute" });
const tolerate = (key: string, seconds?: number): Toleration => ({
  key,
  operator: "Exists",
  effect: "NoExecute",
  ...(seconds === undefined ? {} : { tolerationSeconds: seconds }),
});
const node = (...taints: Taint[]): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "n" },
  spec: { taints },
});
const pod = (name: string, ...tolerations: Toleration[]): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default" },
  spec: { containers: [], nodeName: "n", tolerations },
  status: { phase: "Running" },
});

suite("how long a pod may stay", () => {
  const cases: [string, Taint[], Toleration[], number | undefined][] = [
    ["not tolerated: not at all", [taint("a")], [], 0],
    ["one of two not tolerated", [taint("a"), taint("b")], [tolerate("a")], 0],
    ["tolerated for ever", [taint("a")], [tolerate("a")], undefined],
    ["tolerated for a time", [taint("a")], [tolerate("a", 300)], 300_000],
    [
      "the shortest counts",
      [taint("a"), taint("b"), taint("c")],
      [tolerate("a", 300), tolerate("b", 60), tolerate("c")],
      60_000,
    ],
    ["a negative time is none", [taint("a")], [tolerate("a", -5)], 0],
  ];
  for (const [what, taints, tolerations, expected] of cases) {
    test(what, () => assert.equal(stayMs(taints, tolerations), expected));
  }
});

suite("taint eviction controller", () => {
  const names = (fake: { all: (type: typeof pods) => Pod[] }) =>
    fake
      .all(pods)
      .filter((one) => !one.metadata?.deletionTimestamp)
      .map((one) => one.metadata?.name);

  test("pods go when their time is over", () =>
    withControllers(
      taintEvictionController,
      { objects: [node(), pod("none"), pod("some", tolerate("down", 300)), pod("all", tolerate("down"))] },
      async ({ fake, settle, events }) => {
        fake.put(nodes, node(taint("down")));
        await settle();
        assert.deepEqual(names(fake), ["some", "all"]);
        const gone = fake.peek(pods, "none", "default");
        assert.deepEqual(
          gone?.status?.conditions?.map(({ type, reason, message }) => [type, reason, message]),
          [["DisruptionTarget", "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint"]],
        );
        assert.deepEqual(events(), ["TaintManagerEviction: Marking for deletion Pod default/none"]);
        await settle(299_000);
        assert.deepEqual(names(fake), ["some", "all"]);
        await settle(1000);
        assert.deepEqual(names(fake), ["all"]);
      },
    ));

  test("a taint that goes in time spares them, and it is said", () =>
    withControllers(
      taintEvictionController,
      { objects: [node(), pod("some", tolerate("down", 300))] },
      async (bench) => {
        bench.fake.put(nodes, node(taint("down")));
        await bench.settle(200_000);
        bench.fake.put(nodes, node());
        await bench.settle(200_000);
        assert.deepEqual(names(bench.fake), ["some"]);
        assert.deepEqual(bench.events(), ["TaintManagerEviction: Cancelling deletion of Pod default/some"]);
        bench.fake.put(nodes, node(taint("down")));
        await bench.settle(200_000);
        assert.deepEqual(names(bench.fake), ["some"]);
      },
    ));

  test("another taint meanwhile does not start the time anew", () =>
    withControllers(
      taintEvictionController,
      { objects: [node(), pod("some", tolerate("one", 300), tolerate("two", 300))] },
      async ({ fake, settle }) => {
        fake.put(nodes, node(taint("one")));
        await settle(200_000);
        fake.put(nodes, node(taint("two")));
        await settle(99_000);
        assert.deepEqual(names(fake), ["some"]);
        await settle(1000);
        assert.deepEqual(names(fake), []);
      },
    ));

  test("a pod bound to a tainted node goes; other effects do not concern it", () =>
    withControllers(taintEvictionController, { objects: [node(taint("down"))] }, async ({ fake, settle }) => {
      fake.put(pods, pod("late"));
      await settle();
      assert.deepEqual(names(fake), []);
      fake.put(nodes, { ...node({ key: "x", effect: "NoSchedule" }) });
      await settle();
      fake.put(pods, pod("fine"));
      await settle();
      assert.deepEqual(names(fake), ["fine"]);
    }));
});
