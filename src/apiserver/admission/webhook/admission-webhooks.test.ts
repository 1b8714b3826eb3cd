import assert from "node:assert/strict";
import { test } from "node:test";
import { systemNetwork } from "../../../base/network.ts";
import type { AuditEvent } from "../../audit/event.ts";
import { ADMIN, send, testServer } from "../../server.fixture.ts";
import type { ApiServer, ApiServerOptions } from "../../server.ts";
import { type TestWebhook, testWebhook, type WebhookAnswer } from "../../webhook/webhook-server.fixture.ts";

interface ReviewRequest {
  uid: string;
  operation: string;
  name?: string;
  namespace?: string;
  dryRun: boolean;
  subResource?: string;
  kind: { group: string; version: string; kind: string };
  resource: { group: string; version: string; resource: string };
  requestKind: unknown;
  requestResource: { version: string };
  object: { apiVersion: string; kind: string; metadata: Record<string, unknown>; data?: Record<string, string> } | null;
  oldObject: { data?: Record<string, string> } | null;
  options: Record<string, unknown> | null;
  userInfo: { username: string };
}
type Verdict = Record<string, unknown> | undefined;

interface Setting {
  server: ApiServer;
  hook: TestWebhook;
  /** The reviews that came, each with the path that it came to. */
  reviews: { path: string; request: ReviewRequest }[];
  /** What the webhook at a path answers; `{ allowed: true }` unless told. */
  answers: Map<string, (request: ReviewRequest) => Verdict>;
  register(kind: "Validating" | "Mutating", name: string, ...webhooks: object[]): Promise<void>;
}

const patch = (...operations: object[]) => ({
  patchType: "JSONPatch",
  patch: Buffer.from(JSON.stringify(operations)).toString("base64"),
});

async function setUp(
  t: { after(undo: () => unknown): void },
  options: Partial<ApiServerOptions> = {},
): Promise<Setting> {
  const reviews: Setting["reviews"] = [];
  const answers: Setting["answers"] = new Map();
  const hook = await testWebhook(({ path, body }): WebhookAnswer => {
    const { request, apiVersion } = body as { request: ReviewRequest; apiVersion: string };
    const short = path.split("?")[0]!;
    reviews.push({ path: short, request });
    const verdict = answers.get(short)?.(request) ?? { allowed: true };
    if (verdict["silent"]) return undefined;
    if (verdict["raw"]) return verdict["raw"] as WebhookAnswer;
    return { body: { kind: "AdmissionReview", apiVersion, response: { allowed: true, uid: request.uid, ...verdict } } };
  });
  const server = testServer({ network: systemNetwork, ...options });
  await server.ready;
  t.after(async () => {
    await server.close(0);
    await hook.stop();
  });
  const register: Setting["register"] = async (kind, name, ...webhooks) => {
    const answer = await send(
      server,
      "POST",
      `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}webhookconfigurations`,
      {
        metadata: { name },
        webhooks: webhooks.map((webhook, index) => ({
          name: `w${index}.${name}.example.com`,
          admissionReviewVersions: ["v1"],
          sideEffects: "None",
          clientConfig: { url: `https://localhost:${hook.port}/${name}`, caBundle: hook.caBundle },
          rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["*"], resources: ["configmaps"] }],
          ...webhook,
        })),
      },
    );
    assert.equal(answer.status, 201, answer.text);
  };
  return { server, hook, reviews, answers, register };
}

const MAPS = "/api/v1/namespaces/default/configmaps";
const configMap = (name: string, data: Record<string, string> = {}, labels = {}) => ({
  metadata: { name, labels },
  data,
});

test("a validating webhook sees the whole request, and refuses it in its own words", async (t) => {
  const { server, reviews, answers, register } = await setUp(t);
  await register("Validating", "check", {});
  answers.set("/check", ({ object }) =>
    object?.data?.["bad"]
      ? { allowed: false, status: { code: 418, message: "bad data", reason: "Nope" }, warnings: ["careful"] }
      : { warnings: ["fine"] },
  );
  const made = await send(server, "POST", `${MAPS}?fieldManager=me`, configMap("a"));
  assert.equal(made.status, 201);
  assert.equal(made.headers["warning"], '299 - "fine"');
  const { request } = reviews[0]!;
  assert.deepEqual(request.kind, { group: "", version: "v1", kind: "ConfigMap" });
  assert.deepEqual(request.requestKind, request.kind);
  assert.deepEqual(request.resource, { group: "", version: "v1", resource: "configmaps" });
  assert.equal(request.operation, "CREATE");
  assert.deepEqual([request.name, request.namespace, request.dryRun], ["a", "default", false]);
  assert.equal(request.object?.apiVersion, "v1");
  assert.equal(request.object?.kind, "ConfigMap");
  assert.equal(request.oldObject, null);
  assert.deepEqual(request.options, { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1", fieldManager: "me" });
  assert.equal(request.userInfo.username, "admin");

  const patched = await send(
    server,
    "PATCH",
    `${MAPS}/a`,
    { data: { bad: "1" } },
    { headers: { "content-type": "application/merge-patch+json" } },
  );
  assert.equal(patched.status, 418);
  assert.equal(patched.json["message"], 'admission webhook "w0.check.example.com" denied the request: bad data');
  assert.equal(patched.json["reason"], "Nope");
  assert.equal(reviews[1]!.request.options?.["kind"], "UpdateOptions");

  answers.set("/check", () => ({ allowed: false }));
  const gone = await send(server, "DELETE", `${MAPS}/a`);
  assert.equal(gone.status, 400);
  assert.equal(gone.json["message"], 'admission webhook "w0.check.example.com" denied the request without explanation');
  assert.deepEqual([reviews[2]!.request.operation, reviews[2]!.request.object], ["DELETE", null]);
  assert.ok(reviews[2]!.request.oldObject);
});

test("mutating webhooks run by the names of their configurations; what the schema does not know is left out", async (t) => {
  const { server, reviews, answers, register } = await setUp(t);
  await register("Mutating", "second", {});
  await register("Mutating", "first", {});
  answers.set("/first", () => patch({ op: "add", path: "/data/first", value: "1" }));
  answers.set("/second", ({ object }) =>
    patch(
      { op: "add", path: "/data/second", value: `after ${object?.data?.["first"]}` },
      { op: "add", path: "/unknown", value: { a: 1 } },
      { op: "add", path: "/metadata/labels", value: { by: "webhook" } },
    ),
  );
  const made = await send<Record<string, unknown> & { metadata: Record<string, unknown> }>(
    server,
    "POST",
    MAPS,
    configMap("a", { own: "x" }),
  );
  assert.equal(made.status, 201, made.text);
  assert.deepEqual(made.json["data"], { own: "x", first: "1", second: "after 1" });
  assert.deepEqual(made.json.metadata["labels"], { by: "webhook" });
  assert.ok(made.json.metadata["uid"]);
  assert.equal(made.json["unknown"], undefined);
  assert.deepEqual(
    reviews.map(({ path }) => path),
    ["/first", "/second"],
  );
});

test("a webhook with reinvocationPolicy IfNeeded is asked again where a later one changed the object", async (t) => {
  const { server, reviews, answers, register } = await setUp(t);
  await register("Mutating", "a-again", { reinvocationPolicy: "IfNeeded" });
  await register("Mutating", "b-once", {});
  answers.set("/b-once", ({ object }) =>
    object?.data?.["late"] ? undefined : patch({ op: "add", path: "/data/late", value: "1" }),
  );
  const seen: unknown[] = [];
  answers.set("/a-again", ({ object }) => {
    seen.push(object?.data);
    return undefined;
  });
  await send(server, "POST", MAPS, configMap("a", { own: "x" }));
  assert.deepEqual(
    reviews.map(({ path }) => path),
    ["/a-again", "/b-once", "/a-again"],
  );
  assert.deepEqual(seen, [{ own: "x" }, { own: "x", late: "1" }]);
});

test("a webhook that can't be called: failurePolicy decides", async (t) => {
  const { server, answers, register } = await setUp(t);
  await register("Validating", "open", { failurePolicy: "Ignore" });
  answers.set("/open", () => ({ raw: { status: 500, body: "no" } }));
  assert.equal((await send(server, "POST", MAPS, configMap("a"))).status, 201);
  await register("Mutating", "closed", {});
  answers.set("/closed", () => ({ raw: { status: 404, body: "no" } }));
  const refused = await send(server, "POST", MAPS, configMap("b"));
  assert.equal(refused.status, 500);
  assert.equal(
    refused.json["message"],
    'Internal error occurred: failed calling webhook "w0.closed.example.com": failed to call webhook: the server could not find the requested resource',
  );
  answers.set("/closed", () => ({ uid: "other" }));
  const invalid = await send<{ message: string }>(server, "POST", MAPS, configMap("b"));
  assert.match(invalid.json.message, /received invalid webhook response: expected response\.uid="[^"]+", got "other"$/);
  const metrics = (await send(server, "GET", "/metrics")).text;
  assert.match(
    metrics,
    /apiserver_admission_webhook_rejection_count\{name="w0\.closed\.example\.com",type="admit",operation="CREATE",error_type="calling_webhook_error",rejection_code="404"\} 1/,
  );
  assert.match(
    metrics,
    /apiserver_admission_webhook_fail_open_count\{name="w0\.open\.example\.com",type="validating"\} 1/,
  );
});

test("a webhook with side effects stands against dry runs", async (t) => {
  const { server, register, reviews } = await setUp(t);
  await register("Validating", "effects", { sideEffects: "NoneOnDryRun" });
  assert.equal((await send(server, "POST", `${MAPS}?dryRun=All`, configMap("a"))).status, 201);
  assert.equal(reviews[0]!.request.dryRun, true);
  await register("Validating", "some", { sideEffects: "None", admissionReviewVersions: ["v9", "v1beta1"] });
  assert.equal((await send(server, "POST", `${MAPS}?dryRun=All`, configMap("a"))).status, 201);
  assert.equal(reviews.length, 3);
});

test("selectors, scope and subresources choose what a webhook sees", async (t) => {
  const { server, register, reviews } = await setUp(t);
  await register("Validating", "labelled", { objectSelector: { matchLabels: { check: "yes" } } });
  await register("Validating", "elsewhere", { namespaceSelector: { matchLabels: { none: "such" } } });
  await register("Validating", "cluster", {
    rules: [{ apiGroups: ["*"], apiVersions: ["*"], operations: ["CREATE"], resources: ["*"], scope: "Cluster" }],
  });
  await register("Validating", "status", {
    rules: [{ apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["namespaces/status"] }],
  });
  await send(server, "POST", MAPS, configMap("plain"));
  assert.equal(reviews.length, 0);
  await send(server, "POST", MAPS, configMap("labelled", {}, { check: "yes" }));
  // The old labels count too.
  await send(server, "PUT", `${MAPS}/labelled`, configMap("labelled"));
  assert.deepEqual(
    reviews.map(({ path }) => path),
    ["/labelled", "/labelled"],
  );
  await send(server, "POST", "/api/v1/namespaces", { metadata: { name: "new" } });
  assert.deepEqual([reviews[2]?.path, reviews[2]?.request.namespace], ["/cluster", "new"]);
  await send(server, "PUT", "/api/v1/namespaces/new/status", {
    metadata: { name: "new" },
    status: { phase: "Active" },
  });
  assert.deepEqual([reviews[3]?.path, reviews[3]?.request.subResource], ["/status", "status"]);
});

test("matchPolicy Equivalent converts to the version that the rule names", async (t) => {
  const { server, register, reviews, answers } = await setUp(t);
  const rules = [{ apiGroups: ["autoscaling"], apiVersions: ["v1"], operations: ["*"], resources: ["*"] }];
  await register("Mutating", "equivalent", { rules });
  await register("Mutating", "exact", { rules, matchPolicy: "Exact" });
  answers.set("/equivalent", () => patch({ op: "replace", path: "/spec/maxReplicas", value: 7 }));
  const made = await send<{ spec: { maxReplicas: number } }>(
    server,
    "POST",
    "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
    {
      metadata: { name: "a" },
      spec: { maxReplicas: 3, scaleTargetRef: { kind: "Deployment", name: "a", apiVersion: "apps/v1" } },
    },
  );
  assert.equal(made.status, 201, made.text);
  assert.equal(made.json.spec.maxReplicas, 7);
  assert.equal(reviews.length, 1);
  const { request } = reviews[0]!;
  assert.deepEqual([request.resource.version, request.requestResource.version], ["v1", "v2"]);
  assert.equal(request.object?.apiVersion, "autoscaling/v1");
});

test("webhooks never stand in the way of what configures admission", async (t) => {
  const { server, register, answers } = await setUp(t);
  await register("Validating", "all", {
    rules: [{ apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*/*"] }],
  });
  answers.set("/all", () => ({ allowed: false }));
  assert.equal((await send(server, "POST", MAPS, configMap("a"))).status, 400);
  const path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/all";
  assert.equal((await send(server, "DELETE", path)).status, 200);
  assert.equal((await send(server, "POST", MAPS, configMap("a"))).status, 201);
});

test("a collection is deleted only where each of its objects may be", async (t) => {
  const { server, register, answers, reviews } = await setUp(t);
  for (const name of ["a", "b"]) await send(server, "POST", MAPS, configMap(name));
  await register("Validating", "keep", {});
  answers.set("/keep", () => ({ allowed: false }));
  assert.equal((await send(server, "DELETE", MAPS)).status, 400);
  assert.ok(reviews.every(({ request }) => request.operation === "DELETE"));
  const left = await send<{ items: { metadata: { name: string } }[] }>(server, "GET", MAPS);
  assert.deepEqual(
    left.json.items.map(({ metadata }) => metadata.name),
    ["a", "b"],
  );
});

test("a patch that does not apply, or makes no such object, is the server's error", async (t) => {
  const { server, register, answers } = await setUp(t);
  await register("Mutating", "broken", {});
  for (const [verdict, message] of [
    [patch({ op: "remove", path: "/nothing" }), /Internal error occurred: Unable to remove nonexistent key: nothing/],
    [patch({ op: "add", path: "/data", value: 5 }), /^Internal error occurred: /],
    [{ patch: "e30=" }, /webhook returned response\.patch but not response\.patchType$/],
    [{ patch: "e30=", patchType: "JSONPatch" }, /received undecodable patch in webhook response/],
    [patch({ op: "replace", path: "/metadata/namespace", value: "other" }), /does not match the namespace sent/],
  ] as const) {
    answers.set("/broken", () => verdict);
    const answer = await send<{ message: string }>(server, "POST", MAPS, configMap("a"));
    assert.match(answer.json.message, message);
    assert.ok(answer.status >= 400);
  }
});

test("a write through the scale subresource is shown as a Scale", async (t) => {
  const { server, register, reviews, answers } = await setUp(t);
  const sets = "/apis/apps/v1/namespaces/default/replicasets";
  const labels = { app: "a" };
  const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [] } } };
  const containers = [{ name: "c", image: "i" }];
  const template = { ...spec.template, spec: { containers } };
  assert.equal(
    (await send(server, "POST", sets, { metadata: { name: "a" }, spec: { ...spec, template } })).status,
    201,
  );
  const rules = [
    { apiGroups: ["apps"], apiVersions: ["v1"], operations: ["UPDATE"], resources: ["replicasets/scale"] },
  ];
  await register("Mutating", "limit", { rules });
  answers.set("/limit", () => patch({ op: "replace", path: "/spec/replicas", value: 3 }));
  const scaled = await send<{ spec: { replicas: number } }>(
    server,
    "PATCH",
    `${sets}/a/scale`,
    { spec: { replicas: 9 } },
    { headers: { "content-type": "application/merge-patch+json" } },
  );
  assert.equal(scaled.json.spec.replicas, 3, scaled.text);
  const { request } = reviews[0]!;
  assert.deepEqual(request.kind, { group: "autoscaling", version: "v1", kind: "Scale" });
  assert.deepEqual([request.resource.resource, request.subResource], ["replicasets", "scale"]);
  assert.equal(request.object?.kind, "Scale");
});

test("what a webhook did is in the audit annotations", async (t) => {
  const events: AuditEvent[] = [];
  const backend = {
    name: "log" as const,
    process: (batch: readonly AuditEvent[]) => void events.push(...batch.map((event) => structuredClone(event))),
    close: async () => {},
  };
  const auditing: ApiServerOptions["auditing"] = {
    policy: { rules: [{ level: "Request", namespaces: ["default"] }] },
    sinks: () => [{ backend, strict: false }],
  };
  const { server, register, answers } = await setUp(t, { auditing });
  await register("Mutating", "change", {});
  const operations = [{ op: "add", path: "/data/a", value: "1" }];
  answers.set("/change", () => ({ ...patch(...operations), auditAnnotations: { why: "because" } }));
  await register("Validating", "down", { failurePolicy: "Ignore" });
  answers.set("/down", () => ({ raw: { status: 500, body: "no" } }));
  await send(server, "POST", MAPS, configMap("a", { own: "x" }));
  const { annotations = {} } = events.find(
    ({ stage, objectRef }) => stage === "ResponseComplete" && objectRef?.resource === "configmaps",
  )!;
  const told = { configuration: "change", webhook: "w0.change.example.com" };
  assert.equal(annotations["w0.change.example.com/why"], "because");
  assert.deepEqual(JSON.parse(annotations["mutation.webhook.admission.k8s.io/round_0_index_0"]!), {
    ...told,
    mutated: true,
  });
  assert.deepEqual(JSON.parse(annotations["patch.webhook.admission.k8s.io/round_0_index_0"]!), {
    ...told,
    patch: operations,
    patchType: "JSONPatch",
  });
  assert.equal(annotations["failed-open.validating.webhook.admission.k8s.io/round_0_index_0"], "w0.down.example.com");
});

test("match conditions: one that is false spares the webhook, one that fails is for the failure policy", async (t) => {
  const { server, register, reviews } = await setUp(t);
  const condition = (expression: string) => ({ matchConditions: [{ name: "c", expression }] });
  await register("Validating", "skip", condition("object.metadata.name != 'a' || request.operation == 'DELETE'"));
  await register("Mutating", "hit", condition("!has(object.data.none) && request.userInfo.username == 'admin'"));
  await register("Validating", "may", condition("authorizer.group('').resource('pods').check('get').allowed()"));
  await register("Validating", "open", { ...condition("object.data.none == 'x'"), failurePolicy: "Ignore" });
  assert.equal((await send(server, "POST", MAPS, configMap("a", { own: "x" }))).status, 201);
  assert.deepEqual(reviews.map(({ path }) => path).sort(), ["/hit", "/may"]);
  const metrics = (await send(server, "GET", "/metrics")).text;
  assert.match(
    metrics,
    /apiserver_admission_match_condition_exclusions_total\{name="w0\.skip\.example\.com",kind="webhook",type="validate",operation="CREATE"\} 1/,
  );

  await register("Mutating", "closed", condition("object.data.none == 'x'"));
  const refused = await send<{ message: string }>(server, "POST", MAPS, configMap("b", { own: "x" }));
  assert.equal(refused.status, 403);
  assert.match(
    refused.json.message,
    /^configmaps "b" is forbidden: expression 'object\.data\.none == 'x'' resulted in error: no such key: none$/,
  );
});

test("field owners that a webhook broke are put back, with a warning", async (t) => {
  const { server, register, answers } = await setUp(t);
  await register("Mutating", "outdated", {});
  const entry = { manager: "x", operation: "Nothing", fieldsType: "FieldsV1", fieldsV1: {} };
  answers.set("/outdated", () => patch({ op: "replace", path: "/metadata/managedFields", value: [entry] }));
  const made = await send<{ metadata: { managedFields: { manager: string }[] } }>(
    server,
    "POST",
    `${MAPS}?fieldManager=me`,
    configMap("a", { own: "x" }),
  );
  assert.equal(made.status, 201, made.text);
  assert.deepEqual(
    made.json.metadata.managedFields.map(({ manager }) => manager),
    ["me"],
  );
  assert.match(made.headers["warning"] ?? "", /managedFields was in an invalid state after admission/);
});

test("nothing is written for a client that went away while a webhook was asked", { timeout: 8_000 }, async (t) => {
  const asked = Promise.withResolvers<void>();
  const { server, register, answers } = await setUp(t);
  await register("Validating", "slow", { failurePolicy: "Ignore" });
  answers.set("/slow", () => {
    asked.resolve();
    return { silent: true };
  });
  const leaving = new AbortController();
  const request = server.transport(ADMIN).request({
    method: "POST",
    path: MAPS,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(configMap("a")),
    signal: leaving.signal,
  });
  await asked.promise;
  leaving.abort(new Error("gone"));
  await assert.rejects(request);
  // The call ends at once, not with its timeout of ten seconds.
  const ended = /webhook_request_total\{name="w0\.slow\.example\.com",[^}]*rejected="true"\} 1/;
  while (!ended.test((await send(server, "GET", "/metrics")).text)) await new Promise(setImmediate);
  assert.equal((await send(server, "GET", `${MAPS}/a`)).status, 404);
});
