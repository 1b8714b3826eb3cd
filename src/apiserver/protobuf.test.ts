import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { decodeMessage, encodeObject, hasMessage, openEnvelope } from "../api/codec/protobuf/protobuf.ts";
import { apiVersionOf, type UnknownObject } from "../api/object.ts";
import { kindsOf, structNames } from "../api/schema/schema.ts";
import type { TransportRequest } from "../client/transport.ts";
import { memoryStore } from "../store/memory.ts";
import { ADMIN, send, testServer } from "./server.fixture.ts";
import type { ApiServer } from "./server.ts";
import { hasProtobuf } from "./wire-formats.ts";

const PROTOBUF = "application/vnd.kubernetes.protobuf";
const NAMESPACE = "/api/v1/namespaces/proto";

const store = memoryStore();
let server: ApiServer;
before(async () => {
  server = testServer({ store });
  await server.ready;
  await call("POST", "/api/v1/namespaces", { kind: "Namespace", apiVersion: "v1", metadata: { name: "proto" } });
});
after(() => server.close(0));

interface Reply {
  status: number;
  type: string;
  object: UnknownObject;
}

function decode(bytes: Uint8Array): UnknownObject {
  const { apiVersion, kind, raw } = openEnvelope(bytes);
  return decodeMessage(apiVersion, kind, raw);
}

/** Sends an object, or bytes, in protobuf and reads the answer in whichever form it has. */
async function call(
  method: TransportRequest["method"],
  path: string,
  body?: UnknownObject | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const bytes = body === undefined || body instanceof Uint8Array ? body : encodeObject(body);
  const response = await server.transport(ADMIN).request({
    method,
    path,
    headers: { accept: PROTOBUF, ...(bytes ? { "content-type": PROTOBUF } : {}), ...headers },
    ...(bytes ? { body: bytes as Uint8Array } : {}),
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  const answer = Buffer.concat(chunks);
  const type = response.headers["content-type"] ?? "";
  return { status: response.status, type, object: type === PROTOBUF ? decode(answer) : JSON.parse(answer.toString()) };
}

const configMap = (name: string, data: Record<string, string>): UnknownObject => ({
  kind: "ConfigMap",
  apiVersion: "v1",
  metadata: { name, labels: { app: "web" } },
  data,
});

test("every built-in kind has a message", () => {
  const kinds = structNames().flatMap((name) => kindsOf(name) ?? []);
  assert.ok(kinds.length > 150);
  const without = kinds.filter((kind) => hasProtobuf(kind) !== hasMessage(apiVersionOf(kind), kind.kind));
  assert.deepEqual(without, []);
  assert.equal(hasProtobuf({ group: "example.com", version: "v1", kind: "Widget" }), false);
  assert.equal(hasProtobuf({ group: "apps", version: "v1", kind: "DeleteOptions" }), true);
});

test("objects are created, read, updated and deleted, as they are in JSON", async () => {
  const created = await call("POST", `${NAMESPACE}/configmaps`, configMap("one", { a: "ü" }));
  assert.deepEqual([created.status, created.type], [201, PROTOBUF]);
  const { json } = await send<UnknownObject>(server, "GET", `${NAMESPACE}/configmaps/one`);
  assert.deepEqual(created.object, json);
  assert.deepEqual((await call("GET", `${NAMESPACE}/configmaps/one`)).object, json);

  const updated = await call("PUT", `${NAMESPACE}/configmaps/one`, { ...created.object, data: { a: "b" } });
  assert.deepEqual([updated.status, updated.object["data"]], [200, { a: "b" }]);
  const uid = created.object.metadata?.uid;
  const options = { kind: "DeleteOptions", apiVersion: "v1", preconditions: { uid } } as UnknownObject;
  const deleted = await call("DELETE", `${NAMESPACE}/configmaps/one`, options);
  assert.deepEqual([deleted.status, deleted.object.kind, deleted.object["status"]], [200, "Status", "Success"]);
});

test("defaults and validation work on what came in protobuf", async () => {
  const deployment = {
    kind: "Deployment",
    apiVersion: "apps/v1",
    metadata: { name: "web" },
    spec: {
      selector: { matchLabels: { app: "web" } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: { containers: [{ name: "c", image: "nginx", resources: {} }] },
      },
    },
  };
  const created = await call("POST", "/apis/apps/v1/namespaces/proto/deployments", deployment);
  assert.equal(created.status, 201);
  const { json } = await send<UnknownObject>(server, "GET", "/apis/apps/v1/namespaces/proto/deployments/web");
  assert.deepEqual(created.object, json);
  assert.equal((json as { spec?: { replicas?: number } }).spec?.replicas, 1);

  const scale = { kind: "Scale", apiVersion: "autoscaling/v1", metadata: { name: "web" }, spec: { replicas: 3 } };
  const scaled = await call("PUT", "/apis/apps/v1/namespaces/proto/deployments/web/scale", scale);
  assert.deepEqual([scaled.object.kind, scaled.object["spec"]], ["Scale", { replicas: 3 }]);

  const invalid = await call("POST", `${NAMESPACE}/configmaps`, configMap("Not_A_Name", {}));
  assert.deepEqual([invalid.status, invalid.type, invalid.object["reason"]], [422, PROTOBUF, "Invalid"]);
  const missing = await call("GET", `${NAMESPACE}/configmaps/none`);
  assert.deepEqual([missing.status, missing.type, missing.object["reason"]], [404, PROTOBUF, "NotFound"]);
});

test("a body that is not what it should be is refused", async () => {
  const refused = async (body: Uint8Array, headers: Record<string, string> = {}) => {
    const { status, object } = await call("POST", `${NAMESPACE}/configmaps`, body, {
      accept: "application/json",
      ...headers,
    });
    return [status, object["message"]];
  };
  assert.deepEqual(await refused(Buffer.from("k8s\0\x0a\x7f")), [
    400,
    "the object provided is unrecognized (must be of type ConfigMap): unexpected EOF (6b3873000a7f)",
  ]);
  const cut = encodeObject(configMap("a", { a: "b" })).slice();
  cut[cut.indexOf(0x12, 24) + 1] = 0x7f;
  assert.deepEqual(await refused(cut), [
    400,
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: unexpected EOF',
  ]);
  assert.deepEqual(await refused(encodeObject({ kind: "Secret", apiVersion: "v1" })), [
    400,
    'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion',
  ]);
  assert.deepEqual(await refused(Buffer.from("{}"), { "content-type": "application/cbor" }), [
    415,
    `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, ${PROTOBUF}`,
  ]);
});

test("lists come in protobuf, of metadata too, but tables do not", async () => {
  for (const name of ["l1", "l2"]) await call("POST", `${NAMESPACE}/configmaps`, configMap(name, { n: name }));
  const path = `${NAMESPACE}/configmaps?labelSelector=app%3Dweb`;
  const list = await call("GET", path);
  const { json } = await send<UnknownObject>(server, "GET", path);
  assert.deepEqual(list.object, json);

  const as = (kind: string) => `${PROTOBUF};as=${kind};g=meta.k8s.io;v=v1`;
  const partial = await call("GET", path, undefined, { accept: as("PartialObjectMetadataList") });
  assert.equal(partial.object.kind, "PartialObjectMetadataList");
  const items = partial.object["items"] as UnknownObject[];
  assert.deepEqual(Object.keys(items[0]!), ["metadata"]);
  assert.deepEqual(items[0]!.metadata, (json["items"] as UnknownObject[])[0]!.metadata);
  const one = await call("GET", `${NAMESPACE}/configmaps/l1`, undefined, { accept: as("PartialObjectMetadata") });
  assert.deepEqual([one.object.kind, one.object.metadata?.name], ["PartialObjectMetadata", "l1"]);

  const table = await call("GET", path, undefined, { accept: as("Table") });
  assert.equal(table.status, 406);
  const fallback = `${as("Table")},application/json;as=Table;g=meta.k8s.io;v=v1`;
  const shown = await call("GET", path, undefined, { accept: fallback });
  assert.deepEqual([shown.type, shown.object.kind], ["application/json", "Table"]);
});

test("a watch brings frames of events, bookmarks and errors", async () => {
  await call("POST", `${NAMESPACE}/configmaps`, configMap("watched", { a: "b" }));
  const frames = async (accept: string, query: string, count: number) => {
    const stop = new AbortController();
    const { headers, body } = await server.transport(ADMIN).request({
      method: "GET",
      path: `${NAMESPACE}/configmaps?watch=1&fieldSelector=metadata.name%3Dwatched&${query}`,
      headers: { accept },
      signal: stop.signal,
    });
    assert.equal(headers["content-type"], `${PROTOBUF};stream=watch`);
    const events: UnknownObject[] = [];
    let bytes = Buffer.alloc(0);
    for await (const chunk of body) {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) {
        const end = 4 + bytes.readUInt32BE(0);
        events.push(decodeMessage("v1", "WatchEvent", bytes.subarray(4, end)));
        bytes = bytes.subarray(end);
      }
      if (events.length >= count) break;
    }
    stop.abort();
    return events.map(({ type, object }) => [type, object as UnknownObject] as const);
  };
  const initial = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
  const { json } = await send<UnknownObject>(server, "GET", `${NAMESPACE}/configmaps/watched`);
  const [added, bookmark] = await frames(`${PROTOBUF};stream=watch`, initial, 2);
  assert.deepEqual(added, ["ADDED", json]);
  assert.equal(bookmark?.[0], "BOOKMARK");
  assert.deepEqual(
    [bookmark?.[1].kind, bookmark?.[1].metadata?.annotations],
    ["ConfigMap", { "k8s.io/initial-events-end": "true" }],
  );

  const partial = `${PROTOBUF};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`;
  const ofMetadata = await frames(partial, initial, 2);
  assert.deepEqual(
    ofMetadata.map(([type, { kind, apiVersion }]) => [type, kind, apiVersion]),
    ["ADDED", "BOOKMARK"].map((type) => [type, "PartialObjectMetadata", "meta.k8s.io/v1"]),
  );
  assert.deepEqual(ofMetadata[0]?.[1].metadata, json.metadata);

  await store.compact(2);
  const [expired] = await frames(PROTOBUF, "resourceVersion=1", 1);
  assert.deepEqual([expired?.[0], expired?.[1].kind, expired?.[1]["code"]], ["ERROR", "Status", 410]);
});
