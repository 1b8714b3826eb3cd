import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { persistentVolumeClaims, persistentVolumes, pods, volumeAttributesClasses } from "../api/resource-types.ts";
import { withControllers } from "./controller-bench.fixture.ts";
import {
  attributesClassProtectionController,
  claimProtectionController,
  volumeProtectionController,
} from "./storage-protection.ts";

const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data", namespace: "default" } };
const pod = (nodeName: string | undefined, phase = "Running") => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "default" },
  spec: {
    containers: [],
    ...(nodeName ? { nodeName } : {}),
    volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }],
  },
  status: { phase },
});

suite("claim protection", () => {
  const cases: [string, ReturnType<typeof pod> | undefined, boolean][] = [
    ["nobody uses goes", undefined, true],
    ["a running pod uses stays", pod("n"), false],
    ["a pod uses that has ended stays", pod("n", "Succeeded"), false],
    ["a pod names that is not bound goes", pod(undefined, "Pending"), true],
  ];
  for (const [what, one, goes] of cases) {
    test(`a claim that ${what}`, () =>
      withControllers(claimProtectionController, { objects: [claim, ...(one ? [one] : [])] }, async (bench) => {
        const { fake, settle } = bench;
        const present = () => fake.peek(persistentVolumeClaims, "data", "default");
        assert.deepEqual(present()?.metadata?.finalizers, ["kubernetes.io/pvc-protection"]);
        await bench.assertQuiet();
        await fake.resource(persistentVolumeClaims).delete("data", "default");
        await settle();
        assert.equal(present() === undefined, goes);
        if (goes) return;
        fake.remove(pods, "p", "default");
        await settle();
        assert.equal(present(), undefined);
      }));
  }

  test("a pod that the cache does not show yet counts", () =>
    withControllers(claimProtectionController, { objects: [claim] }, async ({ fake, settle }) => {
      fake.intercept(({ verb, resource }) => {
        if (verb === "list" && resource === "pods" && !fake.peek(pods, "p", "default")) fake.put(pods, pod("n"));
      });
      await fake.resource(persistentVolumeClaims).delete("data", "default");
      await settle();
      assert.ok(fake.peek(persistentVolumeClaims, "data", "default"));
    }));
});

test("a volume goes when it is not bound any more", () => {
  const volume = (phase: string) => ({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "v", finalizers: ["kubernetes.io/pv-protection"] },
    status: { phase },
  });
  return withControllers(volumeProtectionController, { objects: [volume("Bound")] }, async ({ fake, settle }) => {
    await fake.resource(persistentVolumes).delete("v");
    await settle();
    const present = fake.peek(persistentVolumes, "v");
    assert.ok(present);
    fake.put(persistentVolumes, { ...present, status: { phase: "Released" } });
    await settle();
    assert.equal(fake.peek(persistentVolumes, "v"), undefined);
  });
});

suite("protection of classes of volume attributes", () => {
  const attributesClass = {
    apiVersion: "storage.k8s.io/v1",
    kind: "VolumeAttributesClass",
    metadata: { name: "gold", finalizers: ["kubernetes.io/vac-protection"] },
    driverName: "csi.example.com",
  };
  const volume = (volumeAttributesClassName: string) => ({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "v" },
    spec: { volumeAttributesClassName },
  });
  const users = {
    "a claim asks for": { ...claim, spec: { volumeAttributesClassName: "gold" } },
    "a claim still has": { ...claim, status: { currentVolumeAttributesClassName: "gold" } },
    "a claim is being changed to": {
      ...claim,
      status: { modifyVolumeStatus: { targetVolumeAttributesClassName: "gold", status: "Pending" } },
    },
    "a volume has": volume("gold"),
  };
  for (const [what, user] of Object.entries(users)) {
    test(`a class that ${what} stays until it does no more`, () =>
      withControllers(attributesClassProtectionController, { objects: [attributesClass, user] }, async (bench) => {
        const { fake, settle } = bench;
        await fake.resource(volumeAttributesClasses).delete("gold");
        await settle();
        assert.ok(fake.peek(volumeAttributesClasses, "gold"));
        if (user.kind === "PersistentVolume") fake.put(persistentVolumes, volume("silver"));
        else fake.remove(persistentVolumeClaims, "data", "default");
        await settle();
        assert.equal(fake.peek(volumeAttributesClasses, "gold"), undefined);
      }));
  }

  test("a class that nobody names goes", () =>
    withControllers(
      attributesClassProtectionController,
      { objects: [attributesClass, volume("silver")] },
      async ({ fake, settle }) => {
        await fake.resource(volumeAttributesClasses).delete("gold");
        await settle();
        assert.equal(fake.peek(volumeAttributesClasses, "gold"), undefined);
      },
    ));
});
