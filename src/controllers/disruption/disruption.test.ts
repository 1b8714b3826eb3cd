import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { podDisruptionBudgets, pods } from "../../api/resource-types.ts";
import type { ReplicaSet } from "../../api/types/apps.v1.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { PodDisruptionBudget, PodDisruptionBudgetSpec } from "../../api/types/policy.v1.ts";
import { withControllers } from "../controller-bench.fixture.ts";
import { disruptionController } from "./controller.ts";
import { expectationOf } from "./plan.ts";

const START = "2026-01-01T00:00:00Z";
const replicaSet = (replicas: number): ReplicaSet => ({
  apiVersion: "apps/v1",
  kind: "ReplicaSet",
  metadata: { name: "web", namespace: "default", uid: "rs" },
  spec: { replicas, selector: { matchLabels: { app: "web" } } },
});
const pod = (
  name: string,
  { ready = true, owned = true, ...status }: Partial<Pod["status"]> & { ready?: boolean; owned?: boolean } = {},
): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name,
    namespace: "default",
    uid: `uid-${name}`,
    labels: { app: "web" },
    ...(owned
      ? { ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: "rs", controller: true }] }
      : {}),
  },
  spec: { containers: [] },
  status: { phase: "Running", conditions: [{ type: "Ready", status: ready ? "True" : "False" }], ...status },
});
const budget = (spec: PodDisruptionBudgetSpec, status?: PodDisruptionBudget["status"]): PodDisruptionBudget => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { name: "b", namespace: "default", generation: 2 },
  spec: { selector: { matchLabels: { app: "web" } }, ...spec },
  ...(status ? { status } : {}),
});

suite("disruption budgets", () => {
  for (const [spec, count, expected, healthy] of [
    [{ minAvailable: 2 }, 5, 5, 2],
    [{ minAvailable: "50%" }, 5, 5, 3],
    [{ maxUnavailable: 1 }, 5, 5, 4],
    [{ maxUnavailable: "50%" }, 5, 5, 2],
    [{ maxUnavailable: 9 }, 5, 5, 0],
  ] as const) {
    test(`${JSON.stringify(spec)} of ${count} pods`, () =>
      assert.deepEqual(expectationOf(budget(spec), count), { expected, healthy }));
  }

  test("healthy pods beyond those that are needed may be disrupted", () =>
    withControllers(
      disruptionController,
      {
        objects: [
          replicaSet(4),
          budget({ maxUnavailable: 2 }),
          pod("a"),
          pod("b"),
          pod("c"),
          pod("d", { ready: false }),
        ],
      },
      async ({ fake, settle, assertQuiet }) => {
        await settle();
        const { conditions, ...status } = fake.peek(podDisruptionBudgets, "b", "default")!.status!;
        assert.deepEqual(status, {
          disruptionsAllowed: 1,
          currentHealthy: 3,
          desiredHealthy: 2,
          expectedPods: 4,
          observedGeneration: 2,
        });
        const { type, status: allowed, reason } = conditions![0]!;
        assert.deepEqual([type, allowed, reason], ["DisruptionAllowed", "True", "SufficientPods"]);
        await assertQuiet();
        fake.put(pods, pod("c", { ready: false }));
        await settle();
        const after = fake.peek(podDisruptionBudgets, "b", "default")!.status!;
        assert.equal(after.disruptionsAllowed, 0);
        assert.equal(after.conditions?.[0]?.reason, "InsufficientPods");
      },
    ));

  test("a granted eviction counts as done for two minutes, then it is given back", () =>
    withControllers(
      disruptionController,
      {
        objects: [
          budget({ minAvailable: 1 }, { disruptedPods: { a: START }, disruptionsAllowed: 0 }),
          pod("a", { owned: false }),
          pod("b", { owned: false }),
        ],
      },
      async ({ fake, settle, events }) => {
        const status = () => fake.peek(podDisruptionBudgets, "b", "default")!.status!;
        await settle();
        assert.deepEqual([status().currentHealthy, status().disruptedPods], [1, { a: START }]);
        await settle(121_000);
        assert.deepEqual(
          [status().currentHealthy, status().disruptionsAllowed, status().disruptedPods],
          [2, 1, undefined],
        );
        assert.deepEqual(events(), ["NotDeleted: Pod was expected by PDB default/b to be deleted but it wasn't"]);
      },
    ));

  test("pods without a controller can't be counted by percent", () =>
    withControllers(
      disruptionController,
      { objects: [budget({ minAvailable: "50%" }), pod("a", { owned: false })] },
      async ({ fake, settle, events }) => {
        await settle();
        assert.equal(fake.peek(podDisruptionBudgets, "b", "default")!.status!.disruptionsAllowed, 0);
        assert.match(events()[0]!, /^UnmanagedPods: Pods selected by this PodDisruptionBudget \(selector: app=web\)/);
      },
    ));

  test("a controller that can't be scaled is told, and allows nothing", () => {
    const odd = pod("a");
    odd.metadata!.ownerReferences = [
      { apiVersion: "example.com/v1", kind: "Odd", name: "o", uid: "o", controller: true },
    ];
    return withControllers(
      disruptionController,
      { objects: [budget({ maxUnavailable: 1 }), odd] },
      async ({ fake, settle, events }) => {
        await settle();
        const { status } = fake.peek(podDisruptionBudgets, "b", "default")!;
        assert.deepEqual([status!.disruptionsAllowed, status!.conditions?.[0]?.reason], [0, "SyncFailed"]);
        assert.match(events()[0]!, /^CalculateExpectedPodCountFailed: .*Odd.example.com does not implement the scale/);
      },
    );
  });

  test("the mark of a pod that stays is taken back after two minutes", () => {
    const condition = {
      type: "DisruptionTarget",
      status: "True",
      reason: "EvictionByEvictionAPI",
      lastTransitionTime: START,
    };
    return withControllers(
      disruptionController,
      { objects: [pod("a", { conditions: [condition] })] },
      async ({ fake, settle }) => {
        const mark = () => fake.peek(pods, "a", "default")!.status!.conditions![0]!.status;
        await settle(119_000);
        assert.equal(mark(), "True");
        await settle(1_000);
        assert.equal(mark(), "False");
      },
    );
  });
});
