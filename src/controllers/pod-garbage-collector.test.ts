import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { nodes, pods } from "../api/resource-types.ts";
import type { Node, Pod } from "../api/types/core.v1.ts";
import { withControllers } from "./controller-bench.fixture.ts";
import { podGarbageCollector } from "./pod-garbage-collector.ts";

const node = (name: string, rest: Partial<Node> = {}): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name },
  ...rest,
});
const pod = (name: string, nodeName: string | undefined, phase = "Running", meta: Pod["metadata"] = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", ...meta },
  spec: { containers: [], ...(nodeName ? { nodeName } : {}) },
  status: { phase },
});

suite("pod garbage collector", () => {
  test("pods of a node that is gone go after forty seconds, as failed", () =>
    withControllers(podGarbageCollector, { objects: [node("n"), pod("a", "n"), pod("b", "gone")] }, async (bench) => {
      const { fake, settle } = bench;
      await settle(39_000);
      assert.equal(fake.all(pods).length, 2);
      const statuses: unknown[] = [];
      fake.intercept(({ subresource, body }) => {
        if (subresource === "status") statuses.push((body as { status: Pod["status"] }).status);
      });
      await settle(1000);
      assert.deepEqual(
        fake.all(pods).map(({ metadata }) => metadata?.name),
        ["a"],
      );
      const [status] = statuses as Pod["status"][];
      assert.equal(status?.phase, "Failed");
      assert.equal(status?.conditions?.[0]?.reason, "DeletionByPodGC");
      assert.equal(status?.conditions?.[0]?.message, "PodGC: node no longer exists");
      await bench.assertQuiet();
    }));

  test("a node that comes back in time keeps its pods", () =>
    withControllers(podGarbageCollector, { objects: [node("n"), pod("a", "n")] }, async ({ fake, settle }) => {
      fake.remove(nodes, "n");
      await settle(30_000);
      fake.put(nodes, node("n"));
      await settle(30_000);
      assert.equal(fake.all(pods).length, 1);
    }));

  test("a pod that was never bound and is being deleted goes at once", () =>
    withControllers(
      podGarbageCollector,
      { objects: [pod("a", undefined, "Pending", { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["x/y"] })] },
      async ({ fake }) => {
        const removal = fake.writes().find(({ verb }) => verb === "delete");
        assert.deepEqual(removal?.body, {
          gracePeriodSeconds: 0,
          preconditions: { uid: fake.all(pods)[0]?.metadata?.uid },
        });
      },
    ));

  test("of too many finished pods the oldest go", () =>
    withControllers(
      podGarbageCollector,
      {
        objects: [
          node("n"),
          ...[1, 2, 3, 4].map((day) =>
            pod(`p${day}`, "n", "Succeeded", { creationTimestamp: `2025-12-0${day}T00:00:00Z` }),
          ),
          pod("running", "n"),
        ],
        settings: { terminatedPodThreshold: 2 },
      },
      async ({ fake, settle }) => {
        await settle(20_000);
        assert.deepEqual(
          fake.all(pods).map(({ metadata }) => metadata?.name),
          ["p3", "p4", "running"],
        );
      },
    ));

  test("on a node that is out of service, what is being deleted is gone", () =>
    withControllers(
      podGarbageCollector,
      {
        objects: [
          node("n"),
          pod("stays", "n"),
          pod("leaving", "n", "Running", { deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: 30 }),
        ],
      },
      async ({ fake, settle }) => {
        assert.equal(fake.all(pods).length, 2);
        fake.put(
          nodes,
          node("n", { spec: { taints: [{ key: "node.kubernetes.io/out-of-service", effect: "NoExecute" }] } }),
        );
        await settle();
        assert.deepEqual(
          fake.all(pods).map(({ metadata }) => metadata?.name),
          ["stays"],
        );
      },
    ));
});
