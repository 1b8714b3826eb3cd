import assert from "node:assert/strict";
import { test } from "node:test";
import { endpointSlices, services } from "../../api/resource-types.ts";
import { systemNetwork } from "../../base/network.ts";
import { systemRandom } from "../../base/random.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import { memoryLookup } from "../lookup.fixture.ts";
import { WebhookError, webhookCaller } from "./webhook-client.ts";
import { testWebhook, type WebhookAnswer, type WebhookRequest } from "./webhook-server.fixture.ts";

const SERVICE = { namespace: "default", name: "hook" };

async function setUp(t: { after(undo: () => unknown): void }, answer: (request: WebhookRequest) => WebhookAnswer) {
  const lookup = memoryLookup();
  const clock = virtualClock();
  const hook = await testWebhook(answer, ["hook.default.svc"]);
  const caller = webhookCaller({ network: systemNetwork, clock, random: systemRandom(), lookup });
  t.after(() => {
    caller.close();
    return hook.stop();
  });
  const addService = (port = hook.port, ready = true) => {
    lookup.put(services, { metadata: SERVICE, spec: { clusterIP: "10.96.0.7", ports: [{ port: 443 }] } });
    lookup.put(endpointSlices, {
      metadata: { name: "hook-1", namespace: "default", labels: { "kubernetes.io/service-name": "hook" } },
      addressType: "IPv4",
      endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready } }],
      ports: [{ port }],
    });
  };
  return { lookup, clock, hook, caller, addService, url: `https://localhost:${hook.port}/check` };
}

const failsWith = (kind: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof WebhookError, String(error));
  assert.equal(error.kind, kind);
  assert.match(error.message, message);
  return true;
};

test("a webhook by URL gets the body and the timeout, on a connection that is kept", async (t) => {
  const { hook, caller, url } = await setUp(t, () => ({ body: { fine: true } }));
  const config = { url, caBundle: hook.caBundle, auth: { token: "secret" } };
  assert.deepEqual(await caller.call(config, { a: 1 }, { timeoutMs: 10_000 }), { fine: true });
  assert.deepEqual(await caller.call(config, { a: 2 }, { timeoutMs: 90_000 }), { fine: true });
  assert.deepEqual(
    hook.requests.map(({ path, body, headers }) => [path, body, headers["authorization"], headers["content-type"]]),
    [
      ["/check?timeout=10s", { a: 1 }, "Bearer secret", "application/json"],
      ["/check?timeout=1m30s", { a: 2 }, "Bearer secret", "application/json"],
    ],
  );
  assert.equal(hook.connections, 1);
});

test("a connection that was closed meanwhile is replaced", async (t) => {
  const { hook, caller, url } = await setUp(t, () => ({ body: {} }));
  const config = { url, caBundle: hook.caBundle };
  await caller.call(config, {}, { timeoutMs: 10_000 });
  hook.cut();
  await caller.call(config, {}, { timeoutMs: 10_000 });
  assert.equal(hook.requests.length, 2);
});

test("a service is reached at a ready endpoint, by its name", async (t) => {
  const { hook, caller, addService } = await setUp(t, () => ({ body: {} }));
  addService();
  await caller.call({ service: { ...SERVICE, path: "/p" }, caBundle: hook.caBundle }, {}, { timeoutMs: 5_000 });
  assert.equal(hook.requests[0]!.headers["host"], "hook.default.svc:443");
  assert.equal(hook.requests[0]!.path, "/p?timeout=5s");
});

test("a service that leads nowhere is told in upstream's words", async (t) => {
  const { hook, caller, addService } = await setUp(t, () => ({ body: {} }));
  const call = (port?: number) =>
    caller.call(
      { service: { ...SERVICE, ...(port ? { port } : {}) }, caBundle: hook.caBundle },
      {},
      { timeoutMs: 10_000 },
    );
  await assert.rejects(
    call(),
    failsWith("unreachable", /^Post "https:\/\/hook\.default\.svc:443\/\?timeout=10s": service "hook" not found$/),
  );
  addService(hook.port, false);
  await assert.rejects(call(), failsWith("unreachable", /: no endpoints available for service "hook"$/));
  await assert.rejects(call(8443), failsWith("unreachable", /: no service port 8443 found for service "hook"$/));
});

test("nobody at the address, and a certificate of somebody else", async (t) => {
  const { hook, caller, url, addService } = await setUp(t, () => ({ body: {} }));
  const other = await testWebhook(() => ({ body: {} }));
  await other.stop();
  const options = { timeoutMs: 10_000 };
  await assert.rejects(
    caller.call({ url: `https://127.0.0.1:${other.port}/` }, {}, options),
    failsWith("unreachable", /: dial tcp 127\.0\.0\.1:\d+: connect: connection refused$/),
  );
  await assert.rejects(
    caller.call({ url, caBundle: other.caBundle }, {}, options),
    failsWith("unreachable", /: tls: failed to verify certificate: x509: certificate signed by unknown authority$/),
  );
  await assert.rejects(
    caller.call({ url, caBundle: hook.caBundle }, {}, { ...options, serverName: "elsewhere" }),
    failsWith(
      "unreachable",
      /x509: certificate is valid for localhost, hook\.default\.svc, 127\.0\.0\.1, not elsewhere$/,
    ),
  );
  addService();
  await caller.call({ url, insecureSkipTlsVerify: true }, {}, options);
  await assert.rejects(
    caller.call({ url, caBundle: hook.caBundle, auth: { certificate: "none", key: "none" } }, {}, options),
    failsWith("unreachable", /^Post ".*": .*PEM/),
  );
});

test("a webhook that does not answer in time", async (t) => {
  const asked = Promise.withResolvers<void>();
  const { hook, caller, clock, url } = await setUp(t, () => void asked.resolve());
  const calling = caller.call({ url, caBundle: hook.caBundle }, {}, { timeoutMs: 1_000 });
  await asked.promise;
  await Promise.all([
    assert.rejects(calling, failsWith("timeout", /^Post "https:.*\?timeout=1s": context deadline exceeded$/)),
    clock.advance(1_000),
  ]);
});

test("a caller who gives up", async (t) => {
  const asked = Promise.withResolvers<void>();
  const { hook, caller, url } = await setUp(t, () => void asked.resolve());
  const leaving = new AbortController();
  const calling = caller.call({ url, caBundle: hook.caBundle }, {}, { timeoutMs: 1_000, signal: leaving.signal });
  await asked.promise;
  leaving.abort(new Error("gone"));
  await assert.rejects(calling, /^Error: gone$/);
});

test("answers that are no success, no JSON, or too long", async (t) => {
  let next: WebhookAnswer;
  const { hook, caller, url } = await setUp(t, () => next);
  const call = () => caller.call({ url, caBundle: hook.caBundle }, {}, { timeoutMs: 10_000, maxAnswerBytes: 1000 });
  const plain = { "content-type": "text/plain" };
  for (const [answer, kind, message] of [
    [{ status: 404, body: "nothing here" }, "status", /^the server could not find the requested resource$/],
    [
      { status: 500, headers: plain, body: "broken" },
      "status",
      /^an error on the server \("broken"\) has prevented the request from succeeding$/,
    ],
    [{ status: 500, body: { kind: "Status", status: "Failure", message: "told" } }, "status", /^told$/],
    [{ body: "<html>" }, "body", /invalid answer "<html>"$/],
    [{ body: { long: "x".repeat(2000) } }, "body", /the answer is longer than 1000 bytes$/],
  ] as const) {
    next = answer;
    await assert.rejects(call(), failsWith(kind, message));
  }
});

test("a cluster IP is taken where kube-proxy is to choose", async () => {
  const lookup = memoryLookup();
  const { serviceResolver } = await import("./service-resolver.ts");
  const resolve = serviceResolver({ lookup, random: systemRandom(), routing: "cluster-ip" });
  lookup.put(services, { metadata: SERVICE, spec: { clusterIP: "10.96.0.7", ports: [{ port: 443 }] } });
  assert.deepEqual(await resolve("default", "hook", 443), { host: "10.96.0.7", port: 443 });
  lookup.put(services, { metadata: SERVICE, spec: { type: "ExternalName", externalName: "hooks.example.com" } });
  assert.deepEqual(await resolve("default", "hook", 443), { host: "hooks.example.com", port: 443 });
});
