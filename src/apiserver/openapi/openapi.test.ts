import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { type ServedResource, servedResources } from "../../api/schema/served-resources.ts";
import { StatusError } from "../../api/status-error.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import type { RequestContext } from "../filters/context.ts";
import type { Reply } from "../http/exchange.ts";
import { documentV2, documentV3, partsOf } from "./documents.ts";
import { expiringDocuments, KEEP_MS } from "./expiring-documents.ts";
import { encodeDocument } from "./gnostic.ts";
import { FORMAT, openApiRoutes } from "./openapi.ts";
import { resourcePaths } from "./operations.ts";
import type { JsonSchema } from "./schemas.ts";

const served = servedResources();
const resource = (name: string) => served.find((one) => one.resource === name)!;

/** The value at a path of keys. */
const at = (value: unknown, ...keys: string[]): unknown =>
  keys.reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);

test("operations are named as upstream names them", () => {
  const ids = (name: string) =>
    resourcePaths(resource(name)).flatMap(({ path, operations }) =>
      operations.map(({ method, id }) => `${method} ${path} ${id}`),
    );
  const deployments = ids("deployments");
  const base = "/apis/apps/v1";
  for (const expected of [
    `get ${base}/namespaces/{namespace}/deployments listAppsV1NamespacedDeployment`,
    `post ${base}/namespaces/{namespace}/deployments createAppsV1NamespacedDeployment`,
    `delete ${base}/namespaces/{namespace}/deployments deleteAppsV1CollectionNamespacedDeployment`,
    `patch ${base}/namespaces/{namespace}/deployments/{name} patchAppsV1NamespacedDeployment`,
    `put ${base}/namespaces/{namespace}/deployments/{name}/scale replaceAppsV1NamespacedDeploymentScale`,
    `get ${base}/deployments listAppsV1DeploymentForAllNamespaces`,
    `get ${base}/watch/namespaces/{namespace}/deployments/{name} watchAppsV1NamespacedDeployment`,
    `get ${base}/watch/deployments watchAppsV1DeploymentListForAllNamespaces`,
  ]) {
    assert.ok(deployments.includes(expected), expected);
  }
  assert.ok(
    ids("pods").includes("post /api/v1/namespaces/{namespace}/pods/{name}/exec connectCoreV1PostNamespacedPodExec"),
  );
  assert.ok(ids("nodes").includes("get /api/v1/nodes/{name}/proxy/{path} connectCoreV1GetNodeProxyWithPath"));
  assert.deepEqual(ids("selfsubjectrulesreviews"), [
    "post /apis/authorization.k8s.io/v1/selfsubjectrulesreviews createAuthorizationV1SelfSubjectRulesReview",
  ]);
});

test("version 3: schemas with defaults, enums and extensions; the parameters clients look for", () => {
  const document = documentV3(partsOf(served).get("api/v1")!);
  const port = at(document, "components", "schemas", "io.k8s.api.core.v1.ContainerPort", "properties");
  assert.deepEqual(at(port, "protocol"), { type: "string", default: "TCP", enum: ["SCTP", "TCP", "UDP"] });
  assert.deepEqual(at(port, "containerPort"), { type: "integer", format: "int32", default: 0 });
  const spec = at(document, "components", "schemas", "io.k8s.api.core.v1.PodSpec", "properties");
  assert.deepEqual(at(spec, "containers"), {
    type: "array",
    items: { allOf: [{ $ref: "#/components/schemas/io.k8s.api.core.v1.Container" }], default: {} },
    "x-kubernetes-list-map-keys": ["name"],
    "x-kubernetes-list-type": "map",
    "x-kubernetes-patch-merge-key": "name",
    "x-kubernetes-patch-strategy": "merge",
  });
  assert.deepEqual(at(spec, "securityContext"), {
    allOf: [{ $ref: "#/components/schemas/io.k8s.api.core.v1.PodSecurityContext" }],
  });
  assert.deepEqual(at(document, "components", "schemas", "io.k8s.api.core.v1.Pod", "x-kubernetes-group-version-kind"), [
    { group: "", version: "v1", kind: "Pod" },
  ]);
  const patch = at(document, "paths", "/api/v1/namespaces/{namespace}/pods/{name}", "patch");
  assert.deepEqual(at(patch, "x-kubernetes-group-version-kind"), { group: "", version: "v1", kind: "Pod" });
  assert.deepEqual(
    (at(patch, "parameters") as { name: string }[]).map(({ name }) => name),
    ["dryRun", "fieldManager", "fieldValidation", "force"],
  );
  assert.deepEqual(at(document, "paths", "/api/v1/namespaces/{namespace}/pods/{name}", "parameters", "0"), {
    name: "name",
    in: "path",
    required: true,
    schema: { type: "string", uniqueItems: true },
  });
});

test("every reference leads somewhere, in both versions", () => {
  const check = (document: JsonSchema) => {
    const visit = (value: unknown) => {
      if (typeof value !== "object" || value === null) return;
      const { $ref } = value as { $ref?: unknown };
      if (typeof $ref === "string") assert.ok(at(document, ...$ref.slice(2).split("/")), $ref);
      for (const member of Object.values(value)) visit(member);
    };
    visit(document);
  };
  check(documentV2(served));
  for (const items of partsOf(served).values()) check(documentV3(items));
});

test("version 2 has no defaults, and shares its parameters", () => {
  const document = documentV2(served);
  assert.deepEqual(at(document, "definitions", "io.k8s.api.core.v1.ContainerPort", "properties", "protocol"), {
    type: "string",
    enum: ["SCTP", "TCP", "UDP"],
  });
  assert.deepEqual(at(document, "paths", "/api/v1/namespaces/{namespace}/pods", "parameters"), [
    { $ref: "#/parameters/namespace-path-string" },
    { $ref: "#/parameters/pretty-query-string" },
  ]);
  assert.deepEqual(at(document, "paths", "/api/v1/nodes/{name}", "delete", "responses", "200", "schema"), {
    $ref: "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Status",
  });
});

test("the protobuf form", () => {
  const document = {
    swagger: "2.0",
    definitions: {
      A: { type: "object", required: ["b"], properties: { b: { $ref: "#/definitions/B" } }, "x-y": { z: 1 } },
    },
  };
  // Document{1: "2.0", 9: {1: {1: "A", 2: Schema{19: "b", 22: {1: "object"}, 25: {1: {1: "b", 2: {1: ref}}}, 31: {1: "x-y", 2: {2: json}}}}}}
  assert.equal(
    Buffer.from(encodeDocument(document)).toString("hex"),
    [
      "0a03322e30",
      "4a440a420a0141123d",
      "9a010162",
      "b201080a066f626a656374",
      "ca0118",
      "0a160a01621211",
      "0a0f232f646566696e6974696f6e732f42",
      "fa0110",
      "0a03782d79",
      "12091207",
      Buffer.from('{"z":1}').toString("hex"),
    ].join(""),
  );
  assert.throws(() => encodeDocument({ host: "x" }), RangeError);
  assert.ok(encodeDocument(documentV2(served)).length > 500_000);
});

const request = (path: string, headers: Record<string, string> = {}, method = "GET") => {
  const [pathname, query] = path.split("?") as [string, string?];
  return {
    request: { method, path: pathname, query: new URLSearchParams(query), headers },
  } as unknown as RequestContext;
};
function server(resources: () => readonly ServedResource[] = () => served) {
  const clock = virtualClock();
  const routes = openApiRoutes({ resources, clock });
  const call = (context: RequestContext): Promise<Reply> => {
    const { path } = context.request;
    const route = routes.find((one) => one.path === path || (one.below && path.startsWith(`${one.path}/`)));
    return route!.serve(context);
  };
  return { clock, call };
}
const json = (reply: Reply) => JSON.parse(Buffer.from(reply.body as Uint8Array).toString());

test("the index of version 3 leads to the documents, which may be kept for good", async () => {
  const { call } = server();
  const index = json(await call(request("/openapi/v3")));
  assert.deepEqual(Object.keys(index.paths).slice(0, 4), [
    "api",
    "api/v1",
    "apis",
    "apis/admissionregistration.k8s.io",
  ]);
  const url: string = index.paths["apis/apps/v1"].serverRelativeURL;
  assert.match(url, /^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{64}$/);
  const reply = await call(request(url));
  assert.equal(reply.headers["content-type"], "application/json");
  assert.match(String(reply.headers["cache-control"]), /immutable/);
  assert.ok(at(json(reply), "components", "schemas", "io.k8s.api.apps.v1.Deployment"));
  assert.equal(at(json(reply), "components", "schemas", "io.k8s.api.core.v1.Node"), undefined);
  const etag = String(reply.headers["etag"]);
  assert.equal((await call(request(url, { "if-none-match": etag }))).status, 304);
  const moved = await call(request("/openapi/v3/apis/apps/v1?hash=OLD"));
  assert.deepEqual([moved.status, moved.headers["location"]], [301, url]);
  await assert.rejects(call(request("/openapi/v3/apis/none/v1")), StatusError);
});

test("version 2 in the form that is asked for", async () => {
  const { call } = server();
  const type = async (accept?: string) =>
    (await call(request("/openapi/v2", accept ? { accept } : {}))).headers["content-type"];
  assert.equal(await type(), "application/json");
  assert.equal(await type("application/json;q=0.5, */*"), "application/json");
  const protobuf = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
  assert.equal(await type("application/com.github.proto-openapi.spec.v2@v1.0+protobuf"), protobuf);
  assert.equal(await type(protobuf), protobuf);
  await assert.rejects(type("text/html"), (error) => error instanceof StatusError && error.code === 406);
  await assert.rejects(
    call(request("/openapi/v2", {}, "POST")),
    (error) => error instanceof StatusError && error.code === 405,
  );
});

test("the documents follow the resources", async () => {
  let resources: readonly ServedResource[] = served;
  const { call } = server(() => resources);
  const before = json(await call(request("/openapi/v3"))).paths;
  resources = served.filter((one) => one.resource !== "deployments");
  const after = json(await call(request("/openapi/v3"))).paths;
  assert.notEqual(after["apis/apps/v1"].serverRelativeURL, before["apis/apps/v1"].serverRelativeURL);
  assert.equal(after["api/v1"].serverRelativeURL, before["api/v1"].serverRelativeURL);
});

test("documents are let go when nobody asks for them", async () => {
  const clock = virtualClock();
  const documents = expiringDocuments(clock);
  let made = 0;
  const get = () => documents.get("a", async () => Buffer.from(String(++made)));
  assert.equal((await Promise.all([get(), get()])).length, 2);
  await clock.advance(KEEP_MS - 1);
  await get();
  await clock.advance(KEEP_MS - 1);
  assert.deepEqual([made, documents.size], [1, 1]);
  await clock.advance(1);
  assert.equal(documents.size, 0);
  await get();
  assert.equal(made, 2);
  await assert.rejects(documents.get("b", () => Promise.reject(new Error("no"))));
  assert.equal(documents.size, 1);
});

test("a change of how documents are written comes with another FORMAT", () => {
  const document = documentV3(partsOf(served).get("apis/coordination.k8s.io/v1")!);
  const digest = createHash("sha256").update(JSON.stringify(document)).digest("hex").slice(0, 16);
  // Where this fails after a change of the rendering: raise FORMAT, then write down the new digest.
  assert.deepEqual([FORMAT, digest], [3, "fd4e80c4f32e8c29"]);
});
