import assert from "node:assert/strict";
import { suite, test } from "node:test";
import * as types from "../../api/resource-types.ts";
import { configMaps, deployments, namespaces, pods } from "../../api/resource-types.ts";
import { internalError } from "../../api/status-error.ts";
import { withControllers } from "../controller-bench.fixture.ts";
import { deletionConditions } from "./conditions.ts";
import { namespaceController } from "./controller.ts";

const leaving = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: "old", deletionTimestamp: "2026-01-01T00:00:00Z" },
  spec: { finalizers: ["kubernetes"] },
  status: { phase: "Terminating" },
};
const map = (name: string, finalizers?: string[]) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "old", ...(finalizers ? { finalizers } : {}) },
});
const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "old" },
  spec: { containers: [], nodeName: "n", terminationGracePeriodSeconds: 20 },
  status: { phase: "Running" },
};
const served = { types: [namespaces, pods, configMaps, deployments, types.nodes] };
const NOW = Date.UTC(2026, 0, 1);

suite("namespace controller", () => {
  test("empties a namespace and lets it go", () =>
    withControllers(namespaceController, { ...served, objects: [leaving, map("a"), map("b")] }, async ({ fake }) => {
      assert.equal(fake.all(configMaps).length, 0);
      assert.equal(fake.peek(namespaces, "old"), undefined);
    }));

  test("others are left alone", () =>
    withControllers(
      namespaceController,
      {
        ...served,
        objects: [
          { ...leaving, metadata: { name: "new" } },
          { ...map("a"), metadata: { name: "a", namespace: "new" } },
        ],
      },
      async (bench) => {
        await bench.assertQuiet();
        assert.equal(bench.fake.all(configMaps).length, 1);
      },
    ));

  test("pods go first; all else waits for the last of them, and not longer", () =>
    withControllers(namespaceController, { ...served, objects: [leaving, pod, map("a")] }, async ({ fake, settle }) => {
      assert.ok(fake.peek(pods, "p", "old")?.metadata?.deletionTimestamp);
      assert.equal(fake.all(configMaps).length, 1);
      const condition = fake
        .peek(namespaces, "old")
        ?.status?.conditions?.find(({ type }) => type === "NamespaceContentRemaining");
      assert.equal(condition?.message, "Some resources are remaining: pods. has 1 resource instances");
      fake.remove(pods, "p", "old");
      await settle();
      assert.equal(fake.peek(namespaces, "old"), undefined);
    }));

  test("objects with finalizers are waited for, told about, and asked after again", () =>
    withControllers(namespaceController, { ...served, objects: [leaving, map("a", ["x/y"])] }, async (bench) => {
      const { fake, settle } = bench;
      const messages = () =>
        fake
          .peek(namespaces, "old")
          ?.status?.conditions?.filter(({ status }) => status === "True")
          .map(({ message }) => message);
      assert.deepEqual(messages(), [
        "Some resources are remaining: configmaps. has 1 resource instances",
        "Some content in the namespace has finalizers remaining: x/y in 1 resource instances",
      ]);
      const held = fake.peek(configMaps, "a", "old")!;
      await fake.resource(configMaps).update({ ...held, metadata: { ...held.metadata, finalizers: [] } });
      await settle(9000);
      assert.equal(fake.peek(namespaces, "old"), undefined);
    }));

  test("a resource that fails is told, and tried again", () =>
    withControllers(
      namespaceController,
      {
        ...served,
        objects: [leaving, map("a")],
        prepare(fake) {
          let failures = 0;
          fake.intercept(({ verb, resource }) => {
            if (verb === "deletecollection" && resource === "configmaps" && failures++ < 3)
              throw internalError(new Error("x"));
          });
        },
      },
      async ({ fake }) => {
        assert.equal(fake.peek(namespaces, "old"), undefined);
        const told = fake.writes().filter(({ subresource }) => subresource === "status").length;
        assert.ok(told >= 2);
      },
    ));
});

suite("conditions", () => {
  const nothing = { undiscovered: [], errors: [], remaining: new Map(), finalizers: new Map() };
  test("all is well", () => {
    assert.deepEqual(
      deletionConditions([], nothing, NOW).map(({ type, status, reason }) => `${type}=${status} ${reason}`),
      [
        "NamespaceDeletionDiscoveryFailure=False ResourcesDiscovered",
        "NamespaceDeletionGroupVersionParsingFailure=False ParsedGroupVersions",
        "NamespaceDeletionContentFailure=False ContentDeleted",
        "NamespaceContentRemaining=False ContentRemoved",
        "NamespaceFinalizersRemaining=False ContentHasNoFinalizers",
      ],
    );
  });

  test("only what changed gets a new time, and others' conditions stay", () => {
    const before = deletionConditions(
      [{ type: "Mine", status: "True" }],
      { ...nothing, undiscovered: ["metrics.k8s.io/v1beta1"] },
      NOW,
    );
    const after = deletionConditions(
      before,
      {
        ...nothing,
        remaining: new Map([
          ["pods.", 2],
          ["deployments.apps", 1],
        ]),
      },
      NOW + 5000,
    );
    assert.deepEqual(
      after.map(({ type, status, message, lastTransitionTime }) => [
        type,
        status,
        message,
        lastTransitionTime?.slice(17),
      ]),
      [
        ["Mine", "True", undefined, undefined],
        ["NamespaceDeletionDiscoveryFailure", "False", "All resources successfully discovered", "05Z"],
        ["NamespaceDeletionGroupVersionParsingFailure", "False", "All legacy kube types successfully parsed", "00Z"],
        [
          "NamespaceDeletionContentFailure",
          "False",
          "All content successfully deleted, may be waiting on finalization",
          "00Z",
        ],
        [
          "NamespaceContentRemaining",
          "True",
          "Some resources are remaining: deployments.apps has 1 resource instances, pods. has 2 resource instances",
          "05Z",
        ],
        ["NamespaceFinalizersRemaining", "False", "All content-preserving finalizers finished", "00Z"],
      ],
    );
    assert.equal(before[1]?.message, "Discovery failed for some groups, 1 failing: metrics.k8s.io/v1beta1");
  });
});
