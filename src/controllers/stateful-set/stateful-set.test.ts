import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { controllerRevisions, persistentVolumeClaims, pods, statefulSets } from "../../api/resource-types.ts";
import type { StatefulSet, StatefulSetSpec } from "../../api/types/apps.v1.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import { type ControllerBench, withControllers } from "../controller-bench.fixture.ts";
import { playNodes, rollOut } from "../nodes.fixture.ts";
import { statefulSetController } from "./controller.ts";
import { planStatefulSet } from "./plan.ts";

const NOW = Date.UTC(2026, 0, 1);
const template = (image: string) => ({
  metadata: { labels: { app: "db" } },
  spec: { containers: [{ name: "c", image }] },
});
const set = (spec: Partial<StatefulSetSpec> = {}, status: Partial<StatefulSet["status"]> = {}): StatefulSet => ({
  apiVersion: "apps/v1",
  kind: "StatefulSet",
  metadata: { name: "db", namespace: "default", uid: "set" },
  spec: {
    replicas: 3,
    serviceName: "db",
    selector: { matchLabels: { app: "db" } },
    template: template("v1"),
    podManagementPolicy: "OrderedReady",
    updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
    revisionHistoryLimit: 10,
    ...spec,
  },
  status: { replicas: 0, ...status },
});
/** `db-0:new+`: its revision, and `+` ready, `x` failed, `t` terminating, nothing: not ready. */
const pod = (text: string): Pod => {
  const [, name = "", revision = "", flags = ""] = /^(db-\d+):(new|old)([+xt]*)$/.exec(text)!;
  return {
    metadata: {
      name,
      namespace: "default",
      labels: {
        "controller-revision-hash": revision,
        "statefulset.kubernetes.io/pod-name": name,
        "apps.kubernetes.io/pod-index": name.slice(3),
      },
      ...(flags.includes("t") ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
    },
    spec: { containers: [] },
    status: {
      phase: flags.includes("x") ? "Failed" : "Running",
      conditions: [{ type: "Ready", status: flags.includes("+") ? "True" : "False" }],
    },
  };
};

suite("one step", () => {
  const parallel = { podManagementPolicy: "Parallel" };
  const rolling = (rollingUpdate: object) => ({ updateStrategy: { type: "RollingUpdate", rollingUpdate } });
  const step = (present: string, spec: Partial<StatefulSetSpec>) => {
    const plan = planStatefulSet({
      set: set(spec),
      pods: present ? present.split(" ").map(pod) : [],
      currentRevision: "old",
      updateRevision: "new",
      now: NOW,
    });
    const created = plan.create.map(({ ordinal, revision }) => `+${ordinal}${revision === "old" ? "old" : ""}`);
    return [...created, ...plan.delete.map((one) => `-${one.metadata?.name?.slice(3)}`)].join(" ");
  };
  const cases: [string, string, Partial<StatefulSetSpec>, string][] = [
    ["the first comes first", "", {}, "+0"],
    ["the next when it is ready", "db-0:new+", {}, "+1"],
    ["not before", "db-0:new", {}, ""],
    ["a gap is filled", "db-0:new+ db-2:new+", {}, "+1"],
    ["a failed one is made anew", "db-0:newx", {}, "-0"],
    ["one that is going is waited for", "db-0:newt+", {}, ""],
    ["too many: the last goes", "db-0:new+ db-1:new+ db-2:new+ db-3:new+ db-4:new+", {}, "-4"],
    ["one at a time", "db-0:new+ db-1:new+ db-2:new+ db-3:new+ db-4:newt+", {}, ""],
    ["not while an earlier one is unwell", "db-0:new+ db-1:new db-2:new+ db-3:new+", {}, ""],
    ["in parallel: all at once", "db-1:new", parallel, "+0 +2"],
    ["in parallel: all too many", "db-0:new+ db-1:new+ db-2:new+ db-3:new db-4:new+", parallel, "-4 -3"],
    ["ordinals may start elsewhere", "db-5:new+", { ordinals: { start: 5 }, replicas: 2 }, "+6"],
    ["and those outside go", "db-0:new+ db-5:new+ db-6:new+", { ordinals: { start: 5 }, replicas: 2 }, "-0"],
    ["an old revision is replaced from the end", "db-0:old+ db-1:old+ db-2:old+", {}, "-2"],
    ["when the last replacement is ready", "db-0:old+ db-1:old+ db-2:new", {}, ""],
    ["down to the partition", "db-0:old+ db-1:old+ db-2:new+", rolling({ partition: 2 }), ""],
    ["below it pods are made as they were", "db-1:old+ db-2:new+", rolling({ partition: 2 }), "+0old"],
    ["several at a time", "db-0:old+ db-1:old+ db-2:old+", rolling({ maxUnavailable: 2 }), "-2 -1"],
    [
      "those that are down count",
      "db-0:old+ db-1:old+ db-2:new",
      { ...parallel, ...rolling({ maxUnavailable: 2 }) },
      "-1",
    ],
    ["OnDelete: never", "db-0:old+ db-1:old+ db-2:old+", { updateStrategy: { type: "OnDelete" } }, ""],
  ];
  for (const [what, present, spec, expected] of cases) test(what, () => assert.equal(step(present, spec), expected));
});

const peek = (bench: ControllerBench) => bench.fake.peek(statefulSets, "db", "default")!;
const names = (bench: ControllerBench) =>
  bench.fake
    .all(pods)
    .map((one) => one.metadata!.name)
    .sort();
const change = (bench: ControllerBench, spec: Partial<StatefulSetSpec>) => {
  bench.fake.put(statefulSets, { ...peek(bench), spec: { ...peek(bench).spec!, ...spec } });
};

suite("statefulset controller", () => {
  test("pods come one after another, each with its identity; then all is quiet", () =>
    withControllers(statefulSetController, { objects: [set()] }, async (bench) => {
      assert.deepEqual(names(bench), ["db-0"]);
      playNodes(bench);
      await bench.settle();
      assert.deepEqual(names(bench), ["db-0", "db-1"]);
      await rollOut(bench);
      assert.deepEqual(names(bench), ["db-0", "db-1", "db-2"]);
      const one = bench.fake.peek(pods, "db-1", "default")!;
      const revision = bench.fake.all(controllerRevisions)[0]!.metadata!.name!;
      assert.deepEqual(one.metadata?.labels, {
        app: "db",
        "controller-revision-hash": revision,
        "statefulset.kubernetes.io/pod-name": "db-1",
        "apps.kubernetes.io/pod-index": "1",
      });
      assert.equal(one.spec?.hostname, "db-1");
      assert.equal(one.spec?.subdomain, "db");
      assert.deepEqual(peek(bench).status, {
        replicas: 3,
        readyReplicas: 3,
        currentReplicas: 3,
        updatedReplicas: 3,
        availableReplicas: 3,
        observedGeneration: 1,
        currentRevision: revision,
        updateRevision: revision,
        collisionCount: 0,
      });
      assert.ok(bench.events().includes("SuccessfulCreate: create Pod db-0 in StatefulSet db successful"));
      await bench.assertQuiet();
    }));

  test("a new template goes through from the end, and the revision moves on when it is through", () =>
    withControllers(statefulSetController, { objects: [set()] }, async (bench) => {
      await rollOut(bench);
      const before = peek(bench).status?.currentRevision;
      change(bench, { template: template("v2") });
      await bench.settle();
      assert.notEqual(peek(bench).status?.updateRevision, before);
      assert.equal(peek(bench).status?.currentRevision, before);
      assert.deepEqual(
        bench.fake
          .all(pods)
          .filter((one) => one.metadata?.deletionTimestamp)
          .map((one) => one.metadata?.name),
        ["db-2"],
      );
      await rollOut(bench);
      assert.ok(bench.fake.all(pods).every((one) => one.spec?.containers[0]?.image === "v2"));
      assert.equal(peek(bench).status?.currentRevision, peek(bench).status?.updateRevision);
      await bench.assertQuiet();
    }));

  test("with a partition, a pod below it that is lost comes back as it was", () =>
    withControllers(statefulSetController, { objects: [set()] }, async (bench) => {
      await rollOut(bench);
      change(bench, {
        template: template("v2"),
        updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } },
      });
      await rollOut(bench);
      bench.fake.remove(pods, "db-0", "default");
      await rollOut(bench);
      const images = bench.fake.all(pods).sort((a, b) => (a.metadata!.name! < b.metadata!.name! ? -1 : 1));
      assert.deepEqual(
        images.map((one) => one.spec?.containers[0]?.image),
        ["v1", "v1", "v2"],
      );
    }));

  const withClaims = (policy?: StatefulSetSpec["persistentVolumeClaimRetentionPolicy"]): Partial<StatefulSetSpec> => ({
    replicas: 2,
    volumeClaimTemplates: [{ metadata: { name: "data" }, spec: { accessModes: ["ReadWriteOnce"] } }],
    ...(policy ? { persistentVolumeClaimRetentionPolicy: policy } : {}),
  });
  const claims = (bench: ControllerBench) => bench.fake.all(persistentVolumeClaims);

  test("each pod has its claims, and finds them again", () =>
    withControllers(statefulSetController, { objects: [set(withClaims())] }, async (bench) => {
      await rollOut(bench);
      assert.deepEqual(
        claims(bench).map((claim) => claim.metadata?.name),
        ["data-db-0", "data-db-1"],
      );
      assert.deepEqual(claims(bench)[0]?.metadata?.labels, { app: "db" });
      assert.deepEqual(bench.fake.peek(pods, "db-1", "default")?.spec?.volumes, [
        { name: "data", persistentVolumeClaim: { claimName: "data-db-1", readOnly: false } },
      ]);
      change(bench, { replicas: 1 });
      await rollOut(bench);
      change(bench, { replicas: 2 });
      await rollOut(bench);
      assert.equal(claims(bench).length, 2);
      assert.ok(bench.events().includes("SuccessfulCreate: create Claim data-db-0 Pod db-0 in StatefulSet db success"));
      await bench.assertQuiet();
    }));

  test("claims that go with the set, or with a pod scaled away, are owned by them", () =>
    withControllers(
      statefulSetController,
      { objects: [set(withClaims({ whenDeleted: "Delete", whenScaled: "Delete" }))] },
      async (bench) => {
        await rollOut(bench);
        const owners = (name: string) =>
          bench.fake
            .peek(persistentVolumeClaims, name, "default")
            ?.metadata?.ownerReferences?.map(({ kind, name }) => `${kind} ${name}`);
        assert.deepEqual(owners("data-db-1"), ["StatefulSet db"]);
        change(bench, { replicas: 1 });
        await rollOut(bench);
        assert.deepEqual(owners("data-db-0"), ["StatefulSet db"]);
        assert.deepEqual(owners("data-db-1"), ["Pod db-1"]);
        // Scaled up again before the claim is gone: the pod waits for a new one.
        change(bench, { replicas: 2 });
        await rollOut(bench);
        assert.deepEqual(names(bench), ["db-0"]);
        bench.fake.remove(persistentVolumeClaims, "data-db-1", "default");
        await rollOut(bench);
        assert.deepEqual(names(bench), ["db-0", "db-1"]);
        assert.deepEqual(owners("data-db-1"), ["StatefulSet db"]);
      },
    ));

  test("a pod that failed is made anew, and it is said", () =>
    withControllers(statefulSetController, { objects: [set({ replicas: 1 })] }, async (bench) => {
      await rollOut(bench);
      const one = bench.fake.peek(pods, "db-0", "default")!;
      bench.fake.put(pods, { ...one, status: { phase: "Failed" } });
      await rollOut(bench);
      assert.notEqual(bench.fake.peek(pods, "db-0", "default")?.metadata?.uid, one.metadata?.uid);
      assert.ok(bench.events().includes("RecreatingFailedPod: StatefulSet default/db is recreating failed Pod db-0"));
    }));

  test("labels that were taken off are put back", () =>
    withControllers(statefulSetController, { objects: [set({ replicas: 1 })] }, async (bench) => {
      await rollOut(bench);
      const one = bench.fake.peek(pods, "db-0", "default")!;
      const { "apps.kubernetes.io/pod-index": _, ...labels } = one.metadata!.labels!;
      bench.fake.put(pods, { ...one, metadata: { ...one.metadata, labels } });
      await bench.settle();
      assert.equal(bench.fake.peek(pods, "db-0", "default")?.metadata?.labels?.["apps.kubernetes.io/pod-index"], "0");
    }));
});
