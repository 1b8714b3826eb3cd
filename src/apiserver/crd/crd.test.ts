import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { memoryStore } from "../../store/memory.ts";
import { send, testServer } from "../server.fixture.ts";
import type { ApiServer } from "../server.ts";
import { establish, GROUP, hasCondition, untilDefinition, WIDGETS, widget, widgetDefinition } from "./crd.fixture.ts";

const NAMESPACE = { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } };
const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const SPEC = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      required: ["size"],
      properties: {
        size: { type: "integer", minimum: 1, default: 3 },
        color: { type: "string", enum: ["red", "green"] },
        free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        parts: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          items: {
            type: "object",
            required: ["name"],
            properties: { name: { type: "string" }, count: { type: "integer" } },
          },
        },
      },
    },
    status: { type: "object", properties: { replicas: { type: "integer" } } },
  },
};

interface Status {
  message: string;
  reason: string;
  details?: { causes?: { reason: string; message: string; field: string }[] };
}

describe("custom resources", () => {
  let server: ApiServer;
  before(async () => {
    server = testServer();
    await server.ready;
    await send(server, "POST", "/api/v1/namespaces", NAMESPACE);
    await establish(
      server,
      widgetDefinition(SPEC, {
        version: {
          subresources: {
            status: {},
            scale: { specReplicasPath: ".spec.size", statusReplicasPath: ".status.replicas" },
          },
          additionalPrinterColumns: [
            { name: "Size", type: "integer", jsonPath: ".spec.size" },
            { name: "Color", type: "string", jsonPath: ".spec.color", priority: 1 },
            { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
          ],
          selectableFields: [{ jsonPath: ".spec.color" }],
        },
        spec: {
          names: { plural: "widgets", singular: "widget", kind: "Widget", shortNames: ["wd"], categories: ["all"] },
        },
      }),
    );
  });
  after(() => server.close());

  test("are in discovery, plain and aggregated, once they are established", async () => {
    const { json } = await send<{ resources: Record<string, unknown>[] }>(server, "GET", `/apis/${GROUP}/v1`);
    assert.deepEqual(
      json.resources.map(({ name }) => name),
      ["widgets", "widgets/status", "widgets/scale"],
    );
    assert.deepEqual(json.resources[0]!["shortNames"], ["wd"]);
    const aggregated = await send(server, "GET", "/apis", undefined, {
      headers: { accept: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList" },
    });
    assert.ok(aggregated.text.includes(`"name":"${GROUP}"`));
    const again = await send(server, "GET", "/apis", undefined, {
      headers: {
        accept: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "if-none-match": aggregated.headers["etag"]!,
      },
    });
    assert.equal(again.status, 304);
  });

  test("are pruned, defaulted and validated in upstream's words", async () => {
    const created = await send<ReturnType<typeof widget>>(
      server,
      "POST",
      `${WIDGETS}?fieldValidation=Ignore`,
      widget("pruned", { spec: { typo: 1, free: { any: { thing: [1] } } } }),
    );
    assert.equal(created.status, 201);
    assert.deepEqual((created.json as Record<string, unknown>)["spec"], { free: { any: { thing: [1] } }, size: 3 });

    const refused = await send<Status>(
      server,
      "POST",
      WIDGETS,
      widget("wrong", { spec: { size: "x", color: "blue", parts: [{ name: "a" }, { name: "a" }] } }),
    );
    assert.equal(refused.status, 422);
    assert.deepEqual(refused.json.details?.causes, [
      {
        reason: "FieldValueNotSupported",
        message: 'Unsupported value: "blue": supported values: "red", "green"',
        field: "spec.color",
      },
      {
        reason: "FieldValueTypeInvalid",
        message: 'Invalid value: "string": spec.size in body must be of type integer: "string"',
        field: "spec.size",
      },
      {
        reason: "FieldValueInvalid",
        message: "Invalid value: 0: .spec.size accessor error: x is of the type string, expected int64",
        field: ".spec.size",
      },
      { reason: "FieldValueDuplicate", message: 'Duplicate value: {"name":"a"}', field: "spec.parts[1]" },
    ]);
  });

  test("unknown and repeated fields are refused or told of, as asked", async () => {
    const body = `{"apiVersion":"${GROUP}/v1","kind":"Widget","metadata":{"name":"strict","odd":1},"spec":{"size":1,"size":2,"typo":1}}`;
    const strict = await send<Status>(server, "POST", `${WIDGETS}?fieldValidation=Strict`, body);
    assert.equal(strict.status, 400);
    assert.match(
      strict.json.message,
      /strict decoding error: duplicate field "spec.size", unknown field "metadata.odd", unknown field "spec.typo"/,
    );
    const warned = await send(server, "POST", WIDGETS, body);
    assert.equal(warned.status, 201);
    assert.match(warned.headers["warning"]!, /unknown field \\"spec.typo\\"/);
  });

  test("status and scale are written apart", async () => {
    await send(server, "POST", WIDGETS, widget("parts", { spec: { size: 2 }, status: { replicas: 9 } }));
    const path = `${WIDGETS}/parts`;
    const merge = { headers: { "content-type": "application/merge-patch+json" } };
    const status = await send(server, "PATCH", `${path}/status`, { spec: { size: 7 }, status: { replicas: 2 } }, merge);
    const object = status.json as Record<string, Record<string, unknown>>;
    assert.deepEqual([object["spec"], object["status"]], [{ size: 2 }, { replicas: 2 }]);
    assert.equal(object["metadata"]!["generation"], 1);
    const scaled = await send(server, "PATCH", `${path}/scale`, { spec: { replicas: 5 } }, merge);
    assert.deepEqual((scaled.json as Record<string, unknown>)["spec"], { replicas: 5 });
    const after = await send(server, "GET", path);
    assert.deepEqual((after.json as Record<string, Record<string, unknown>>)["spec"], { size: 5 });
  });

  test("tables have the definition's columns; lists can be selected by its fields", async () => {
    await send(server, "POST", WIDGETS, widget("red", { spec: { size: 2, color: "red" } }));
    const { json } = await send<{ columnDefinitions: { name: string; type: string }[]; rows: { cells: unknown[] }[] }>(
      server,
      "GET",
      `${WIDGETS}?fieldSelector=spec.color%3Dred`,
      undefined,
      { headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" } },
    );
    assert.deepEqual(
      json.columnDefinitions.map(({ name, type }) => `${name} ${type}`),
      ["Name string", "Size integer", "Color string", "Age date"],
    );
    assert.deepEqual(
      json.rows.map(({ cells }) => cells.slice(0, 3)),
      [["red", 2, "red"]],
    );
    const refused = await send<Status>(server, "GET", `${WIDGETS}?fieldSelector=spec.size%3D1`);
    assert.equal(refused.json.message, "field label not supported: spec.size");
  });

  test("server-side apply knows the keys of their lists", async () => {
    const apply = (manager: string, parts: unknown[]) =>
      send<{ spec: { parts: unknown[] } } & Status>(
        server,
        "PATCH",
        `${WIDGETS}/applied?fieldManager=${manager}`,
        widget("applied", { spec: { parts } }),
        { headers: { "content-type": "application/apply-patch+yaml" } },
      );
    assert.equal((await apply("one", [{ name: "a", count: 1 }])).status, 201);
    const both = await apply("two", [{ name: "b", count: 2 }]);
    assert.deepEqual(both.json.spec.parts, [
      { name: "a", count: 1 },
      { name: "b", count: 2 },
    ]);
    const conflict = await apply("two", [{ name: "a", count: 5 }]);
    assert.equal(conflict.status, 409);
    assert.match(conflict.json.message, /conflict with "one": \.spec\.parts\[name="a"\]\.count/);
    const unknown = await send<Status>(
      server,
      "PATCH",
      `${WIDGETS}/applied?fieldManager=x`,
      widget("applied", { spec: { nothing: 1 } }),
      { headers: { "content-type": "application/apply-patch+yaml" } },
    );
    assert.equal(unknown.status, 500);
    assert.match(unknown.json.message, /\.spec\.nothing: field not declared in schema/);
  });

  test("what was wrong before and does not change is let pass", async () => {
    await establish(
      server,
      widgetDefinition(
        { type: "object", properties: { a: { type: "string" }, b: { type: "string" } } },
        {
          plural: "gadgets",
          kind: "Gadget",
        },
      ),
    );
    const gadgets = `/apis/${GROUP}/v1/namespaces/default/gadgets`;
    const gadget = { ...widget("g", { a: "wrong", b: "wrong" }), kind: "Gadget" };
    assert.equal((await send(server, "POST", gadgets, gadget)).status, 201);
    const definition = `${DEFINITIONS}/gadgets.${GROUP}`;
    const tighter = {
      type: "object",
      properties: { a: { type: "string", maxLength: 1 }, b: { type: "string", maxLength: 1 } },
    };
    const patch = [{ op: "replace", path: "/spec/versions/0/schema/openAPIV3Schema", value: tighter }];
    const headers = { "content-type": "application/json-patch+json" };
    assert.equal((await send(server, "PATCH", definition, patch, { headers })).status, 200);
    await untilStatus(server, "PATCH", `${gadgets}/g`, { b: "still wrong" }, 422);
    const merge = { headers: { "content-type": "application/merge-patch+json" } };
    assert.equal((await send(server, "PATCH", `${gadgets}/g`, { b: "x" }, merge)).status, 200);
    const causes = (await send<Status>(server, "PATCH", `${gadgets}/g`, { a: "other" }, merge)).json.details?.causes;
    assert.deepEqual(causes?.[0], {
      reason: "FieldValueTooLong",
      message: "Too long: may not be more than 1 byte",
      field: "a",
    });
  });

  test("protobuf is refused", async () => {
    const accept = { headers: { accept: "application/vnd.kubernetes.protobuf" } };
    assert.equal((await send(server, "GET", WIDGETS, undefined, accept)).status, 406);
    const sent = { headers: { "content-type": "application/vnd.kubernetes.protobuf" } };
    assert.equal((await send(server, "POST", WIDGETS, "k8s", sent)).status, 415);
    const strategic = { headers: { "content-type": "application/strategic-merge-patch+json" } };
    assert.equal((await send(server, "PATCH", `${WIDGETS}/red`, {}, strategic)).status, 415);
  });

  test("names that somebody has are refused until they are free", async () => {
    const rival = widgetDefinition({ type: "object" }, { plural: "rivals", kind: "Widget" });
    await send(server, "POST", DEFINITIONS, rival);
    const refused = await untilDefinition(server, `rivals.${GROUP}`, (one) =>
      hasCondition(one, "NamesAccepted", "False"),
    );
    assert.equal(refused?.status?.conditions?.find(({ type }) => type === "NamesAccepted")?.reason, "ListKindConflict");
    assert.equal((await send(server, "GET", `/apis/${GROUP}/v1/rivals`)).status, 404);
    assert.equal((await send(server, "DELETE", `${DEFINITIONS}/rivals.${GROUP}`)).status, 200);
    await untilDefinition(server, `rivals.${GROUP}`, (one) => one === undefined);
  });
});

test("of definitions that come at once and want the same names, one gets them; the next follows when it goes", async () => {
  const server = testServer();
  await server.ready;
  const rivals = ["ones", "twos", "threes"];
  await Promise.all(
    rivals.map((plural) =>
      send(server, "POST", DEFINITIONS, widgetDefinition({ type: "object" }, { plural, kind: "Rival" })),
    ),
  );
  const settled = await Promise.all(
    rivals.map((plural) =>
      untilDefinition(server, `${plural}.${GROUP}`, (one) =>
        Boolean(one?.status?.conditions?.some(({ type }) => type === "NamesAccepted")),
      ),
    ),
  );
  const winners = settled.filter((one) => hasCondition(one, "NamesAccepted"));
  assert.equal(winners.length, 1);
  const winner = winners[0]!.metadata!.name!;
  const rest = settled.map((one) => one!.metadata!.name!).filter((name) => name !== winner);
  await send(server, "DELETE", `${DEFINITIONS}/${winner}`);
  await Promise.any(rest.map((name) => untilDefinition(server, name, (one) => hasCondition(one, "Established"))));
  await server.close();
});

test("a definition that goes takes its instances along, and watches end", async () => {
  const server = testServer();
  await server.ready;
  await send(server, "POST", "/api/v1/namespaces", NAMESPACE);
  await establish(server, widgetDefinition({ type: "object" }));
  const kept = { ...widget("kept"), metadata: { name: "kept", finalizers: ["example.com/keep"] } };
  await send(server, "POST", WIDGETS, kept);
  await send(server, "POST", WIDGETS, widget("plain"));
  const watch = send(server, "GET", `${WIDGETS}?watch=1`);
  assert.equal((await send(server, "DELETE", `${DEFINITIONS}/widgets.${GROUP}`)).status, 200);
  await untilDefinition(server, `widgets.${GROUP}`, (one) =>
    Boolean(one?.status?.conditions?.some(({ reason }) => reason === "InstanceDeletionInProgress")),
  );
  const refused = await send<Status>(server, "POST", WIDGETS, widget("new"));
  assert.equal(refused.status, 403);
  assert.match(refused.json.message, /create not allowed while custom resource definition is terminating/);
  await untilStatus(server, "GET", `${WIDGETS}/plain`, undefined, 404);
  const merge = { headers: { "content-type": "application/merge-patch+json" } };
  const freed = await send(server, "PATCH", `${WIDGETS}/kept`, { metadata: { finalizers: [] } }, merge);
  assert.equal(freed.status, 200);
  await untilDefinition(server, `widgets.${GROUP}`, (one) => one === undefined);
  assert.equal((await send(server, "GET", WIDGETS)).status, 404);
  assert.match((await watch).text, /"type":"DELETED"/);
  await server.close();
});

test("a new server serves what is stored from its first answer on", async () => {
  const store = memoryStore();
  const first = testServer({ store });
  await first.ready;
  await send(first, "POST", "/api/v1/namespaces", NAMESPACE);
  await establish(first, widgetDefinition(SPEC));
  await send(first, "POST", WIDGETS, widget("stays", { spec: { size: 1 } }));
  await first.close();
  const second = testServer({ store });
  assert.equal((await send(second, "GET", `${WIDGETS}/stays`)).status, 200);
  await second.close();
});

/** Sends until the answer has a status: a definition takes effect a moment after it was written. */
async function untilStatus(
  server: ApiServer,
  method: "GET" | "PATCH",
  path: string,
  body: unknown,
  status: number,
): Promise<void> {
  const headers: Record<string, string> = method === "PATCH" ? { "content-type": "application/merge-patch+json" } : {};
  for (;;) {
    const answer = await send(server, method, path, body, { headers });
    if (answer.status === status) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
