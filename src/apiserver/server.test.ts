import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { badRequest, type StatusError } from "../api/status-error.ts";
import type { Status } from "../api/types/meta.v1.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { memoryStore } from "../store/memory.ts";
import { type Store, StoreUnavailableError } from "../store/store.ts";
import { chain, type RequestContext } from "./filters/context.ts";
import { requestDeadline } from "./filters/deadline.ts";
import { maxInFlight } from "./filters/max-in-flight.ts";
import { withWarnings } from "./filters/warnings.ts";
import { writeChunks } from "./http/body.ts";
import { parseTarget } from "./http/exchange.ts";
import { storagePrefix } from "./registry/storage-key.ts";
import { requestInfo } from "./request-info.ts";
import { send, testServer } from "./server.fixture.ts";
import type { ApiServer } from "./server.ts";

let server: ApiServer;
before(() => {
  server = testServer();
  return server.ready;
});
after(() => server.close(0));

const NOBODY = { name: "nobody", groups: [] };
const get = <T = Status>(path: string, headers: Record<string, string> = {}, user?: typeof NOBODY) =>
  send<T>(server, "GET", path, undefined, { headers, ...(user ? { user } : {}) });

test("who may not is told so in upstream's words", async () => {
  const list = await get("/api/v1/namespaces/default/pods", {}, NOBODY);
  assert.equal(list.status, 403);
  assert.equal(
    list.json.message,
    'pods is forbidden: User "nobody" cannot list resource "pods" in API group "" in the namespace "default"',
  );
  const scale = await get("/apis/apps/v1/namespaces/default/deployments/d/scale", {}, NOBODY);
  assert.equal(
    scale.json.message,
    'deployments.apps "d" is forbidden: User "nobody" cannot get resource "deployments/scale" in API group "apps" in the namespace "default"',
  );
  const path = await get("/metrics", {}, NOBODY);
  assert.equal(path.json.message, 'forbidden: User "nobody" cannot get path "/metrics"');
});

test("a user may act as another where that is allowed", async () => {
  const as = { "impersonate-user": "jane", "impersonate-group": "devs" };
  const admin = await get("/api/v1/namespaces", as);
  assert.match(admin.json.message!, /^namespaces is forbidden: User "jane" cannot list/);
  const nobody = await get("/api/v1/namespaces", as, NOBODY);
  assert.match(nobody.json.message!, /User "nobody" cannot impersonate resource "users" in API group ""/);
  assert.equal((await get("/api/v1/namespaces", { "impersonate-group": "devs" })).status, 500);
  const review = await send<{ status: { userInfo: object } }>(
    server,
    "POST",
    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    {},
    { headers: { ...as, "impersonate-uid": "u", "impersonate-extra-a%2fb": "c" } },
  );
  assert.deepEqual(review.json.status.userInfo, {
    username: "jane",
    uid: "u",
    groups: ["devs", "system:authenticated"],
    extra: { "a/b": ["c"] },
  });
});

test("what is not served is a 404, a verb that is not a 405", async () => {
  for (const path of [
    "/api/v1/widgets",
    "/apis/apps/v2/namespaces/default/deployments",
    "/api/v1/pods/p",
    "/api/v1/namespaces/default/nodes",
    "/api/v1/namespaces/default/pods/p/nonsense",
    "/api/v1/namespaces/default/pods/p/status/more",
    "/apis/apps/v2",
    "/api/v2",
    "/api/v1/x/y",
  ]) {
    const { status, json } = await get(path);
    assert.equal(status, 404, path);
    assert.equal(json.reason, "NotFound");
  }
  for (const path of ["/nonsense", "/apis/nonsense", "/apis/nonsense/v1/widgets"]) {
    const { status, text, headers } = await get(path);
    assert.deepEqual(
      [status, text, headers["content-type"]],
      [404, "404 page not found\n", "text/plain; charset=utf-8"],
      path,
    );
  }
  assert.equal((await send(server, "POST", "/api/v1/pods", {})).status, 405);
  assert.equal((await send(server, "DELETE", "/api/v1/namespaces")).status, 405);
  assert.equal((await send(server, "PUT", "/api/v1/namespaces/default/pods", {})).status, 405);
});

test("bodies that make no sense are refused", async () => {
  const path = "/api/v1/namespaces/default/configmaps";
  const post = (body: string, type = "application/json") =>
    send<Status>(server, "POST", path, body, { headers: { "content-type": type } });
  for (const body of [
    "",
    "{",
    "[]",
    "null",
    '{"metadata":5}',
    '{"kind":"Pod","apiVersion":"v1"}',
    '{"apiVersion":"v2"}',
  ]) {
    const { status, json } = await post(body);
    assert.ok(status === 400 || (status === 422 && body === "null"), `${body}: ${status} ${json.message}`);
  }
  assert.equal((await post("{}", "text/plain")).status, 415);
  const large = await post(JSON.stringify({ metadata: { name: "l" }, data: { a: "x".repeat(3 * 1024 * 1024) } }));
  assert.equal(large.status, 413);
  const yaml = await post("metadata:\n  name: yaml\ndata:\n  a: b\n", "application/yaml");
  assert.equal(yaml.status, 201);
});

test("discovery tells of everything, in both forms", async () => {
  interface Resource {
    name: string;
    kind: string;
    group?: string;
    verbs: string[];
    shortNames?: string[];
    storageVersionHash?: string;
  }
  const core = await get<{ resources: Resource[] }>("/api/v1");
  const find = (name: string) => core.json.resources.find((one) => one.name === name);
  assert.deepEqual(find("pods")?.shortNames, ["po"]);
  assert.equal(find("pods")?.storageVersionHash, "xPOwRZ+Yhw8=");
  assert.deepEqual([find("pods/eviction")?.group, find("pods/eviction")?.kind], ["policy", "Eviction"]);
  assert.deepEqual(find("namespaces")?.verbs.includes("deletecollection"), false);
  const groups = await get<{ groups: { name: string; preferredVersion: { groupVersion: string } }[] }>("/apis");
  assert.equal(groups.json.groups[1]?.name, "apps");
  const autoscaling = groups.json.groups.find(({ name }) => name === "autoscaling");
  assert.equal(autoscaling?.preferredVersion.groupVersion, "autoscaling/v2");
  assert.equal((await get("/apis/batch")).status, 200);
  assert.deepEqual((await get<{ versions: string[] }>("/api")).json.versions, ["v1"]);

  const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
  const all = await get<{ items: { metadata: { name?: string }; versions: { resources: unknown[] }[] }[] }>("/apis", {
    accept,
  });
  assert.equal(all.headers["content-type"], "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
  assert.ok(all.json.items.some(({ metadata }) => metadata.name === "batch"));
  const same = await get("/apis", { accept, "if-none-match": all.headers["etag"]! });
  assert.deepEqual([same.status, same.text], [304, ""]);
});

test("health, version, index and metrics", async () => {
  assert.equal((await get("/healthz")).text, "ok");
  assert.equal((await get("/readyz/etcd")).text, "ok");
  assert.equal((await get("/livez/nonsense")).status, 404);
  const verbose = await get("/readyz?verbose&exclude=etcd");
  assert.match(verbose.text, /^\[\+\]ping ok\n[\s\S]*\[\+\]etcd excluded: ok\n[\s\S]*readyz check passed\n$/);
  assert.match((await get<{ gitVersion: string }>("/version")).json.gitVersion, /^v1\.36\.\d+\+knarr$/);
  assert.ok((await get<{ paths: string[] }>("/")).json.paths.includes("/metrics"));
  const { text } = await get("/metrics");
  assert.match(text, /apiserver_request_total\{verb="LIST",[^}]*resource="pods"[^}]*code="403"\} 1/);
  assert.match(text, /apiserver_current_inflight_requests\{request_kind="readOnly"\} 1/);
  assert.doesNotMatch(text, /nonsense/);
});

test("a server that stops is not ready any more, and then is gone", async () => {
  const other = testServer();
  await other.ready;
  const closing = other.close();
  assert.equal((await send(other, "GET", "/readyz")).status, 500);
  await closing;
  await assert.rejects(send(other, "GET", "/readyz"), { name: "ConnectionError" });
});

test("a store that can't be written is told of, and reads go on", async () => {
  const store = memoryStore();
  let full = false;
  const failing: Store = {
    ...store,
    compareAndSwap: (...write) =>
      full ? Promise.reject(new StoreUnavailableError("the disk is full")) : store.compareAndSwap(...write),
  };
  const other = testServer({ store: failing });
  await other.ready;
  full = true;
  const written = await send<Status>(other, "POST", "/api/v1/namespaces", { metadata: { name: "n" } });
  assert.deepEqual([written.status, written.json.message], [503, "the disk is full"]);
  assert.equal((await send(other, "GET", "/api/v1/namespaces")).status, 200);
  await other.close(0);
});

test("objects lie where upstream keeps them", async () => {
  const store = memoryStore();
  const other = testServer({ store });
  await other.ready;
  for (const key of [
    "/registry/namespaces/default",
    "/registry/clusterroles/cluster-admin",
    "/registry/priorityclasses/system-node-critical",
  ]) {
    const { entry } = await store.get(key);
    assert.match(Buffer.from(entry!.value).toString(), /^\{"kind":"\w+","apiVersion":"[\w./]+","metadata":\{"name":/);
  }
  const prefixes = [
    ["", "services", "services/specs"],
    ["", "nodes", "minions"],
    ["networking.k8s.io", "ingresses", "ingress"],
    ["apps", "deployments", "deployments"],
    ["apiextensions.k8s.io", "customresourcedefinitions", "apiextensions.k8s.io/customresourcedefinitions"],
  ] as const;
  for (const [group, resource, place] of prefixes) {
    assert.equal(storagePrefix(group, resource), `/registry/${place}/`);
  }
  await other.close(0);
});

const context = (line: string, groups: string[] = []): RequestContext => {
  const [method, url] = line.split(" ") as [string, string];
  const request = { method, url, ...parseTarget(url)!, headers: {} } as unknown as RequestContext["request"];
  const user = { name: "u", groups };
  return { request, info: requestInfo(request), auditId: "", user, warnings: [], responseHeaders: {}, startedAt: 0 };
};
const OK = { status: 200, headers: {} };

test("requests beyond the limits are told to wait, unless they are long-running or a master's", async () => {
  const inFlight = { reading: 0, mutating: 0 };
  const gate = Promise.withResolvers<typeof OK>();
  const serve = chain([maxInFlight({ reading: 1, mutating: 1 }, inFlight)], () => gate.promise);
  const running = ["GET /api/v1/pods", "POST /api/v1/namespaces/a/pods"].map((line) => serve(context(line)));
  for (const line of ["GET /api/v1/nodes", "PUT /api/v1/nodes/a"]) {
    const refused = await serve(context(line));
    assert.deepEqual([refused.status, (refused.headers as Record<string, string>)["retry-after"]], [429, "1"]);
  }
  running.push(serve(context("GET /api/v1/pods?watch=1")), serve(context("GET /api/v1/nodes", ["system:masters"])));
  assert.deepEqual(inFlight, { reading: 2, mutating: 1 });
  gate.resolve(OK);
  await Promise.all(running);
  assert.deepEqual(inFlight, { reading: 0, mutating: 0 });
});

test("a request has a deadline, a watch has none", async () => {
  const clock = virtualClock();
  const never = () => new Promise<never>(() => {});
  const serve = chain([requestDeadline(clock, 60_000)], never);
  const late = serve(context("GET /api/v1/pods?timeout=1s"));
  late.catch(() => {});
  await clock.advance(1000);
  await assert.rejects(late, (error: StatusError) => error.code === 504);
  void serve(context("GET /api/v1/pods?watch=1"));
  assert.equal(clock.pending, 0);
  await assert.rejects(
    async () => serve(context("GET /api/v1/pods?timeout=x")),
    (error: StatusError) => error.code === badRequest("").code,
  );
});

test("warnings become headers that any client can read", () => {
  const { headers } = withWarnings(OK, ['say "hi"\n', "twice", "twice", "žluť"]);
  assert.deepEqual(headers["warning" as never], ['299 - "say \\"hi\\" "', '299 - "twice"', '299 - "?lu?"']);
});

test("small pieces are joined, big ones are left as they are", () => {
  const big = new Uint8Array(300 * 1024);
  const small = Array.from({ length: 10 }, () => new Uint8Array(100 * 1024));
  const sizes = [...writeChunks([...small, big])].map((chunk) => chunk.length / 1024);
  assert.deepEqual(sizes, [200, 200, 200, 200, 200, 300]);
});
