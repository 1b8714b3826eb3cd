import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { send, testServer } from "../server.fixture.ts";
import type { ApiServer } from "../server.ts";
import { establish, GROUP, widgetDefinition } from "./crd.fixture.ts";

type Json = Record<string, unknown>;

describe("the OpenAPI documents", () => {
  let server: ApiServer;
  before(async () => {
    server = testServer();
    await server.ready;
  });
  after(() => server.close());

  test("have a part for a custom group once it is served, with its descriptions", async () => {
    const before = await send<{ paths: Json }>(server, "GET", "/openapi/v3");
    assert.equal(before.json.paths[`apis/${GROUP}/v1`], undefined);
    await establish(
      server,
      widgetDefinition({
        type: "object",
        description: "A widget.",
        properties: {
          spec: {
            type: "object",
            properties: {
              size: { type: "integer", description: "How large.", nullable: true, minimum: 1 },
              either: { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] },
            },
          },
        },
      }),
    );
    const index = await send<{ paths: Json }>(server, "GET", "/openapi/v3");
    assert.ok(index.json.paths[`apis/${GROUP}/v1`]);
    const { json } = await send<{ paths: Json; components: { schemas: Record<string, Json> } }>(
      server,
      "GET",
      `/openapi/v3/apis/${GROUP}/v1`,
    );
    const { schemas } = json.components;
    const widget = schemas["com.example.v1.Widget"]!;
    assert.equal(widget["description"], "A widget.");
    const properties = widget["properties"] as Record<string, Json>;
    assert.deepEqual(Object.keys(properties), ["apiVersion", "kind", "metadata", "spec"]);
    assert.equal((properties["spec"]!["properties"] as Record<string, Json>)["size"]!["nullable"], true);
    assert.ok(schemas["com.example.v1.WidgetList"]);
    assert.ok(json.paths[`/apis/${GROUP}/v1/namespaces/{namespace}/widgets/{name}`]);
  });

  test("leave out of version 2 what it has no words for", async () => {
    const { json } = await send<{ definitions: Record<string, Json> }>(server, "GET", "/openapi/v2");
    const spec = (json.definitions["com.example.v1.Widget"]!["properties"] as Record<string, Json>)["spec"]!;
    assert.deepEqual(spec["properties"], {
      size: { description: "How large.", minimum: 1 },
      either: { "x-kubernetes-int-or-string": true },
    });
    const protobuf = await send(server, "GET", "/openapi/v2", undefined, {
      headers: { accept: "application/com.github.proto-openapi.spec.v2@v1.0+protobuf" },
    });
    assert.equal(protobuf.status, 200);
  });
});
