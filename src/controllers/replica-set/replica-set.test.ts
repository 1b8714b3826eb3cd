import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { controllerOf } from "../../api/controller-ref.ts";
import { pods, replicaSets, replicationControllers } from "../../api/resource-types.ts";
import { forbidden } from "../../api/status-error.ts";
import type { ReplicaSet } from "../../api/types/apps.v1.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import { type ControllerBench, withControllers } from "../controller-bench.fixture.ts";
import { replicaSetController, replicationControllerController } from "./controller.ts";
import { planReplicas, planStatus } from "./plan.ts";
import { inDeletionOrder } from "./pod-ranking.ts";

const NOW = Date.UTC(2026, 0, 1);
const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();

interface PodTraits {
  node?: string;
  phase?: string;
  readyFor?: number;
  age?: number;
  restarts?: number;
  cost?: string;
  labels?: Record<string, string>;
}
const pod = (name: string, traits: PodTraits = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name,
    namespace: "default",
    uid: name,
    labels: traits.labels ?? { app: "web" },
    creationTimestamp: ago(traits.age ?? 100),
    ...(traits.cost ? { annotations: { "controller.kubernetes.io/pod-deletion-cost": traits.cost } } : {}),
  },
  spec: { containers: [], ...(traits.node === undefined ? {} : { nodeName: traits.node }) },
  status: {
    phase: traits.phase ?? "Running",
    conditions:
      traits.readyFor === undefined
        ? []
        : [{ type: "Ready", status: "True", lastTransitionTime: ago(traits.readyFor) }],
    containerStatuses: [{ name: "c", restartCount: traits.restarts ?? 0, ready: true, image: "", imageID: "" }],
  },
});
const set = (spec: Partial<ReplicaSet["spec"]> = {}, metadata: ReplicaSet["metadata"] = {}): ReplicaSet => ({
  apiVersion: "apps/v1",
  kind: "ReplicaSet",
  metadata: { name: "web", namespace: "default", uid: "set", ...metadata },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: "web" } },
    template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } },
    ...spec,
  },
  status: { replicas: 0 },
});

suite("deletion order", () => {
  const cases: [string, Pod, Pod][] = [
    ["unassigned before assigned", pod("a"), pod("b", { node: "n" })],
    ["pending before running", pod("a", { node: "n", phase: "Pending" }), pod("b", { node: "n" })],
    ["unready before ready", pod("a", { node: "n" }), pod("b", { node: "n", readyFor: 1 })],
    ["cheap before costly", pod("a", { node: "n", readyFor: 9, cost: "-5" }), pod("b", { node: "n", readyFor: 9 })],
    [
      "a malformed cost is none",
      pod("a", { node: "n", readyFor: 9 }),
      pod("b", { node: "n", readyFor: 9, cost: "07" }),
    ],
    ["crowded node first", pod("z", { node: "crowd", readyFor: 9 }), pod("a", { node: "n", readyFor: 9 })],
    ["ready for less time", pod("z", { node: "n", readyFor: 10 }), pod("a", { node: "n", readyFor: 1000 })],
    ["within a power of two by uid", pod("a", { node: "n", readyFor: 1000 }), pod("b", { node: "n", readyFor: 990 })],
    ["more restarts", pod("z", { node: "n", readyFor: 9, restarts: 3 }), pod("a", { node: "n", readyFor: 9 })],
    ["younger", pod("z", { node: "n", readyFor: 9, age: 10 }), pod("a", { node: "n", readyFor: 9, age: 1000 })],
  ];
  for (const [what, first, second] of cases) {
    test(what, () => {
      const siblings = (one: Pod) => (one.spec?.nodeName === "crowd" ? 3 : 1);
      for (const order of [
        [first, second],
        [second, first],
      ]) {
        const names = inDeletionOrder(order, siblings, NOW).map((one) => one.metadata?.name);
        assert.deepEqual(
          names,
          what.startsWith("a malformed")
            ? order.map((one) => one.metadata?.name)
            : [first.metadata?.name, second.metadata?.name],
        );
      }
    });
  }
});

suite("replica plan", () => {
  const many = Array.from({ length: 3 }, (_, i) => pod(`p${i}`, { node: "n", readyFor: 10 }));
  const none = () => 0;
  for (const [wanted, create, remove] of [
    [3, 0, 0],
    [5, 2, 0],
    [1, 0, 2],
    [0, 0, 3],
    [1000, 500, 0],
  ] as const) {
    test(`3 pods, ${wanted} wanted: create ${create}, delete ${remove}`, () => {
      const plan = planReplicas(wanted, many, none, NOW);
      assert.deepEqual([plan.create, plan.delete.length], [create, remove]);
    });
  }

  test("the status counts, and knows when the next pod becomes available", () => {
    const observed = {
      old: undefined,
      generation: 4,
      template: { metadata: { labels: { app: "web", tier: "x" } } },
      minReadySeconds: 10,
      active: [
        pod("a", { readyFor: 60, labels: { app: "web", tier: "x" } }),
        pod("b", { readyFor: 4 }),
        pod("c", { readyFor: 8 }),
        pod("d"),
      ],
      terminating: 2,
      failure: undefined,
      now: NOW,
    };
    assert.deepEqual(planStatus(observed), {
      status: {
        replicas: 4,
        fullyLabeledReplicas: 1,
        readyReplicas: 3,
        availableReplicas: 1,
        observedGeneration: 4,
        terminatingReplicas: 2,
      },
      nextAvailableInMs: 2000,
    });
  });

  test("a failure is shown until it is over", () => {
    const observed = { generation: 1, template: {}, minReadySeconds: 0, active: [], terminating: undefined, now: NOW };
    const failed = planStatus({ ...observed, old: undefined, failure: { reason: "FailedCreate", message: "quota" } });
    assert.deepEqual(failed.status.conditions, [
      {
        type: "ReplicaFailure",
        status: "True",
        reason: "FailedCreate",
        message: "quota",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      },
    ]);
    const again = planStatus({
      ...observed,
      now: NOW + 5000,
      old: failed.status,
      failure: { reason: "FailedCreate", message: "other" },
    });
    assert.deepEqual(again.status.conditions, failed.status.conditions);
    assert.equal(planStatus({ ...observed, old: failed.status, failure: undefined }).status.conditions, undefined);
  });
});

const ready = (bench: ControllerBench) => {
  for (const one of bench.fake.all(pods)) {
    const conditions = [
      { type: "Ready", status: "True", lastTransitionTime: new Date(bench.clock.now()).toISOString() },
    ];
    bench.fake.put(pods, { ...one, spec: { ...one.spec!, nodeName: "n" }, status: { phase: "Running", conditions } });
  }
};
const status = (bench: ControllerBench) => bench.fake.peek(replicaSets, "web", "default")?.status;

suite("replicaset controller", () => {
  test("creates, counts, scales, and is quiet when done", () =>
    withControllers(replicaSetController, { objects: [set()] }, async (bench) => {
      const { fake, settle } = bench;
      assert.equal(fake.all(pods).length, 3);
      const [first] = fake.all(pods);
      assert.match(first!.metadata!.name!, /^web-[a-z0-9]{5}$/);
      assert.deepEqual(first!.metadata!.ownerReferences, [
        {
          apiVersion: "apps/v1",
          kind: "ReplicaSet",
          name: "web",
          uid: "set",
          controller: true,
          blockOwnerDeletion: true,
        },
      ]);
      assert.deepEqual(status(bench), {
        replicas: 3,
        fullyLabeledReplicas: 3,
        observedGeneration: 1,
        terminatingReplicas: 0,
      });
      assert.equal(bench.events().filter((event) => event.startsWith("SuccessfulCreate: Created pod: web-")).length, 3);
      ready(bench);
      await settle();
      assert.equal(status(bench)?.readyReplicas, 3);
      assert.equal(status(bench)?.availableReplicas, 3);

      fake.put(replicaSets, { ...fake.peek(replicaSets, "web", "default")!, spec: { ...set().spec!, replicas: 1 } });
      await settle();
      assert.equal(status(bench)?.replicas, 1);
      assert.equal(status(bench)?.terminatingReplicas, 2);
      assert.equal(bench.events().filter((event) => event.startsWith("SuccessfulDelete: Deleted pod: web-")).length, 2);
      await bench.assertQuiet();
    }));

  test("lagging caches make no pod too many", () =>
    withControllers(replicaSetController, { objects: [set({ replicas: 40 })] }, async ({ fake, settle }) => {
      for (const one of fake.all(pods).slice(0, 10)) fake.remove(pods, one.metadata!.name!, "default");
      await settle();
      assert.equal(fake.all(pods).length, 40);
      assert.equal(fake.actions.filter(({ verb, resource }) => verb === "create" && resource === "pods").length, 50);
    }));

  test("replaces a pod that failed or is being deleted", () =>
    withControllers(replicaSetController, { objects: [set()] }, async (bench) => {
      const { fake, settle } = bench;
      ready(bench);
      const [one, two] = fake.all(pods);
      fake.put(pods, { ...one!, status: { phase: "Failed" } });
      await fake.resource(pods).delete(two!.metadata!.name!, "default");
      await settle();
      assert.equal(fake.all(pods).length, 5);
      assert.equal(status(bench)?.replicas, 3);
    }));

  test("adopts orphans that match, and releases what no longer matches", () =>
    withControllers(
      replicaSetController,
      { objects: [pod("orphan", { node: "n" }), pod("other", { labels: { app: "db" } }), set({ replicas: 1 })] },
      async ({ fake, settle }) => {
        assert.equal(fake.all(pods).length, 2);
        const adopted = fake.peek(pods, "orphan", "default")!;
        assert.equal(controllerOf(adopted)?.uid, "set");
        assert.equal(controllerOf(fake.peek(pods, "other", "default")!), undefined);
        fake.put(pods, { ...adopted, metadata: { ...adopted.metadata, labels: { app: "taken-out" } } });
        await settle();
        assert.equal(controllerOf(fake.peek(pods, "orphan", "default")!), undefined);
        assert.equal(fake.all(pods).length, 3);
      },
    ));

  test("a set that is going away adopts nothing, even if the cache does not know it yet", () =>
    withControllers(
      replicaSetController,
      { objects: [set({ replicas: 0 }, { finalizers: ["x/y"] })] },
      async ({ fake, settle }) => {
        await fake.resource(replicaSets).delete("web", "default");
        fake.put(pods, pod("orphan", { node: "n" }));
        await settle();
        assert.equal(controllerOf(fake.peek(pods, "orphan", "default")!), undefined);
        assert.equal(fake.all(pods).length, 1);
      },
    ));

  test("a full quota is met by one request, told in condition and event, and tried again", () =>
    withControllers(
      replicaSetController,
      {
        objects: [set({ replicas: 50 })],
        prepare: (fake) =>
          void fake.intercept(({ verb, resource }) => {
            if (verb === "create" && resource === "pods")
              throw forbidden({ resource: "pods" }, "web-x", "exceeded quota");
          }),
      },
      async (bench) => {
        const tries = () => bench.fake.actions.filter((one) => one.verb === "create" && one.resource === "pods").length;
        assert.ok(tries() < 10, `${tries()} requests`);
        assert.deepEqual(
          status(bench)?.conditions?.map(({ type, reason }) => `${type} ${reason}`),
          ["ReplicaFailure FailedCreate"],
        );
        assert.match(
          bench.events()[0]!,
          /^FailedCreate: Error creating: pods "web-x" is forbidden: exceeded quota \(x\d+\)$/,
        );
        const before = tries();
        await bench.settle(10_000);
        assert.ok(tries() > before);
      },
    ));

  test("availability comes after minReadySeconds, without anything happening", () =>
    withControllers(replicaSetController, { objects: [set({ replicas: 1, minReadySeconds: 30 })] }, async (bench) => {
      ready(bench);
      await bench.settle(20_000);
      assert.equal(status(bench)?.readyReplicas, 1);
      assert.equal(status(bench)?.availableReplicas, undefined);
      await bench.settle(10_000);
      assert.equal(status(bench)?.availableReplicas, 1);
    }));
});

test("a ReplicationController is kept by the same engine", () =>
  withControllers(
    replicationControllerController,
    {
      prepare: (fake) =>
        void fake.put(replicationControllers, {
          metadata: { name: "old", namespace: "default" },
          spec: { replicas: 2, selector: { app: "old" }, template: { metadata: { labels: { app: "old" } } } },
          status: { replicas: 0 },
        }),
    },
    async (bench) => {
      assert.equal(bench.fake.all(pods).length, 2);
      assert.equal(controllerOf(bench.fake.all(pods)[0]!)?.kind, "ReplicationController");
      assert.deepEqual(bench.fake.peek(replicationControllers, "old", "default")?.status, {
        replicas: 2,
        fullyLabeledReplicas: 2,
        observedGeneration: 1,
      });
      await bench.assertQuiet();
    },
  ));
