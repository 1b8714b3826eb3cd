import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { resourcePath } from "../api/object.ts";
import { servedResources } from "../api/schema/served-resources.ts";
import { featureGates } from "./feature-gates.ts";
import { runtimeConfig } from "./runtime-config.ts";
import { send, testServer } from "./server.fixture.ts";
import type { ApiServer } from "./server.ts";

const features = featureGates([
  "ClusterTrustBundle=true",
  "GenericWorkload=true",
  "PodCertificateRequest=true",
  "StorageVersionMigrator=true",
]);
const serves = runtimeConfig(["api/all=true"], servedResources(true), features);
let server: ApiServer;
before(() => {
  server = testServer({ serves, features });
  return server.ready;
});
after(() => server.close(0));

const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io";
const PARTIAL = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
const PROTOBUF = "application/vnd.kubernetes.protobuf";

for (const resource of servedResources(true).filter((row) => serves(row) && row.verbs.includes("list"))) {
  const path = resourcePath(resource);
  test(`${path} lists in each form, and is described by discovery`, async () => {
    const list = await send<{ kind: string; apiVersion: string }>(server, "GET", path);
    assert.deepEqual([list.status, list.json.kind], [200, resource.listKind], list.text);
    for (const [accept, kind] of [
      [TABLE, "Table"],
      [PARTIAL, "PartialObjectMetadataList"],
    ]) {
      const answer = await send<{ kind: string; columnDefinitions?: { name: string }[] }>(
        server,
        "GET",
        path,
        undefined,
        {
          headers: { accept: accept! },
        },
      );
      assert.deepEqual([answer.status, answer.json.kind], [200, kind], answer.text);
      if (kind === "Table") assert.ok(answer.json.columnDefinitions?.some(({ name }) => name === "Name"));
    }
    const binary = await send(server, "GET", path, undefined, { headers: { accept: PROTOBUF } });
    assert.equal(binary.status, 200, binary.text);
    const { group, version } = resource;
    const discovered = await send<{ resources: { name: string; kind: string; verbs: string[] }[] }>(
      server,
      "GET",
      group === "" ? `/api/${version}` : `/apis/${group}/${version}`,
    );
    const entry = discovered.json.resources.find(({ name }) => name === resource.resource);
    assert.deepEqual([entry?.kind, entry?.verbs], [resource.kind, [...resource.verbs]]);
  });

  if (!resource.verbs.includes("watch")) continue;
  test(`${path} is refused an object that makes no sense, without a crash`, async () => {
    const target = resource.namespaced ? resourcePath(resource, { namespace: "default" }) : path;
    for (const body of [{}, { metadata: { name: "x" } }, { metadata: { name: "x" }, spec: null, status: null }]) {
      const { status, text } = await send(server, "POST", `${target}?dryRun=All`, body);
      assert.notEqual(status, 500, text);
    }
  });
}
