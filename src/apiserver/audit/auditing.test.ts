import assert from "node:assert/strict";
import { test } from "node:test";
import { httpsServer } from "../https.fixture.ts";
import { ADMIN, send, testServer } from "../server.fixture.ts";
import type { ApiServerOptions } from "../server.ts";
import type { AuditBackend } from "./backend.ts";
import type { AuditEvent } from "./event.ts";
import type { AuditPolicy } from "./policy.ts";

const AUDITED = "/api/v1/namespaces/audited";

/** A server that records what `policy` says of the namespace `audited`, and what it recorded. */
function recorder(policy: AuditPolicy, options: { strict?: boolean; fail?: () => boolean } = {}) {
  const events: AuditEvent[] = [];
  const backend: AuditBackend = {
    name: "log",
    process(batch) {
      if (options.fail?.()) throw new Error("disk full");
      events.push(...batch.map((event) => structuredClone(event)));
    },
    close: async () => {},
  };
  const auditing: ApiServerOptions["auditing"] = {
    policy,
    sinks: () => [{ backend, strict: options.strict ?? false }],
  };
  return { events, auditing };
}

const everything = (level: AuditPolicy["rules"][number]["level"]): AuditPolicy => ({
  rules: [{ level, namespaces: ["audited"] }],
});
const stages = (events: readonly AuditEvent[]) => events.map(({ stage }) => stage).join(" ");

async function withServer(
  recording: ReturnType<typeof recorder>,
  run: (server: ReturnType<typeof testServer>) => Promise<void>,
): Promise<void> {
  const server = testServer({ auditing: recording.auditing });
  await server.ready;
  await send(server, "POST", "/api/v1/namespaces", { metadata: { name: "audited" } });
  recording.events.length = 0;
  try {
    await run(server);
  } finally {
    await server.close(0);
  }
}

test("Metadata: who did what to which object, and how it ended", async () => {
  const recording = recorder(everything("Metadata"));
  await withServer(recording, async (server) => {
    const body = { metadata: { generateName: "c-" }, data: { a: "b" } };
    const answer = await send(server, "POST", `${AUDITED}/configmaps?pretty=true`, body, {
      headers: { "audit-id": "given", "user-agent": "test/1" },
    });
    assert.equal(stages(recording.events), "RequestReceived ResponseComplete");
    const [first, last] = recording.events as [AuditEvent, AuditEvent];
    assert.equal(first.responseStatus, undefined);
    const { requestReceivedTimestamp, stageTimestamp, ...rest } = last;
    assert.match(requestReceivedTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.ok(stageTimestamp >= requestReceivedTimestamp);
    assert.deepEqual(JSON.parse(JSON.stringify(rest)), {
      kind: "Event",
      apiVersion: "audit.k8s.io/v1",
      level: "Metadata",
      auditID: "given",
      stage: "ResponseComplete",
      requestURI: `${AUDITED}/configmaps?pretty=true`,
      verb: "create",
      user: { username: "admin", groups: ["system:masters", "system:authenticated"] },
      sourceIPs: ["127.0.0.1"],
      userAgent: "test/1",
      objectRef: { resource: "configmaps", namespace: "audited", apiVersion: "v1" },
      responseStatus: { metadata: {}, code: 201 },
      annotations: { "authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "" },
    });
    assert.equal(answer.status, 201);
  });
});

test("a refusal says why, and an impersonated user is told apart", async () => {
  const recording = recorder(everything("Metadata"));
  await withServer(recording, async (server) => {
    const headers = { "impersonate-user": "jane" };
    assert.equal((await send(server, "GET", `${AUDITED}/secrets/s`, undefined, { headers })).status, 403);
    const event = recording.events.at(-1)!;
    assert.deepEqual(event.impersonatedUser, { username: "jane", groups: ["system:authenticated"] });
    assert.equal(event.user.username, "admin");
    assert.equal(event.annotations?.["authorization.k8s.io/decision"], "forbid");
    assert.deepEqual([event.responseStatus?.code, event.responseStatus?.reason], [403, "Forbidden"]);
    assert.match(event.responseStatus!.message!, /User "jane" cannot get resource "secrets"/);
    await send(server, "POST", `${AUDITED}/configmaps`, { metadata: { name: "gone" } });
    await send(server, "DELETE", `${AUDITED}/configmaps/gone`);
    assert.deepEqual(
      [recording.events.at(-1)!.responseStatus?.status, recording.events.at(-1)!.responseStatus?.details?.name],
      ["Success", "gone"],
    );
  });
});

test("Request and RequestResponse hold the bodies, without managed fields where they are omitted", async () => {
  const recording = recorder({
    rules: [
      { level: "RequestResponse", verbs: ["create", "get", "list"], namespaces: ["audited"], omitManagedFields: true },
      { level: "Request", namespaces: ["audited"], omitStages: ["RequestReceived"] },
    ],
  });
  await withServer(recording, async (server) => {
    const path = `${AUDITED}/configmaps`;
    await send(server, "POST", path, { metadata: { name: "c" }, data: { a: "b" } });
    const created = recording.events.at(-1)!;
    const { data, metadata } = created.responseObject as { data: object; metadata: Record<string, unknown> };
    assert.deepEqual(data, { a: "b" });
    assert.ok(metadata["uid"] && !metadata["managedFields"]);
    assert.equal((created.requestObject as { metadata: { uid?: string } }).metadata.uid, undefined);
    assert.equal(created.objectRef?.name, "c");

    recording.events.length = 0;
    const patch = [{ op: "add", path: "/data/x", value: "y" }];
    const headers = { "content-type": "application/json-patch+json" };
    await send(server, "PATCH", `${path}/c`, JSON.stringify(patch), { headers });
    assert.equal(stages(recording.events), "ResponseComplete");
    assert.deepEqual(recording.events[0]!.requestObject, patch);
    assert.equal(recording.events[0]!.responseObject, undefined);
    await send(server, "DELETE", `${path}/c`, { kind: "DeleteOptions", apiVersion: "v1", gracePeriodSeconds: 0 });
    assert.equal((recording.events.at(-1)!.requestObject as { kind: string }).kind, "DeleteOptions");

    const protobuf = { accept: "application/vnd.kubernetes.protobuf" };
    await send(server, "GET", path, undefined, { headers: protobuf });
    assert.equal((recording.events.at(-1)!.responseObject as { kind: string }).kind, "ConfigMapList");
  });
});

test("a watch has a start and an end", async () => {
  const recording = recorder(everything("Request"));
  await withServer(recording, async (server) => {
    const leaving = new AbortController();
    const response = await server.transport(ADMIN).request({
      method: "GET",
      path: `${AUDITED}/configmaps?watch=1`,
      signal: leaving.signal,
    });
    assert.equal(stages(recording.events), "RequestReceived ResponseStarted");
    leaving.abort();
    await assert.rejects(async () => {
      for await (const _ of response.body) assert.fail("there is nothing to see");
    });
    assert.equal(stages(recording.events), "RequestReceived ResponseStarted ResponseComplete");
    assert.equal(recording.events.at(-1)!.responseStatus?.code, 200);
  });
});

test("a strict backend that fails refuses requests, another one only loses events", async () => {
  for (const strict of [true, false]) {
    let failing = false;
    const recording = recorder(everything("Metadata"), { strict, fail: () => failing });
    await withServer(recording, async (server) => {
      failing = true;
      const answer = await send<{ message?: string }>(server, "GET", `${AUDITED}/configmaps`);
      assert.equal(answer.status, strict ? 500 : 200);
      if (strict) assert.match(answer.json.message!, /failed to store audit event/);
      const metrics = (await send(server, "GET", "/metrics")).text;
      assert.match(metrics, new RegExp(`apiserver_audit_requests_rejected_total ${strict ? 1 : 0}\\n`));
      assert.match(metrics, /apiserver_audit_error_total\{plugin="log"\} [1-9]/);
      assert.match(metrics, /apiserver_audit_level_total\{level="Metadata"\} \d/);
    });
  }
});

test("a request that nobody vouches for is recorded with what was tried", async () => {
  const recording = recorder({ rules: [{ level: "Metadata" }] });
  const { server, port, certificates } = await httpsServer({ auditing: recording.auditing });
  await server.ready;
  const { request } = await import("node:https");
  const status = await new Promise<number>((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path: AUDITED, ca: certificates.authority.certificatePem, agent: false };
    request({ ...options, headers: { authorization: "Bearer nonsense" } }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode!));
    })
      .on("error", reject)
      .end();
  });
  assert.equal(status, 401);
  const event = recording.events.find(({ responseStatus }) => responseStatus?.code === 401)!;
  assert.deepEqual([event.stage, event.user], ["ResponseStarted", {}]);
  assert.equal(event.responseStatus?.message, "Authentication failed, attempted: bearer");
  await server.close(0);
});
