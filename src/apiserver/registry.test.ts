import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { UnknownObject } from "../api/object.ts";
import type { Status } from "../api/types/meta.v1.ts";
import { send, testServer } from "./server.fixture.ts";
import type { ApiServer } from "./server.ts";

let server: ApiServer;
before(() => {
  server = testServer();
  return server.ready;
});
after(() => server.close(0));

const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";
type Body = UnknownObject & Status & { data?: Record<string, string> };
const call = (method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: unknown) =>
  send<Body>(server, method, path, body);
const patch = (path: string, type: string, body: unknown) =>
  send<Body>(server, "PATCH", path, body, { headers: { "content-type": `application/${type}` } });

test("create sets what only the server may set", async () => {
  const created = await call("POST", CONFIG_MAPS, {
    metadata: { name: "new", uid: "mine", generation: 7, deletionTimestamp: "2020-01-01T00:00:00Z", selfLink: "/x" },
    data: { a: "1" },
  });
  assert.equal(created.status, 201);
  const { metadata, kind, apiVersion } = created.json;
  assert.deepEqual([kind, apiVersion, metadata?.namespace], ["ConfigMap", "v1", "default"]);
  assert.notEqual(metadata?.uid, "mine");
  assert.equal(metadata?.deletionTimestamp, undefined);
  assert.match(metadata?.creationTimestamp ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.ok(Number(metadata?.resourceVersion) > 0);
  assert.equal(metadata?.managedFields?.[0]?.operation, "Update");
  assert.deepEqual((await call("GET", `${CONFIG_MAPS}/new`)).json, created.json);
});

test("create refuses what exists, what names another namespace, and what has no name", async () => {
  await call("POST", CONFIG_MAPS, { metadata: { name: "twice" } });
  const again = await call("POST", CONFIG_MAPS, { metadata: { name: "twice" } });
  assert.equal(again.status, 409);
  assert.equal(again.json.message, 'configmaps "twice" already exists');
  assert.deepEqual(again.json.details, { name: "twice", kind: "configmaps" });
  const elsewhere = await call("POST", CONFIG_MAPS, { metadata: { name: "x", namespace: "other" } });
  assert.equal(elsewhere.status, 400);
  assert.match(elsewhere.json.message!, /does not match the namespace sent on the request/);
  const nameless = await call("POST", CONFIG_MAPS, {});
  assert.equal(nameless.status, 422);
  assert.equal(
    nameless.json.message,
    'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
  );
  const versioned = await call("POST", CONFIG_MAPS, { metadata: { name: "v", resourceVersion: "5" } });
  assert.equal(versioned.json.message, "resourceVersion should not be set on objects to be created");
  assert.equal((await call("POST", "/api/v1/namespaces/nowhere/configmaps", { metadata: { name: "a" } })).status, 404);
});

test("generated names have a suffix of five characters", async () => {
  const { json } = await call("POST", CONFIG_MAPS, { metadata: { generateName: "gen-" } });
  assert.match(json.metadata?.name ?? "", /^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
});

test("a dry run writes nothing", async () => {
  const created = await call("POST", `${CONFIG_MAPS}?dryRun=All`, { metadata: { name: "dry" } });
  assert.equal(created.status, 201);
  assert.equal(created.json.metadata?.resourceVersion, undefined);
  assert.equal((await call("GET", `${CONFIG_MAPS}/dry`)).status, 404);
  const present = await call("POST", CONFIG_MAPS, { metadata: { name: "wet" }, data: { a: "1" } });
  const updated = await call("PUT", `${CONFIG_MAPS}/wet?dryRun=All`, { metadata: { name: "wet" }, data: { a: "2" } });
  assert.deepEqual(updated.json.data, { a: "2" });
  assert.equal((await call("DELETE", `${CONFIG_MAPS}/wet?dryRun=All`)).status, 200);
  assert.deepEqual((await call("GET", `${CONFIG_MAPS}/wet`)).json, present.json);
  const bad = await call("POST", `${CONFIG_MAPS}?dryRun=Some`, { metadata: { name: "dry" } });
  assert.equal(bad.status, 422);
});

test("an update needs the newest version, or none, and the same object", async () => {
  const { json: first } = await call("POST", CONFIG_MAPS, { metadata: { name: "up" }, data: { a: "1" } });
  const { json: second } = await call("PUT", `${CONFIG_MAPS}/up`, { ...first, data: { a: "2" } });
  assert.notEqual(second.metadata?.resourceVersion, first.metadata?.resourceVersion);
  const stale = await call("PUT", `${CONFIG_MAPS}/up`, { ...first, data: { a: "3" } });
  assert.equal(stale.status, 409);
  assert.equal(
    stale.json.message,
    'Operation cannot be fulfilled on configmaps "up": the object has been modified; please apply your changes to the latest version and try again',
  );
  const unconditional = await call("PUT", `${CONFIG_MAPS}/up`, { metadata: { name: "up" }, data: { a: "4" } });
  assert.equal(unconditional.status, 200);
  assert.equal(unconditional.json.metadata?.uid, first.metadata?.uid);
  const foreign = await call("PUT", `${CONFIG_MAPS}/up`, { metadata: { name: "up", uid: "other" }, data: {} });
  assert.equal(foreign.status, 409);
  assert.match(foreign.json.message!, /Precondition failed: UID in precondition: other, UID in object meta: /);
  const renamed = await call("PUT", `${CONFIG_MAPS}/up`, { metadata: { name: "down" } });
  assert.equal(renamed.status, 400);
  assert.equal((await call("PUT", `${CONFIG_MAPS}/none`, { metadata: { name: "none" } })).status, 404);
});

test("an update that changes nothing is not written", async () => {
  const { json: first } = await call("POST", CONFIG_MAPS, { metadata: { name: "same" }, data: { a: "1", b: "2" } });
  const { json: again } = await call("PUT", `${CONFIG_MAPS}/same`, {
    data: { b: "2", a: "1" },
    metadata: { name: "same" },
  });
  assert.equal(again.metadata?.resourceVersion, first.metadata?.resourceVersion);
});

test("PUT creates where the kind allows it", async () => {
  const lease = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l";
  const created = await call("PUT", lease, { metadata: { name: "l" }, spec: { holderIdentity: "me" } });
  assert.equal(created.status, 201);
  assert.equal((await call("PUT", lease, { ...created.json, spec: { holderIdentity: "you" } })).status, 200);
  const unconditional = await call("PUT", lease, { metadata: { name: "l" }, spec: { holderIdentity: "us" } });
  assert.equal(unconditional.status, 422);
  assert.match(unconditional.json.message!, /metadata\.resourceVersion: .* must be specified for an update/);
});

test("status and spec are written through their own paths", async () => {
  const deployments = "/apis/apps/v1/namespaces/default/deployments";
  const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } };
  const { json: made } = await call("POST", deployments, {
    metadata: { name: "d" },
    spec: { selector: { matchLabels: { a: "b" } }, template },
    status: { replicas: 9 },
  });
  assert.deepEqual(made["status"], {});
  assert.equal(made.metadata?.generation, 1);
  const spec = made["spec"] as Record<string, unknown>;
  const viaStatus = await call("PUT", `${deployments}/d/status`, {
    ...made,
    spec: { ...spec, replicas: 5 },
    status: { replicas: 2 },
  });
  assert.equal(viaStatus.status, 200, viaStatus.text);
  assert.deepEqual([(viaStatus.json["spec"] as typeof spec)["replicas"], viaStatus.json.metadata?.generation], [1, 1]);
  assert.equal((viaStatus.json["status"] as unknown as { replicas: number }).replicas, 2);
  const viaObject = await call("PUT", `${deployments}/d`, {
    ...viaStatus.json,
    spec: { ...spec, replicas: 3 },
    status: { replicas: 7 },
  });
  assert.equal((viaObject.json["status"] as unknown as { replicas: number }).replicas, 2);
  assert.equal(viaObject.json.metadata?.generation, 2);
  const owners = viaObject.json.metadata?.managedFields?.map(({ subresource }) => subresource);
  assert.ok(owners?.includes("status"));

  const scale = await call("GET", `${deployments}/d/scale`);
  assert.deepEqual(scale.json["spec"], { replicas: 3 });
  assert.deepEqual(scale.json["status"], { replicas: 2, selector: "a=b" });
  const scaled = await patch(`${deployments}/d/scale`, "merge-patch+json", { spec: { replicas: 0 } });
  assert.deepEqual([scaled.status, scaled.json.kind, scaled.json["spec"]], [200, "Scale", {}]);
  const negative = await call("PUT", `${deployments}/d/scale`, {
    metadata: { name: "d", namespace: "default" },
    spec: { replicas: -1 },
  });
  assert.equal(negative.status, 422);
  const stale = await call("PUT", `${deployments}/d/scale`, { ...scale.json, spec: { replicas: 4 } });
  assert.equal(stale.status, 409);
});

test("patches of each kind change the object", async () => {
  const path = `${CONFIG_MAPS}/patched`;
  await call("POST", CONFIG_MAPS, { metadata: { name: "patched", labels: { a: "1" } }, data: { a: "1" } });
  const merged = await patch(path, "merge-patch+json", { data: { a: null, b: "2" } });
  assert.deepEqual(merged.json.data, { b: "2" });
  const operations = [{ op: "add", path: "/data/c", value: "3" }];
  const edited = await patch(path, "json-patch+json", operations);
  assert.deepEqual(edited.json.data, { b: "2", c: "3" });
  const strategic = await patch(path, "strategic-merge-patch+json", { metadata: { labels: { b: "2" } } });
  assert.deepEqual(strategic.json.metadata?.labels, { a: "1", b: "2" });
  const unknown = await patch(`${path}?fieldValidation=Strict`, "merge-patch+json", { nonsense: true });
  assert.equal(unknown.status, 422, unknown.text);
  const warned = await patch(path, "merge-patch+json", { nonsense: true });
  assert.match(warned.headers["warning"] ?? "", /unknown field \\"nonsense\\"/);
  assert.equal((await patch(`${CONFIG_MAPS}/none`, "merge-patch+json", {})).status, 404);
  const stale = await patch(path, "merge-patch+json", { metadata: { resourceVersion: "1" }, data: { z: "1" } });
  assert.equal(stale.status, 409);
  assert.equal((await patch(path, "x-patch+json", {})).status, 415);
});

test("concurrent patches all get through", async () => {
  await call("POST", CONFIG_MAPS, { metadata: { name: "busy" } });
  const writes = Array.from({ length: 20 }, (_, index) =>
    patch(`${CONFIG_MAPS}/busy`, "merge-patch+json", { data: { [`k${index}`]: "v" } }),
  );
  for (const { status } of await Promise.all(writes)) assert.equal(status, 200);
  assert.equal(Object.keys((await call("GET", `${CONFIG_MAPS}/busy`)).json.data ?? {}).length, 20);
});

test("server-side apply creates, updates and tells of conflicts", async () => {
  const path = `${CONFIG_MAPS}/applied`;
  const apply = (manager: string, data: object, query = "") =>
    patch(`${path}?fieldManager=${manager}${query}`, "apply-patch+yaml", {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "applied" },
      data,
    });
  assert.equal((await apply("one", { a: "1", b: "1" })).status, 201);
  assert.deepEqual((await apply("one", { a: "1" })).json.data, { a: "1" });
  const conflict = await apply("two", { a: "2" });
  assert.equal(conflict.status, 409);
  assert.equal(conflict.json.message, 'Apply failed with 1 conflict: conflict with "one": .data.a');
  assert.deepEqual((await apply("two", { a: "2" }, "&force=true")).json.data, { a: "2" });
  const nobody = await patch(path, "apply-patch+yaml", { apiVersion: "v1", kind: "ConfigMap" });
  assert.equal(nobody.status, 422);
  assert.match(nobody.json.message!, /fieldManager: Required value: is required for apply patch/);
});

test("repeated owners are dropped with a warning", async () => {
  const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "u" };
  const created = await call("POST", CONFIG_MAPS, {
    metadata: { name: "owned", ownerReferences: [owner, { ...owner }] },
  });
  assert.equal(created.json.metadata?.ownerReferences?.length, 1);
  assert.match(created.headers["warning"] ?? "", /^299 - "\.metadata\.ownerReferences contains duplicate entries/);
});

test("names, labels and finalizers are checked", async () => {
  for (const [metadata, field] of [
    [{ name: "Upper" }, "metadata.name"],
    [{ name: "l", labels: { "a b": "c" } }, "metadata.labels"],
    [{ name: "l", labels: { a: "-" } }, "metadata.labels"],
    [{ name: "f", finalizers: ["a/b/c"] }, "metadata.finalizers"],
    [{ name: "o", ownerReferences: [{ apiVersion: "v1", kind: "", name: "x", uid: "u" }] }, "metadata.ownerReferences"],
    [{ name: "g", generateName: "Bad-" }, "metadata.generateName"],
  ] as const) {
    const { status, json } = await call("POST", CONFIG_MAPS, { metadata });
    assert.equal(status, 422, JSON.stringify(metadata));
    assert.ok(json.details?.causes?.[0]?.field?.startsWith(field), json.message);
  }
});
