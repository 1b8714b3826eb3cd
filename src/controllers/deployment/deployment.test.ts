import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { controllerOf } from "../../api/controller-ref.ts";
import { deployments, pods, replicaSets } from "../../api/resource-types.ts";
import type { Deployment } from "../../api/types/apps.v1.ts";
import { type ControllerBench, withControllers } from "../controller-bench.fixture.ts";
import { playNodes, rollOut } from "../nodes.fixture.ts";
import { replicaSetController } from "../replica-set/controller.ts";
import { templateHash } from "../template-hash.ts";
import { deploymentController } from "./controller.ts";

const both = [deploymentController, replicaSetController];
const web = (spec: Partial<Deployment["spec"]> = {}): Deployment => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "default" },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: "web" } },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
    template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "v1" }] } },
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    ...spec,
  },
  status: {},
});
const peek = (bench: ControllerBench) => bench.fake.peek(deployments, "web", "default")!;
const change = (bench: ControllerBench, spec: Partial<Deployment["spec"]>) => {
  const present = peek(bench);
  bench.fake.put(deployments, { ...present, spec: { ...present.spec!, ...spec } });
};
const image = (name: string) => ({
  template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: name }] } },
});
const setOf = (bench: ControllerBench, wanted: string) =>
  bench.fake.all(replicaSets).find((set) => set.spec?.template?.spec?.containers[0]?.image === wanted)!;
const progress = (bench: ControllerBench) =>
  peek(bench).status?.conditions?.find(({ type }) => type === "Progressing")?.reason;

suite("deployment controller", () => {
  test("comes up, is complete, and then writes nothing", () =>
    withControllers(both, { objects: [web()] }, async (bench) => {
      await rollOut(bench);
      const { conditions, ...counts } = peek(bench).status!;
      assert.deepEqual(counts, {
        observedGeneration: 1,
        replicas: 3,
        updatedReplicas: 3,
        readyReplicas: 3,
        availableReplicas: 3,
        terminatingReplicas: 0,
      });
      assert.deepEqual(
        conditions?.map(({ type, status, reason }) => `${type}=${status} ${reason}`),
        ["Available=True MinimumReplicasAvailable", "Progressing=True NewReplicaSetAvailable"],
      );
      assert.equal(peek(bench).metadata?.annotations?.["deployment.kubernetes.io/revision"], "1");
      const name = setOf(bench, "v1").metadata?.name;
      assert.ok(bench.events().includes(`ScalingReplicaSet: Scaled up replica set ${name} from 0 to 3`));
      await bench.assertQuiet();
    }));

  test("rolls without ever having too many or too few", () =>
    withControllers(both, { objects: [web({ replicas: 8 })] }, async (bench) => {
      await rollOut(bench);
      change(bench, image("v2"));
      const allowed = { most: 8 + 2, least: 8 - 2 };
      for (let busy = true; busy; ) {
        await bench.settle();
        const alive = bench.fake.all(pods).filter((pod) => !pod.metadata?.deletionTimestamp);
        assert.ok(alive.length <= allowed.most, `${alive.length} pods`);
        const ready = alive.filter((pod) => pod.status?.conditions?.[0]?.status === "True");
        assert.ok(ready.length >= allowed.least, `${ready.length} ready`);
        busy = playNodes(bench);
      }
      assert.equal(setOf(bench, "v1").spec?.replicas, 0);
      assert.equal(setOf(bench, "v2").spec?.replicas, 8);
      assert.equal(peek(bench).metadata?.annotations?.["deployment.kubernetes.io/revision"], "2");
      await bench.assertQuiet();
    }));

  test("rolls back as kubectl rollout undo does: the old template again", () =>
    withControllers(both, { objects: [web()] }, async (bench) => {
      await rollOut(bench);
      change(bench, image("v2"));
      await rollOut(bench);
      change(bench, image("v1"));
      await rollOut(bench);
      assert.equal(bench.fake.all(replicaSets).length, 2);
      const { annotations } = setOf(bench, "v1").metadata!;
      assert.equal(annotations?.["deployment.kubernetes.io/revision"], "3");
      assert.equal(annotations?.["deployment.kubernetes.io/revision-history"], "1");
      assert.equal(peek(bench).metadata?.annotations?.["deployment.kubernetes.io/revision"], "3");
      assert.equal(setOf(bench, "v1").spec?.replicas, 3);
    }));

  test("a broken image keeps the old pods, and the deadline tells", () =>
    withControllers(both, { objects: [web()] }, async (bench) => {
      const broken = (name: string) => name === "broken";
      await rollOut(bench);
      change(bench, image("broken"));
      await rollOut(bench, broken);
      assert.equal(peek(bench).status?.availableReplicas, 3);
      assert.equal(progress(bench), "ReplicaSetUpdated");
      await bench.settle(602_000);
      assert.equal(progress(bench), "ProgressDeadlineExceeded");
      await bench.assertQuiet();
      change(bench, image("v1"));
      await rollOut(bench, broken);
      assert.equal(progress(bench), "NewReplicaSetAvailable");
      assert.equal(setOf(bench, "broken").spec?.replicas, 0);
    }));

  test("recreate waits for the last old pod", () =>
    withControllers(both, { objects: [web({ strategy: { type: "Recreate" } })] }, async (bench) => {
      await rollOut(bench);
      change(bench, image("v2"));
      await bench.settle();
      assert.equal(bench.fake.all(pods).length, 3);
      assert.ok(bench.fake.all(pods).every((pod) => pod.metadata?.deletionTimestamp));
      const [last, ...others] = bench.fake.all(pods);
      for (const pod of others) bench.fake.remove(pods, pod.metadata!.name!, "default");
      await bench.settle();
      assert.equal(bench.fake.all(pods).length, 1);
      bench.fake.remove(pods, last!.metadata!.name!, "default");
      await rollOut(bench);
      assert.ok(bench.fake.all(pods).every((pod) => pod.spec?.containers[0]?.image === "v2"));
      assert.equal(peek(bench).status?.availableReplicas, 3);
      await bench.assertQuiet();
    }));

  test("paused: a new template waits, scaling does not; resumed: it rolls", () =>
    withControllers(both, { objects: [web()] }, async (bench) => {
      await rollOut(bench);
      change(bench, { paused: true, ...image("v2") });
      await rollOut(bench);
      assert.equal(bench.fake.all(replicaSets).length, 1);
      assert.equal(progress(bench), "DeploymentPaused");
      change(bench, { replicas: 5 });
      await rollOut(bench);
      assert.equal(bench.fake.all(pods).length, 5);
      change(bench, { paused: false });
      await rollOut(bench);
      assert.equal(setOf(bench, "v2").spec?.replicas, 5);
      assert.equal(progress(bench), "NewReplicaSetAvailable");
    }));

  test("old sets are deleted beyond the limit", () =>
    withControllers(both, { objects: [web({ revisionHistoryLimit: 1 })] }, async (bench) => {
      for (const version of ["v1", "v2", "v3", "v4"]) {
        change(bench, image(version));
        await rollOut(bench);
      }
      const images = bench.fake.all(replicaSets).map((set) => set.spec?.template?.spec?.containers[0]?.image);
      assert.deepEqual(images.sort(), ["v3", "v4"]);
    }));

  test("a name that another set has taken is got round by the collision count", () => {
    const taken = `web-${templateHash(web().spec!.template, undefined)}`;
    const foreign = {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: { name: taken, namespace: "default", labels: { app: "other" } },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: "other" } },
        template: { metadata: { labels: { app: "other" } } },
      },
      status: { replicas: 0 },
    };
    return withControllers(both, { objects: [foreign, web()] }, async (bench) => {
      await rollOut(bench);
      assert.equal(peek(bench).status?.collisionCount, 1);
      assert.equal(peek(bench).status?.availableReplicas, 3);
      assert.notEqual(setOf(bench, "v1").metadata?.name, taken);
    });
  });

  test("adopts sets that match its selector", () =>
    withControllers(both, { objects: [web({ replicas: 2 })] }, async (bench) => {
      await rollOut(bench);
      const set = setOf(bench, "v1");
      bench.fake.put(replicaSets, { ...set, metadata: { ...set.metadata, ownerReferences: [] } });
      await bench.settle();
      assert.equal(controllerOf(setOf(bench, "v1"))?.name, "web");
      assert.equal(bench.fake.all(replicaSets).length, 1);
    }));

  test("a selector of everything is refused with an event", () =>
    withControllers(both, { objects: [web({ selector: {} })] }, async (bench) => {
      assert.deepEqual(bench.events(), [
        "SelectingAll: This deployment is selecting all pods. A non-empty selector is required. (x2)",
      ]);
      assert.equal(bench.fake.all(replicaSets).length, 0);
    }));
});
