import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { deployments, pods, resourceQuotas, secrets } from "../../api/resource-types.ts";
import type { Pod, ResourceQuota } from "../../api/types/core.v1.ts";
import { type ControllerBench, withControllers } from "../controller-bench.fixture.ts";
import { resourceQuotaController } from "./controller.ts";
import { resourceOfLimit } from "./usage.ts";

const quota = (hard: Record<string, string>, rest: Partial<ResourceQuota["spec"]> = {}): ResourceQuota => ({
  apiVersion: "v1",
  kind: "ResourceQuota",
  metadata: { name: "q", namespace: "shop" },
  spec: { hard, ...rest },
  status: {},
});
const pod = (name: string, cpu: string, rest: Partial<Pod> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "shop" },
  spec: { containers: [{ name: "c", resources: { requests: { cpu } } }] },
  status: { phase: "Running" },
  ...rest,
});
const terminating = { scopeName: "Terminating", operator: "Exists" } as const;
const secret = (name: string, namespace = "shop") => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace },
});
const status = (bench: ControllerBench) => bench.fake.peek(resourceQuotas, "q", "shop")?.status;

suite("what a limit is about", () => {
  for (const [name, expected] of [
    ["pods", "pods."],
    ["requests.cpu", "pods."],
    ["limits.memory", "pods."],
    ["requests.nvidia.com/gpu", "pods."],
    ["services.nodeports", "services."],
    ["requests.storage", "persistentvolumeclaims."],
    ["gold.storageclass.storage.k8s.io/requests.storage", "persistentvolumeclaims."],
    ["secrets", "secrets."],
    ["count/secrets", "secrets."],
    ["count/deployments.apps", "deployments.apps"],
    ["count/events", undefined],
    ["nonsense", undefined],
  ] as const) {
    test(name, () => {
      const counted = resourceOfLimit(name);
      assert.equal(counted && `${counted.resource}.${counted.group}`, expected);
    });
  }
});

suite("resourcequota controller", () => {
  test("says what is used of each limit, and is quiet then", () =>
    withControllers(
      resourceQuotaController,
      {
        objects: [
          quota({ pods: "10", "requests.cpu": "2", secrets: "5", "count/deployments.apps": "3", nonsense: "1" }),
          pod("a", "500m"),
          pod("b", "250m"),
          pod("done", "1", { status: { phase: "Succeeded" } }),
          secret("s"),
          secret("t", "elsewhere"),
        ],
      },
      async (bench) => {
        assert.deepEqual(status(bench)?.used, {
          pods: "2",
          "requests.cpu": "750m",
          secrets: "1",
          "count/deployments.apps": "0",
        });
        assert.equal(status(bench)?.hard?.nonsense, "1");
        await bench.assertQuiet();
      },
    ));

  test("gives back what is deleted, and what has ended", () =>
    withControllers(
      resourceQuotaController,
      {
        objects: [quota({ pods: "10", "requests.cpu": "2", secrets: "5" }), pod("a", "1"), pod("b", "1"), secret("s")],
      },
      async (bench) => {
        const { fake, settle } = bench;
        fake.remove(secrets, "s", "shop");
        await settle();
        assert.equal(status(bench)?.used?.secrets, "0");
        fake.remove(pods, "a", "shop");
        await settle();
        assert.equal(status(bench)?.used?.["requests.cpu"], "1");
        fake.put(pods, { ...fake.peek(pods, "b", "shop")!, status: { phase: "Failed" } });
        await settle();
        assert.equal(status(bench)?.used?.pods, "0");
      },
    ));

  test("scopes", () =>
    withControllers(
      resourceQuotaController,
      {
        objects: [
          quota({ pods: "10" }, { scopes: ["BestEffort"] }),
          pod("guaranteed", "1"),
          pod("best", "1", { spec: { containers: [{ name: "c" }] } }),
        ],
      },
      async (bench) => assert.deepEqual(status(bench)?.used, { pods: "1" }),
    ));

  test("an object that leaves a scope is given back, and charged to the one that it comes into", () =>
    withControllers(
      resourceQuotaController,
      {
        objects: [
          quota({ pods: "10" }, { scopes: ["NotTerminating"] }),
          {
            ...quota({ pods: "10" }, { scopeSelector: { matchExpressions: [terminating] } }),
            metadata: { name: "short", namespace: "shop" },
          },
          pod("a", "1"),
        ],
      },
      async ({ fake, settle }) => {
        const used = (name: string) => fake.peek(resourceQuotas, name, "shop")?.status?.used?.pods;
        assert.deepEqual([used("q"), used("short")], ["1", "0"]);
        const before = fake.peek(pods, "a", "shop")!;
        fake.put(pods, { ...before, spec: { ...before.spec!, activeDeadlineSeconds: 60 } });
        await settle();
        assert.deepEqual([used("q"), used("short")], ["0", "1"]);
      },
    ));

  test("a new limit is counted at once", () =>
    withControllers(resourceQuotaController, { objects: [quota({ pods: "10" }), secret("s")] }, async (bench) => {
      bench.fake.put(resourceQuotas, { ...quota({ pods: "5", secrets: "3" }), status: status(bench)! });
      await bench.settle();
      assert.deepEqual(status(bench), { hard: { pods: "5", secrets: "3" }, used: { pods: "0", secrets: "1" } });
    }));

  test("what was charged for a write that failed is given back after a while", () =>
    withControllers(resourceQuotaController, { objects: [quota({ pods: "10" })] }, async (bench) => {
      const present = bench.fake.peek(resourceQuotas, "q", "shop")!;
      bench.fake.put(resourceQuotas, { ...present, status: { ...present.status, used: { pods: "1" } } });
      await bench.settle(299_000);
      assert.equal(status(bench)?.used?.pods, "1");
      await bench.settle(2000);
      assert.equal(status(bench)?.used?.pods, "0");
    }));

  test("only what is limited is watched", () =>
    withControllers(resourceQuotaController, { objects: [quota({ secrets: "1" })] }, async ({ fake }) => {
      const watched = new Set(fake.actions.filter(({ verb }) => verb === "watch").map(({ resource }) => resource));
      assert.deepEqual([...watched].sort(), ["resourcequotas", "secrets"]);
      assert.equal(fake.all(deployments).length, 0);
    }));
});
