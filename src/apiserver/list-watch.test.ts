import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { UnknownObject } from "../api/object.ts";
import type { Status } from "../api/types/meta.v1.ts";
import { readBody } from "../client/transport.ts";
import { ADMIN, send, testServer } from "./server.fixture.ts";
import type { ApiServer } from "./server.ts";

let server: ApiServer;
before(async () => {
  server = testServer();
  await server.ready;
  for (const namespace of ["one", "two"]) {
    await send(server, "POST", "/api/v1/namespaces", { metadata: { name: namespace } });
    for (const name of ["a", "b", "c"]) {
      const labels = { app: name === "c" ? "odd" : "even" };
      await send(server, "POST", `/api/v1/namespaces/${namespace}/configmaps`, { metadata: { name, labels } });
    }
  }
});
after(() => server.close(0));

interface List extends Status {
  items: UnknownObject[];
}
const list = (path: string) => send<List>(server, "GET", path);
const names = ({ json }: { json: List }) =>
  json.items.map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`);

test("a list has a version, and items without kind", async () => {
  const answer = await list("/api/v1/namespaces/one/configmaps");
  assert.deepEqual([answer.json.kind, answer.json.apiVersion], ["ConfigMapList", "v1"]);
  assert.ok(Number(answer.json.metadata?.resourceVersion) > 0);
  assert.deepEqual(names(answer), ["one/a", "one/b", "one/c"]);
  assert.equal(answer.json.items[0]?.kind, undefined);
  assert.ok(answer.json.items[0]?.metadata?.resourceVersion);
});

test("selectors choose, and unknown ones are refused", async () => {
  assert.deepEqual(names(await list("/api/v1/configmaps?labelSelector=app%3Dodd")), ["one/c", "two/c"]);
  assert.deepEqual(
    names(await list("/api/v1/configmaps?labelSelector=app+notin+(odd)&fieldSelector=metadata.name%3Da")),
    ["one/a", "two/a"],
  );
  // Beside those of the test there are the server's own.
  const others = names(await list("/api/v1/configmaps?fieldSelector=metadata.namespace!%3Done,metadata.name!%3Da"));
  assert.deepEqual(
    others.filter((name) => !name.startsWith("kube-system/")),
    ["two/b", "two/c"],
  );
  const unknown = await list("/api/v1/configmaps?fieldSelector=data.x%3Dy");
  assert.equal(unknown.status, 400);
  assert.match(unknown.json.message!, /is not a known field selector: only "metadata.name", "metadata.namespace"/);
  const pods = await list("/api/v1/pods?fieldSelector=spec.foo%3Dy");
  assert.equal(pods.json.message, "field label not supported: spec.foo");
  assert.equal((await list("/api/v1/configmaps?labelSelector=a%3D%3D%3Db")).status, 400);
});

test("pages show one state, whatever is written between", async () => {
  const path = "/api/v1/namespaces/two/configmaps?limit=2";
  const first = await list(path);
  assert.deepEqual(names(first), ["two/a", "two/b"]);
  assert.equal(first.json.metadata?.remainingItemCount, 1);
  await send(server, "POST", "/api/v1/namespaces/two/configmaps", { metadata: { name: "d" } });
  const next = await list(`${path}&continue=${encodeURIComponent(first.json.metadata!.continue!)}`);
  assert.deepEqual(names(next), ["two/c"]);
  assert.equal(next.json.metadata?.resourceVersion, first.json.metadata?.resourceVersion);
  assert.equal(next.json.metadata?.continue, undefined);
  await send(server, "DELETE", "/api/v1/namespaces/two/configmaps/d");
  assert.equal((await list(`${path}&continue=nonsense`)).status, 400);
});

test("versions and their match are checked", async () => {
  const { resourceVersion } = (await list("/api/v1/configmaps")).json.metadata!;
  for (const [query, status] of [
    ["resourceVersion=0", 200],
    [`resourceVersion=${resourceVersion}`, 200],
    [`resourceVersion=${resourceVersion}&resourceVersionMatch=Exact`, 200],
    ["resourceVersion=x", 400],
    ["resourceVersionMatch=Exact", 422],
    ["resourceVersion=0&resourceVersionMatch=Exact", 422],
    ["resourceVersion=1&resourceVersionMatch=Whatever", 422],
    ["sendInitialEvents=true", 422],
    ["watch=1&resourceVersionMatch=Exact", 422],
    ["watch=1&sendInitialEvents=true", 422],
  ] as const) {
    assert.equal((await list(`/api/v1/configmaps?${query}`)).status, status, query);
  }
});

/** Reads `count` events of a watch, while `act` does something. */
async function watch(path: string, count: number, act: () => Promise<unknown>, headers: Record<string, string> = {}) {
  const response = await server.transport(ADMIN).request({ method: "GET", path, headers });
  assert.equal(response.status, 200, response.status === 200 ? "" : await readBody(response));
  const acting = act();
  const events: { type: string; object: UnknownObject & Record<string, unknown> }[] = [];
  let text = "";
  for await (const chunk of response.body) {
    text += Buffer.from(chunk).toString();
    const lines = text.split("\n");
    text = lines.pop()!;
    for (const line of lines) events.push(JSON.parse(line));
    if (events.length >= count) break;
  }
  await acting;
  return events;
}
const maps = "/api/v1/namespaces/one/configmaps";

test("a watch tells of additions, changes and deletions from a version on", async () => {
  const { resourceVersion } = (await list(maps)).json.metadata!;
  const events = await watch(`${maps}?watch=1&resourceVersion=${resourceVersion}`, 3, async () => {
    const { json } = await send<UnknownObject>(server, "POST", maps, { metadata: { name: "w" } });
    await send(server, "PUT", `${maps}/w`, { ...json, data: { a: "1" } });
    await send(server, "DELETE", `${maps}/w`);
  });
  assert.deepEqual(
    events.map(({ type }) => type),
    ["ADDED", "MODIFIED", "DELETED"],
  );
  const versions = events.map(({ object }) => Number(object.metadata?.resourceVersion));
  assert.deepEqual(
    versions,
    [...versions].sort((a, b) => a - b),
  );
  assert.ok(new Set(versions).size === 3);
  assert.deepEqual([events[1]?.object.kind, events[1]?.object["data"]], ["ConfigMap", { a: "1" }]);
});

test("a watch without a version begins with what is there, and a selector turns changes into additions", async () => {
  const events = await watch(`${maps}?watch=true&labelSelector=app%3Dodd`, 3, async () => {
    const { json } = await send<UnknownObject>(server, "GET", `${maps}/a`);
    const changed = { ...json, metadata: { ...json.metadata, labels: { app: "odd" }, resourceVersion: undefined } };
    await send(server, "PUT", `${maps}/a`, changed);
    await send(server, "PUT", `${maps}/a`, { ...changed, metadata: { ...changed.metadata, labels: { app: "even" } } });
  });
  assert.deepEqual(
    events.map(({ type, object }) => `${type} ${object.metadata?.name}`),
    ["ADDED c", "ADDED a", "DELETED a"],
  );
});

test("initial events end with a bookmark", async () => {
  const query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
  const events = await watch(`${maps}?${query}`, 4, async () => {});
  assert.deepEqual(
    events.map(({ type }) => type),
    ["ADDED", "ADDED", "ADDED", "BOOKMARK"],
  );
  const { kind, metadata } = events[3]!.object;
  assert.equal(kind, "ConfigMap");
  assert.equal(metadata?.annotations?.["k8s.io/initial-events-end"], "true");
});

test("a watch of tables sends the columns once", async () => {
  const events = await watch(`${maps}?watch=1`, 2, async () => {}, {
    accept: "application/json;as=Table;v=v1;g=meta.k8s.io",
  });
  const [first, second] = events.map(({ object }) => object);
  assert.equal(first?.kind, "Table");
  assert.ok(Array.isArray(first?.["columnDefinitions"]));
  assert.equal(second?.["columnDefinitions"], null);
  assert.equal((second!["rows"] as unknown[]).length, 1);
});

test("a watch ends by its timeout, and when the server stops", async () => {
  const other = testServer();
  const path = "/api/v1/namespaces?watch=1&timeoutSeconds=1";
  const response = await other.transport(ADMIN).request({ method: "GET", path });
  await readBody(response);
  const endless = await other.transport(ADMIN).request({ method: "GET", path: "/api/v1/namespaces?watch=1" });
  const reading = readBody(endless);
  await other.close(0);
  await reading;
});

test("a review is no table; a Scale is one", async () => {
  const table = { headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" } };
  const post = (headers = table.headers.accept) =>
    send<List>(
      server,
      "POST",
      "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
      { spec: { nonResourceAttributes: { verb: "get", path: "/" } } },
      { headers: { accept: headers } },
    );
  assert.equal((await post()).status, 406);
  const partial = await post("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io");
  assert.deepEqual([partial.status, partial.json.kind], [201, "PartialObjectMetadata"]);
  const controllers = "/api/v1/namespaces/default/replicationcontrollers";
  await send(server, "POST", controllers, {
    metadata: { name: "web" },
    spec: {
      replicas: 3,
      selector: { a: "b" },
      template: { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } },
    },
  });
  const scale = await send<Record<string, never>>(server, "GET", `${controllers}/web/scale`, undefined, table);
  const { kind, columnDefinitions, rows } = scale.json as unknown as {
    kind: string;
    columnDefinitions: { name: string }[];
    rows: { cells: unknown[] }[];
  };
  assert.equal(kind, "Table");
  assert.deepEqual(
    columnDefinitions.map(({ name }) => name),
    ["Name", "Desired", "Available", "Age"],
  );
  assert.deepEqual(rows[0]?.cells.slice(0, 3), ["web", 3, 0]);
  const gone = await send(server, "DELETE", `${controllers}/web?propagationPolicy=Background`, undefined, table);
  assert.equal(gone.json["kind"], "Status");
});

test("objects can be had as metadata alone, as a table, and in protobuf", async () => {
  const as = (accept: string, path = maps) => send<List>(server, "GET", path, undefined, { headers: { accept } });
  const partial = await as("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io");
  assert.deepEqual(
    [partial.json.kind, partial.json.apiVersion, Object.keys(partial.json.items[0]!)],
    ["PartialObjectMetadataList", "meta.k8s.io/v1", ["kind", "apiVersion", "metadata"]],
  );
  const one = await as("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", `${maps}/b`);
  assert.equal(one.json.kind, "PartialObjectMetadata");
  const table = await as("application/json;as=Table;v=v1beta1;g=meta.k8s.io", `${maps}/b?includeObject=Object`);
  const { apiVersion, rows } = table.json as unknown as {
    apiVersion: string;
    rows: { cells: unknown[]; object: UnknownObject }[];
  };
  assert.deepEqual([apiVersion, rows[0]?.cells[0], rows[0]?.object.kind], ["meta.k8s.io/v1beta1", "b", "ConfigMap"]);
  const fallback = await as("application/json;as=Sheet;v=v1;g=meta.k8s.io, application/json");
  assert.equal(fallback.json.kind, "ConfigMapList");
  assert.equal((await as("application/xml")).status, 406);
  assert.equal(
    (await as("application/vnd.kubernetes.protobuf")).headers["content-type"],
    "application/vnd.kubernetes.protobuf",
  );
  assert.match((await as("application/yaml")).text, /^apiVersion: v1\nitems:\n {2}- metadata:/);
});
