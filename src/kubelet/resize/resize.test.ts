import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pods } from "../../api/resource-types.ts";
import type { Pod, ResourceRequirements } from "../../api/types/core.v1.ts";
import { type KubeletFixture, kubeletFixture } from "../kubelet.fixture.ts";
import { changedResources, judgeResize, restartsOnResize, widest } from "./granted.ts";

const both = (cpu: string, memory: string): ResourceRequirements => ({
  requests: { cpu, memory },
  limits: { cpu, memory },
});
const pod = (resources: ResourceRequirements): Pod => ({
  spec: { containers: [{ name: "app", image: "app:1", resources }] },
});

test("amounts are compared by value, not by spelling", () => {
  assert.deepEqual(changedResources(both("1", "1Gi"), both("1000m", "1024Mi")), []);
  assert.deepEqual(changedResources(both("1", "1Gi"), both("2", "1Gi")), ["cpu"]);
  assert.deepEqual(changedResources({ requests: { cpu: "1" } }, {}), ["cpu"]);
});

test("the widest of two is what allows for both; no limit allows for all", () => {
  assert.deepEqual(widest(both("1", "2Gi"), both("2", "1Gi")), both("2", "2Gi"));
  assert.deepEqual(widest(both("1", "1Gi"), { requests: { cpu: "1" } }), {
    requests: { cpu: "1", memory: "1Gi" },
    limits: {},
  });
});

test("a resize is infeasible where the node could never hold it, deferred where others are in the way", () => {
  const allocatable = { cpu: "4", memory: "8Gi" };
  assert.equal(judgeResize(pod(both("4", "1Gi")), [], allocatable), undefined);
  assert.deepEqual(judgeResize(pod(both("5", "1Gi")), [], allocatable), {
    reason: "Infeasible",
    message: "Node didn't have enough capacity: cpu, requested: 5000, capacity: 4000",
  });
  assert.deepEqual(judgeResize(pod(both("3", "1Gi")), [pod(both("2", "1Gi"))], allocatable), {
    reason: "Deferred",
    message: "Node didn't have enough resource: cpu, requested: 3000, used: 2000, capacity: 4000",
  });
});

test("the container's policy says which changes need a restart", () => {
  const container = { name: "c", resizePolicy: [{ resourceName: "memory", restartPolicy: "RestartContainer" }] };
  assert.equal(restartsOnResize(container, ["cpu"]), false);
  assert.equal(restartsOnResize(container, ["cpu", "memory"]), true);
});

describe("a running pod", () => {
  const running = async (fixture: KubeletFixture, resources: ResourceRequirements, more: object = {}) => {
    fixture.createPod({ containers: [{ name: "app", image: "app:1", resources, ...more }] });
    await fixture.until("running", () => fixture.pod().status?.phase === "Running");
  };
  const resize = ({ api, pod: current }: KubeletFixture, resources: ResourceRequirements) => {
    const old = current();
    const containers = old.spec!.containers.map((container) => ({ ...container, resources }));
    api.put<Pod>(pods, { ...old, metadata: { ...old.metadata, generation: 2 }, spec: { ...old.spec, containers } });
  };
  const status = ({ pod: current }: KubeletFixture) => current().status?.containerStatuses?.[0];
  const condition = ({ pod: current }: KubeletFixture, type: string) =>
    current().status?.conditions?.find((one) => one.type === type);
  const updates = ({ runtime }: KubeletFixture) =>
    runtime.calls.filter((call) => call.startsWith("updateContainerResources"));

  test("is changed in place", async (t) => {
    const fixture = await kubeletFixture(t);
    await running(fixture, both("100m", "64Mi"));
    assert.deepEqual(status(fixture)?.resources, both("100m", "64Mi"));
    resize(fixture, both("200m", "64Mi"));
    await fixture.until("applied", () => status(fixture)?.resources?.limits?.["cpu"] === "200m");
    assert.equal(updates(fixture).length, 1);
    assert.match(updates(fixture)[0]!, /"cpuShares":204.*"cpuQuota":20000/);
    assert.equal(status(fixture)?.restartCount, 0);
    assert.deepEqual(status(fixture)?.allocatedResources, both("200m", "64Mi").requests);
    assert.equal(condition(fixture, "PodResizeInProgress"), undefined);
    const reasons = fixture.events().map((event) => event.split(":")[0]);
    assert.ok(reasons.includes("Normal ResizeStarted") && reasons.includes("Normal ResizeCompleted"), reasons.join());

    // A restarted kubelet remembers what it applied.
    await fixture.restart();
    await fixture.settle();
    assert.equal(updates(fixture).length, 1);
    assert.deepEqual(status(fixture)?.resources, both("200m", "64Mi"));
  });

  test("is restarted where its policy wants that", async (t) => {
    const fixture = await kubeletFixture(t);
    await running(fixture, both("100m", "64Mi"), {
      resizePolicy: [{ resourceName: "memory", restartPolicy: "RestartContainer" }],
    });
    resize(fixture, both("100m", "128Mi"));
    await fixture.until("restarted", () => status(fixture)?.restartCount === 1 && status(fixture)?.state?.running);
    assert.deepEqual(updates(fixture), []);
    assert.equal(fixture.runtime.container("app").config.linux.resources?.memoryLimitInBytes, 128 * 1024 * 1024);
    assert.ok(fixture.events().includes("Normal Killing: Container app resize requires restart, will be restarted"));
  });

  test("keeps what it has where there is no room, and gets more when there is", async (t) => {
    const fixture = await kubeletFixture(t);
    const { api, until, createPod, pod: current } = fixture;
    await running(fixture, both("100m", "64Mi"));
    const cpus = Number(fixture.kubelet.node()?.status?.allocatable?.["cpu"]);
    createPod(
      { containers: [{ name: "big", image: "app:1", resources: both(`${cpus * 1000 - 200}m`, "1Mi") }] },
      { name: "big" },
    );
    await until("running", () => current("big").status?.phase === "Running");
    resize(fixture, both(`${cpus * 1000}k`, "64Mi"));
    await until("refused", () => condition(fixture, "PodResizePending")?.reason === "Infeasible");
    resize(fixture, both("500m", "64Mi"));
    await until("deferred", () => condition(fixture, "PodResizePending")?.reason === "Deferred");
    assert.deepEqual(status(fixture)?.resources, both("100m", "64Mi"));
    api.remove(pods, "big", "default");
    await until("applied", () => status(fixture)?.resources?.limits?.["cpu"] === "500m");
    assert.equal(condition(fixture, "PodResizePending"), undefined);
  });

  test("shows a failure, and is tried again", async (t) => {
    const fixture = await kubeletFixture(t);
    await running(fixture, both("100m", "64Mi"));
    fixture.runtime.fail("updateContainerResources", new Error("device or resource busy"));
    resize(fixture, both("100m", "16Mi"));
    await fixture.until("told", () => condition(fixture, "PodResizeInProgress")?.reason === "Error");
    assert.equal(condition(fixture, "PodResizeInProgress")?.message, "device or resource busy");
    assert.deepEqual(status(fixture)?.resources, both("100m", "64Mi"));
    fixture.runtime.fail("updateContainerResources", undefined);
    await fixture.advanceUntil("applied", () => status(fixture)?.resources?.limits?.["memory"] === "16Mi", 15_000);
  });
});
