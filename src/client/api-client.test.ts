import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { deployments, nodes, pods } from "../api/resource-types.ts";
import { StatusError } from "../api/status-error.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { type ClientOptions, client } from "./api-client.ts";
import { ConnectionError, type WatchEvent } from "./client.ts";
import type { Transport, TransportRequest, TransportResponse } from "./transport.ts";

type Answer = { status?: number; headers?: Record<string, string>; chunks?: (string | Error)[] };

/** A client over a transport that remembers the requests and answers from `answers`, the last one over and over. */
function scripted(answers: Answer[], options: ClientOptions = {}) {
  const requests: TransportRequest[] = [];
  const transport: Transport = {
    async request(request) {
      requests.push(request);
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
      const body = (async function* () {
        for (const chunk of answer.chunks ?? []) {
          if (chunk instanceof Error) throw chunk;
          yield Buffer.from(chunk);
        }
      })();
      const headers = { "content-type": "application/json", ...answer.headers };
      return { status: answer.status ?? 200, headers, body } satisfies TransportResponse;
    },
    close: async () => {},
  };
  return { requests, client: client(transport, options) };
}
const sent = (request: TransportRequest | undefined) => `${request?.method} ${request?.path}`;

suite("requests", () => {
  test("each verb has its path, query and body", async () => {
    const { requests, client } = scripted([{ chunks: ['{"metadata":{"name":"x"}}'] }], { fieldManager: "me" });
    const pod = client.resource(pods);
    const object = { metadata: { name: "web", namespace: "default" } };
    await pod.get("web", "default");
    await pod.list({ namespace: "default", labelSelector: "a in (b,c)", limit: 5 });
    await pod.create(object, { fieldValidation: "Strict" });
    await pod.update(object, { dryRun: true });
    await pod.updateStatus(object);
    await pod.patch("web", "default", "json", [], { subresource: "status" });
    await pod.apply({ ...object, apiVersion: "v1", kind: "Pod" }, { fieldManager: "you", force: true });
    await pod.delete("web", "default", { gracePeriodSeconds: 0 });
    await pod.deleteCollection({ namespace: "default", fieldSelector: "status.phase=Failed" });
    await pod.createSubresource("web", "default", "binding", {});
    await client.resource(deployments).getSubresource("web", "default", "scale");
    await client.resource(nodes).get("n/1");
    assert.deepEqual(requests.map(sent), [
      "GET /api/v1/namespaces/default/pods/web",
      "GET /api/v1/namespaces/default/pods?labelSelector=a+in+%28b%2Cc%29&limit=5",
      "POST /api/v1/namespaces/default/pods?fieldManager=me&fieldValidation=Strict",
      "PUT /api/v1/namespaces/default/pods/web?fieldManager=me&dryRun=All",
      "PUT /api/v1/namespaces/default/pods/web/status?fieldManager=me",
      "PATCH /api/v1/namespaces/default/pods/web/status?fieldManager=me",
      "PATCH /api/v1/namespaces/default/pods/web?fieldManager=you&force=true",
      "DELETE /api/v1/namespaces/default/pods/web",
      "DELETE /api/v1/namespaces/default/pods?fieldSelector=status.phase%3DFailed",
      "POST /api/v1/namespaces/default/pods/web/binding?fieldManager=me",
      "GET /apis/apps/v1/namespaces/default/deployments/web/scale",
      "GET /api/v1/nodes/n%2F1",
    ]);
    assert.deepEqual(JSON.parse(String(requests[2]!.body)), { ...object, apiVersion: "v1", kind: "Pod" });
    assert.equal(requests[5]!.headers?.["content-type"], "application/json-patch+json");
    assert.equal(requests[6]!.headers?.["content-type"], "application/apply-patch+yaml");
    assert.deepEqual(JSON.parse(String(requests[7]!.body)), {
      apiVersion: "v1",
      kind: "DeleteOptions",
      gracePeriodSeconds: 0,
    });
  });

  test("the User-Agent and further headers are sent", async () => {
    const { requests, client } = scripted([{ chunks: ["{}"] }], {
      userAgent: "kubelet/v1.36.0",
      headers: { "impersonate-user": "jane" },
    });
    await client.raw("/version");
    assert.equal(requests[0]!.headers?.["user-agent"], "kubelet/v1.36.0");
    assert.equal(requests[0]!.headers?.["impersonate-user"], "jane");
  });

  test("items of a list get the type that they come without", async () => {
    const { client } = scripted([{ chunks: ['{"items":[{"metadata":{"name":"a"}}]}'] }]);
    const list = await client.resource(deployments).list();
    assert.equal(list.items[0]!.apiVersion, "apps/v1");
    assert.equal(list.items[0]!.kind, "Deployment");
  });

  test("metadata only is a matter of the Accept header", async () => {
    const { requests, client } = scripted([{ chunks: ['{"items":[]}'] }]);
    await client.resource(pods, { metadataOnly: true }).list();
    assert.match(requests[0]!.headers?.["accept"] ?? "", /as=PartialObjectMetadataList;g=meta\.k8s\.io;v=v1/);
  });

  test("raw returns text where the answer is not JSON", async () => {
    const { client } = scripted([{ headers: { "content-type": "text/plain" }, chunks: ["ok"] }]);
    assert.equal(await client.raw("/livez"), "ok");
  });

  test("an empty name is refused instead of listing", () => {
    const { client } = scripted([{}]);
    assert.throws(() => client.resource(pods).get("", "default"), TypeError);
  });
});

suite("failures", () => {
  test("a Status becomes a StatusError", async () => {
    const status = { kind: "Status", status: "Failure", reason: "NotFound", message: 'pods "x" not found', code: 404 };
    const { client } = scripted([{ status: 404, chunks: [JSON.stringify(status)] }]);
    await assert.rejects(client.resource(pods).get("x", "default"), (error) => {
      assert.ok(error instanceof StatusError);
      assert.equal(error.reason, "NotFound");
      assert.equal(error.message, 'pods "x" not found');
      return true;
    });
  });

  test("anything else becomes one by its code", async () => {
    const { client } = scripted([{ status: 503, headers: { "content-type": "text/html" }, chunks: ["<p>busy</p>"] }]);
    await assert.rejects(client.raw("/version"), { name: "StatusError", reason: "ServiceUnavailable", code: 503 });
  });

  test("a cut answer is a ConnectionError", async () => {
    const { client } = scripted([{ chunks: ['{"metadata":{"na'] }]);
    await assert.rejects(client.resource(pods).get("x", "default"), { name: "ConnectionError" });
  });

  test("Retry-After is followed, ten times at most", async () => {
    const clock = virtualClock();
    const busy = { status: 429, headers: { "retry-after": "2" }, chunks: ["slow down"] };
    const patient = scripted([busy, busy, { chunks: ["{}"] }], { clock });
    const done = patient.client.raw("/version");
    await clock.advance(1999);
    assert.equal(patient.requests.length, 1);
    await clock.advance(2001);
    await done;
    assert.equal(patient.requests.length, 3);

    const hopeless = scripted([busy], { clock });
    const failed = assert.rejects(hopeless.client.raw("/version"), (error: StatusError) => {
      assert.equal(error.status.details?.retryAfterSeconds, 2);
      return true;
    });
    await clock.advance(60_000);
    await failed;
    assert.equal(hopeless.requests.length, 11);
  });

  test("warnings are handed over", async () => {
    const warnings: string[] = [];
    const header = '299 - "spec.x: is \\"old\\"", 299 - "b"';
    const { client } = scripted([{ headers: { warning: header }, chunks: ["{}"] }], {
      onWarning: (text) => warnings.push(text),
    });
    await client.raw("/x");
    assert.deepEqual(warnings, ['spec.x: is "old"', "b"]);
  });
});

suite("watch", () => {
  const collect = async (chunks: (string | Error)[], stopAfter = Number.POSITIVE_INFINITY) => {
    const { client, requests } = scripted([{ chunks }]);
    const events: WatchEvent<unknown>[] = [];
    for await (const event of client.resource(pods).watch({ resourceVersion: "5", allowWatchBookmarks: true })) {
      events.push(event);
      if (events.length >= stopAfter) break;
    }
    return { events, requests };
  };
  const added = (name: string) => `${JSON.stringify({ type: "ADDED", object: { metadata: { name } } })}\n`;

  test("frames are put together however they were cut", async () => {
    const bytes = added("ä") + added("b") + added("c");
    for (const size of [1, 7, 1000]) {
      const chunks = bytes.match(new RegExp(`[^]{1,${size}}`, "g"))!;
      const { events, requests } = await collect(chunks);
      assert.deepEqual(
        events.map(({ object }) => (object as { metadata: { name: string } }).metadata.name),
        ["ä", "b", "c"],
      );
      assert.equal(sent(requests[0]), "GET /api/v1/pods?watch=true&resourceVersion=5&allowWatchBookmarks=true");
    }
  });

  test("a cut stream ends the iteration without its incomplete last frame", async () => {
    const { events } = await collect([added("a"), '{"type":"AD', new ConnectionError("reset")]);
    assert.equal(events.length, 1);
  });

  test("an ERROR event is yielded and ends the watch", async () => {
    const { events } = await collect(['{"type":"ERROR","object":{"code":410}}\n', added("never")]);
    assert.deepEqual(events, [{ type: "ERROR", object: { code: 410 } }]);
  });

  test("leaving the loop aborts the request", async () => {
    const { requests } = await collect([added("a"), added("b")], 1);
    assert.equal(requests[0]!.signal?.aborted, true);
  });
});
