import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { persistentVolumeClaims, pods } from "../api/resource-types.ts";
import { withControllers } from "./controller-bench.fixture.ts";
import { ephemeralVolumeController } from "./ephemeral-volume.ts";

const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
const pod = (deleted = false) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name: "p",
    namespace: "default",
    uid: "u",
    ...(deleted ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
  },
  spec: {
    containers: [],
    volumes: [
      { name: "v", ephemeral: { volumeClaimTemplate: { metadata: { labels: { a: "b" } }, spec } } },
      { name: "w", emptyDir: {} },
    ],
  },
});
const claim = {
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "p-v", namespace: "default" },
  spec,
};

suite("ephemeral volumes", () => {
  test("become claims of their pod, again where they are deleted", () =>
    withControllers(ephemeralVolumeController, { objects: [pod()] }, async (bench) => {
      for (let round = 0; round < 2; round++) {
        const made = bench.fake.all(persistentVolumeClaims);
        assert.equal(made.length, 1);
        assert.equal(made[0]?.metadata?.name, "p-v");
        assert.deepEqual(made[0]?.metadata?.labels, { a: "b" });
        assert.deepEqual(made[0]?.metadata?.ownerReferences, [
          { apiVersion: "v1", kind: "Pod", name: "p", uid: "u", controller: true, blockOwnerDeletion: true },
        ]);
        assert.deepEqual(made[0]?.spec, spec);
        await bench.assertQuiet();
        bench.fake.remove(persistentVolumeClaims, "p-v", "default");
        await bench.settle();
      }
    }));

  test("another's claim of that name is left alone", () =>
    withControllers(ephemeralVolumeController, { objects: [claim, pod()] }, async (bench) => {
      assert.equal(bench.fake.peek(persistentVolumeClaims, "p-v", "default")?.metadata?.ownerReferences, undefined);
      assert.deepEqual(bench.events(), [
        "FailedBinding: ephemeral volume v: PVC default/p-v was not created for pod default/p (pod is not owner)",
      ]);
      bench.fake.remove(persistentVolumeClaims, "p-v", "default");
      await bench.settle(20_000);
      assert.ok(bench.fake.peek(persistentVolumeClaims, "p-v", "default")?.metadata?.ownerReferences);
    }));

  test("pods that go get none", () =>
    withControllers(ephemeralVolumeController, { objects: [pod(true)] }, async ({ fake }) => {
      assert.equal(fake.all(persistentVolumeClaims).length, 0);
      assert.equal(fake.all(pods).length, 1);
    }));
});
