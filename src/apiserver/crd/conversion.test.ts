import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { CustomResourceDefinitionVersion, JSONSchemaProps } from "../../api/types/apiextensions.v1.ts";
import { systemNetwork } from "../../base/network.ts";
import { readBody } from "../../client/transport.ts";
import { ADMIN, send, testServer } from "../server.fixture.ts";
import type { ApiServer } from "../server.ts";
import { type TestWebhook, testWebhook } from "../webhook/webhook-server.fixture.ts";
import { establish, GROUP, widgetDefinition } from "./crd.fixture.ts";

type Json = Record<string, unknown>;
interface Widget extends Json {
  apiVersion: string;
  metadata: { name: string; resourceVersion?: string; uid?: string };
}
interface Review {
  request: { uid: string; desiredAPIVersion: string; objects: Widget[] };
}

const NAMESPACE = { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } };
const path = (version: string, name = "", query = "") =>
  `/apis/${GROUP}/${version}/namespaces/default/widgets${name && `/${name}`}${query && `?${query}`}`;
const object = (properties: Record<string, JSONSchemaProps>): JSONSchemaProps => ({ type: "object", properties });
const text: JSONSchemaProps = { type: "string" };
const version = (
  name: string,
  schema: JSONSchemaProps,
  more: Partial<CustomResourceDefinitionVersion> = {},
): CustomResourceDefinitionVersion => ({
  name,
  served: true,
  storage: false,
  schema: { openAPIV3Schema: schema },
  ...more,
});

describe("versions that differ in their names and schemas only", () => {
  let server: ApiServer;
  before(async () => {
    server = testServer();
    await server.ready;
    await send(server, "POST", "/api/v1/namespaces", NAMESPACE);
    await establish(
      server,
      widgetDefinition(
        {},
        {
          versions: [
            version("v1beta1", object({ a: text, b: { ...text, default: "beta" } }), { storage: true }),
            version("v1", object({ a: text }), { deprecated: true }),
            version("v2", object({ a: text })),
          ],
        },
      ),
    );
  });
  after(() => server.close());

  test("show what their schemas know", async () => {
    const given = { apiVersion: `${GROUP}/v1`, kind: "Widget", metadata: { name: "w" }, a: "x" };
    const created = await send<Widget>(server, "POST", path("v1"), given);
    assert.equal(created.status, 201);
    assert.equal(created.json.apiVersion, `${GROUP}/v1`);
    const beta = await send<Widget>(server, "GET", path("v1beta1", "w"));
    assert.deepEqual([beta.json.apiVersion, beta.json["a"], beta.json["b"]], [`${GROUP}/v1beta1`, "x", "beta"]);
    const second = await send<{ items: Widget[] }>(server, "GET", path("v2"));
    assert.deepEqual(
      second.json.items.map((one) => [one.apiVersion, one["a"], one["b"]]),
      [[`${GROUP}/v2`, "x", undefined]],
    );
  });

  test("are told apart where they are written", async () => {
    const wrong = { apiVersion: `${GROUP}/v2`, kind: "Widget", metadata: { name: "other" } };
    const refused = await send<{ message: string }>(server, "POST", path("v1"), wrong);
    assert.equal(
      refused.json.message,
      `the API version in the data (${GROUP}/v2) does not match the expected API version (${GROUP}/v1)`,
    );
    const storage = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com";
    const { json } = await send<{ status: { storedVersions: string[] } }>(server, "GET", storage);
    assert.deepEqual(json.status.storedVersions, ["v1beta1"]);
  });
});

describe("versions that a webhook converts", () => {
  let server: ApiServer;
  let webhook: TestWebhook;
  let broken: string | undefined;
  /** v1 has host and port, v2 has hostPort. */
  const convert = (one: Widget, apiVersion: string): Widget => {
    const { host, port, hostPort, ...rest } = one;
    const isSecond = apiVersion.endsWith("/v2");
    const [first, second] = String(hostPort ?? "").split(":");
    return {
      ...rest,
      apiVersion,
      ...(isSecond ? { hostPort: `${host}:${port}` } : { host: first, port: second }),
    } as Widget;
  };
  before(async () => {
    webhook = await testWebhook(({ body }) => {
      const { uid, desiredAPIVersion, objects } = (body as Review).request;
      const result = broken ? { status: "Failure", message: broken } : { status: "Success" };
      const convertedObjects = objects.map((one) => convert(one, desiredAPIVersion));
      const response = { uid, result, convertedObjects };
      return { body: { apiVersion: "apiextensions.k8s.io/v1", kind: "ConversionReview", response } };
    });
    server = testServer({ network: systemNetwork });
    await server.ready;
    await send(server, "POST", "/api/v1/namespaces", NAMESPACE);
    await establish(
      server,
      widgetDefinition(
        {},
        {
          versions: [
            version("v1", object({ host: text, port: text }), {
              storage: true,
              selectableFields: [{ jsonPath: ".host" }],
            }),
            version("v2", object({ hostPort: text }), { selectableFields: [{ jsonPath: ".hostPort" }] }),
          ],
          spec: {
            conversion: {
              strategy: "Webhook",
              webhook: {
                clientConfig: { url: `https://127.0.0.1:${webhook.port}/convert`, caBundle: webhook.caBundle },
                conversionReviewVersions: ["v1"],
              },
            },
          },
        },
      ),
    );
  });
  after(async () => {
    await server.close();
    await webhook.stop();
  });
  const first = (name: string, host: string) => ({
    apiVersion: `${GROUP}/v1`,
    kind: "Widget",
    metadata: { name },
    host,
    port: "1",
  });

  test("are read, listed, selected and watched in each", async () => {
    const created = await send<Widget>(server, "POST", path("v1"), first("a", "one"));
    assert.equal(created.status, 201);
    assert.equal(webhook.requests.length, 0, "what is stored in its own version needs no conversion");
    const second = await send<Widget>(server, "GET", path("v2", "a"));
    assert.deepEqual([second.json.apiVersion, second.json["hostPort"]], [`${GROUP}/v2`, "one:1"]);
    assert.equal(second.json.metadata.resourceVersion, created.json.metadata.resourceVersion);
    await send(server, "POST", path("v1"), first("b", "two"));
    const chosen = await send<{ items: Widget[]; metadata: { resourceVersion: string } }>(
      server,
      "GET",
      path("v2", "", "fieldSelector=hostPort%3Dtwo%3A1"),
    );
    assert.deepEqual(
      chosen.json.items.map(({ metadata }) => metadata.name),
      ["b"],
    );

    const { resourceVersion } = chosen.json.metadata;
    const watch = await server.transport(ADMIN).request({
      method: "GET",
      path: path("v2", "", `watch=1&resourceVersion=${resourceVersion}&timeoutSeconds=1`),
    });
    await send(server, "POST", path("v1"), first("c", "three"));
    const events = (await readBody(watch))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { object: Widget });
    assert.deepEqual(
      events.map(({ object: one }) => one["hostPort"]),
      ["three:1"],
    );
  });

  test("are written in each, and stored in one", async () => {
    const given = { apiVersion: `${GROUP}/v2`, kind: "Widget", metadata: { name: "d" }, hostPort: "four:4" };
    assert.equal((await send(server, "POST", path("v2"), given)).status, 201);
    const stored = await send<Widget>(server, "GET", path("v1", "d"));
    assert.deepEqual([stored.json["host"], stored.json["port"]], ["four", "4"]);
    const headers = { "content-type": "application/merge-patch+json" };
    const patched = await send<Widget>(server, "PATCH", path("v2", "d"), { hostPort: "five:5" }, { headers });
    assert.deepEqual([patched.status, patched.json["hostPort"]], [200, "five:5"]);
    assert.equal((await send<Widget>(server, "GET", path("v1", "d"))).json["host"], "five");
    assert.equal((await send(server, "DELETE", path("v2", "d"))).status, 200);
    assert.equal((await send(server, "GET", path("v1", "d"))).status, 404);
  });

  test("fail in the webhook's words, and come back with it", async () => {
    broken = "no such luck";
    await send(server, "POST", path("v1"), first("e", "six"));
    const failed = await send<{ message: string }>(server, "GET", path("v2"));
    assert.equal(failed.status, 500);
    assert.equal(failed.json.message, `conversion webhook for ${GROUP}/v1, Kind=Widget failed: no such luck`);
    assert.equal((await send(server, "GET", path("v1", "e"))).status, 200);
    broken = undefined;
    assert.equal((await send<Widget>(server, "GET", path("v2", "e"))).json["hostPort"], "six:1");
  });
});
