import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { UnknownObject } from "../api/object.ts";
import type { ObjectMeta, Status } from "../api/types/meta.v1.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { send, testServer } from "./server.fixture.ts";
import type { ApiServer } from "./server.ts";

const clock = virtualClock(Date.UTC(2026, 0, 1));
let server: ApiServer;
before(async () => {
  server = testServer({ clock });
  await server.ready;
  await call("POST", "/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "default" } });
});
after(() => server.close(0));

type Body = UnknownObject & Status & { items?: UnknownObject[] };
const call = (method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: unknown) =>
  send<Body>(server, method, path, body);
const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";
const PODS = "/api/v1/namespaces/default/pods";

async function makePod(name: string, options: { node?: string; finalizers?: string[] } = {}) {
  const { node, finalizers } = options;
  const created = await call("POST", PODS, {
    metadata: { name, ...(finalizers ? { finalizers } : {}) },
    spec: { containers: [{ name: "c", image: "i" }], ...(node ? { nodeName: node } : {}) },
  });
  assert.equal(created.status, 201, created.text);
  return created.json;
}

test("an ordinary object goes at once, and the answer is a Status", async () => {
  const { json: made } = await call("POST", CONFIG_MAPS, { metadata: { name: "a" } });
  const gone = await call("DELETE", `${CONFIG_MAPS}/a`);
  assert.equal(gone.status, 200);
  assert.deepEqual(
    [gone.json.kind, gone.json.status, gone.json.details],
    ["Status", "Success", { name: "a", kind: "configmaps", uid: made.metadata?.uid }],
  );
  const again = await call("DELETE", `${CONFIG_MAPS}/a`);
  assert.deepEqual([again.status, again.json.message], [404, 'configmaps "a" not found']);
});

test("preconditions must hold", async () => {
  const { json: made } = await call("POST", CONFIG_MAPS, { metadata: { name: "p" } });
  const wrong = await call("DELETE", `${CONFIG_MAPS}/p`, { preconditions: { uid: "other" } });
  assert.equal(wrong.status, 409);
  assert.match(wrong.json.message!, /the UID in the precondition \(other\) does not match the UID in record/);
  const old = await call("DELETE", `${CONFIG_MAPS}/p`, { preconditions: { resourceVersion: "1" } });
  assert.equal(old.status, 409);
  const { uid, resourceVersion } = made.metadata as ObjectMeta;
  assert.equal((await call("DELETE", `${CONFIG_MAPS}/p`, { preconditions: { uid, resourceVersion } })).status, 200);
});

test("finalizers keep an object until the last one is taken away", async () => {
  await call("POST", CONFIG_MAPS, { metadata: { name: "f", finalizers: ["example.com/x"] } });
  const marked = await call("DELETE", `${CONFIG_MAPS}/f`);
  assert.equal(marked.json.kind, "ConfigMap");
  assert.equal(marked.json.metadata?.deletionTimestamp, "2026-01-01T00:00:00Z");
  assert.equal(marked.json.metadata?.deletionGracePeriodSeconds, 0);
  const again = await call("DELETE", `${CONFIG_MAPS}/f`);
  assert.equal(again.json.metadata?.resourceVersion, marked.json.metadata?.resourceVersion);
  const more = await call("PUT", `${CONFIG_MAPS}/f`, {
    ...marked.json,
    metadata: { ...marked.json.metadata, finalizers: ["example.com/x", "example.com/y"] },
  });
  assert.equal(more.status, 422);
  assert.match(more.json.message!, /no new finalizers can be added if the object is being deleted/);
  const freed = await call("PUT", `${CONFIG_MAPS}/f`, {
    ...marked.json,
    metadata: { ...marked.json.metadata, finalizers: [] },
  });
  assert.equal(freed.status, 200);
  assert.equal((await call("GET", `${CONFIG_MAPS}/f`)).status, 404);
});

test("propagation policies become the garbage collector's finalizers", async () => {
  for (const [policy, finalizer] of [
    ["Foreground", "foregroundDeletion"],
    ["Orphan", "orphan"],
  ]) {
    const name = `g-${finalizer!.toLowerCase()}`;
    await call("POST", CONFIG_MAPS, { metadata: { name } });
    const marked = await call("DELETE", `${CONFIG_MAPS}/${name}`, { propagationPolicy: policy });
    assert.deepEqual(marked.json.metadata?.finalizers, [finalizer]);
    const now = await call("DELETE", `${CONFIG_MAPS}/${name}?propagationPolicy=Background`);
    assert.equal(now.json.kind, "Status");
  }
  const bad = await call("DELETE", `${CONFIG_MAPS}/x`, { propagationPolicy: "Never" });
  assert.equal(bad.status, 422);
});

test("a pod on a node gets its grace; one without goes at once", async () => {
  await makePod("pending");
  assert.equal((await call("DELETE", `${PODS}/pending`)).json.kind, "Pod");
  assert.equal((await call("GET", `${PODS}/pending`)).status, 404);

  await makePod("graceful", { node: "n" });
  const marked = await call("DELETE", `${PODS}/graceful`);
  const { deletionTimestamp, deletionGracePeriodSeconds, generation } = marked.json.metadata as ObjectMeta;
  assert.deepEqual([deletionTimestamp, deletionGracePeriodSeconds], ["2026-01-01T00:00:30Z", 30]);
  assert.equal(generation, 2);
  const shorter = await call("DELETE", `${PODS}/graceful?gracePeriodSeconds=10`);
  assert.equal(shorter.json.metadata?.deletionTimestamp, "2026-01-01T00:00:10Z");
  const longer = await call("DELETE", `${PODS}/graceful`, { gracePeriodSeconds: 60 });
  assert.equal(longer.json.metadata?.deletionGracePeriodSeconds, 10);
  assert.equal((await call("DELETE", `${PODS}/graceful?gracePeriodSeconds=0`)).status, 200);
  assert.equal((await call("GET", `${PODS}/graceful`)).status, 404);
});

test("a pod with finalizers waits for them after its grace", async () => {
  await makePod("held", { node: "n", finalizers: ["example.com/x"] });
  await call("DELETE", `${PODS}/held`);
  const ended = await call("DELETE", `${PODS}/held?gracePeriodSeconds=0`);
  assert.equal(ended.json.metadata?.deletionGracePeriodSeconds, 0);
  await call("PUT", `${PODS}/held`, { ...ended.json, metadata: { ...ended.json.metadata, finalizers: [] } });
  assert.equal((await call("GET", `${PODS}/held`)).status, 404);
});

test("a collection is deleted by its selector", async () => {
  for (const [name, app] of [
    ["c1", "x"],
    ["c2", "x"],
    ["c3", "y"],
  ]) {
    await call("POST", CONFIG_MAPS, { metadata: { name, labels: { app } } });
  }
  const deleted = await call("DELETE", `${CONFIG_MAPS}?labelSelector=app%3Dx`);
  assert.deepEqual([deleted.json.kind, deleted.json.items?.length], ["ConfigMapList", 2]);
  const left = await call("GET", `${CONFIG_MAPS}?labelSelector=app`);
  assert.deepEqual(
    left.json.items?.map(({ metadata }) => metadata?.name),
    ["c3"],
  );
});

test("a namespace is marked, emptied by its controller, and gone with its last finalizer", async () => {
  await call("POST", "/api/v1/namespaces", { metadata: { name: "team" } });
  const marked = await call("DELETE", "/api/v1/namespaces/team");
  assert.equal((marked.json["status"] as unknown as { phase: string }).phase, "Terminating");
  const inside = await call("POST", "/api/v1/namespaces/team/configmaps", { metadata: { name: "late" } });
  assert.equal(inside.status, 403);
  assert.match(inside.json.message!, /because it is being terminated/);
  const finalized = await call("PUT", "/api/v1/namespaces/team/finalize", { ...marked.json, spec: { finalizers: [] } });
  assert.equal(finalized.status, 200);
  assert.equal((await call("GET", "/api/v1/namespaces/team")).status, 404);
});

test("an evicted pod tells why it goes, and the version that is asked for must be the newest", async () => {
  await makePod("why", { node: "n" });
  const { json: pod } = await call("GET", `${PODS}/why`);
  const evict = (resourceVersion: string) =>
    call("POST", `${PODS}/why/eviction`, {
      metadata: { name: "why", namespace: "default" },
      deleteOptions: { preconditions: { resourceVersion } },
    });
  assert.equal((await evict("1")).status, 409);
  assert.equal((await evict(pod.metadata!.resourceVersion!)).status, 201);
  const { json: leaving } = await call("GET", `${PODS}/why`);
  const { conditions } = leaving["status"] as unknown as { conditions: Record<string, string>[] };
  const { type, status, reason } = conditions.find((condition) => condition["type"] === "DisruptionTarget")!;
  assert.deepEqual([type, status, reason], ["DisruptionTarget", "True", "EvictionByEvictionAPI"]);
  assert.ok(leaving.metadata!.deletionTimestamp);
});

test("an eviction asks the disruption budget", async () => {
  const budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
  const { json: pod } = await makePod("e", { node: "n" }).then((json) => ({ json }));
  await call("PUT", `${PODS}/e`, { ...pod, metadata: { ...pod.metadata, labels: { app: "e" } } });
  const { json: running } = await call("GET", `${PODS}/e`);
  const conditions = [{ type: "Ready", status: "True" }];
  await call("PUT", `${PODS}/e/status`, { ...running, status: { phase: "Running", conditions } });
  const { json: budget } = await call("POST", budgets, {
    metadata: { name: "b" },
    spec: { minAvailable: 1, selector: { matchLabels: { app: "e" } } },
  });
  const evict = () => call("POST", `${PODS}/e/eviction`, { metadata: { name: "e", namespace: "default" } });
  const early = await evict();
  assert.equal(early.status, 429);
  assert.match(early.json.details!.causes![0]!.message!, /still being processed/);
  const status = {
    observedGeneration: 1,
    disruptionsAllowed: 0,
    desiredHealthy: 1,
    currentHealthy: 1,
    expectedPods: 1,
  };
  const { json: full } = await call("PUT", `${budgets}/b/status`, { ...budget, status });
  const refused = await evict();
  assert.equal(refused.json.message, "Cannot evict pod as it would violate the pod's disruption budget.");
  assert.equal(
    refused.json.details!.causes![0]!.message,
    "The disruption budget b needs 1 healthy pods and has 1 currently",
  );
  await call("PUT", `${budgets}/b/status`, { ...full, status: { ...status, disruptionsAllowed: 1 } });
  assert.equal((await evict()).status, 201);
  assert.ok((await call("GET", `${PODS}/e`)).json.metadata?.deletionTimestamp);
  const spent = (await call("GET", `${budgets}/b`)).json["status"] as unknown as Record<string, unknown>;
  assert.deepEqual([spent["disruptionsAllowed"], Object.keys(spent["disruptedPods"] as object)], [0, ["e"]]);
});

test("a binding gives a pod its node once", async () => {
  await makePod("b");
  const bind = (node: string) =>
    call("POST", `${PODS}/b/binding`, {
      metadata: { name: "b", namespace: "default" },
      target: { kind: "Node", name: node },
    });
  const bound = await bind("n1");
  assert.deepEqual([bound.status, bound.json.status], [201, "Success"]);
  const { spec, status } = (await call("GET", `${PODS}/b`)).json as unknown as {
    spec: { nodeName: string };
    status: { conditions: { type: string; status: string }[] };
  };
  assert.equal(spec.nodeName, "n1");
  assert.deepEqual(
    status.conditions.map(({ type, status }) => `${type}=${status}`),
    ["PodScheduled=True"],
  );
  const again = await bind("n2");
  assert.equal(again.status, 409);
  assert.match(again.json.message!, /pod b is already assigned to node "n1"/);
});

test("events go after their time", async () => {
  const events = "/api/v1/namespaces/default/events";
  await call("POST", events, {
    metadata: { name: "e1", namespace: "default" },
    involvedObject: { kind: "Pod", name: "p", namespace: "default" },
    reason: "Old",
    message: "m",
    type: "Normal",
  });
  await clock.advance(30 * 60_000);
  assert.equal((await call("GET", events)).json.items?.length, 1);
  await clock.advance(31 * 60_000);
  for (let round = 0; round < 100 && (await call("GET", events)).json.items?.length; round++) {
    await new Promise(setImmediate);
  }
  assert.equal((await call("GET", events)).json.items?.length, 0);
});
