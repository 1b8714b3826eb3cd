import assert from "node:assert/strict";
import { test } from "node:test";
import { compileCel } from "../../api/cel/cel.ts";
import type { FieldError } from "../../api/resource-definition.ts";
import { metricsRegistry } from "../../base/metrics.ts";
import { systemRandom } from "../../base/random.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import type { AuthorizationAttributes } from "../authorization.ts";
import { send, testServer } from "../server.fixture.ts";
import { type WebhookCaller, WebhookError } from "../webhook/webhook-client.ts";
import { abacAuthorizer, parseAbacPolicies } from "./abac.ts";
import { compileConditions } from "./match-conditions.ts";
import { authorizationMetrics } from "./metrics.ts";
import { type AuthorizationWebhook, webhookAuthorizer } from "./webhook.ts";

const jane = { name: "jane", groups: ["dev"], uid: "1", extra: { k: ["v"] } };
const listPods: AuthorizationAttributes = {
  user: jane,
  verb: "list",
  group: "",
  version: "v1",
  resource: "pods",
  namespace: "a",
  fieldSelector: "spec.nodeName=n1",
  labelSelector: "app in (x,y),!old",
};

function fixture(answer: (body: object) => unknown, given: Partial<AuthorizationWebhook> = {}) {
  const clock = virtualClock();
  const registry = metricsRegistry();
  const bodies: Record<string, unknown>[] = [];
  const webhooks: WebhookCaller = {
    async call(_config, body) {
      bodies.push(body as Record<string, unknown>);
      return answer(body);
    },
    close() {},
  };
  const webhook: AuthorizationWebhook = {
    config: { url: "https://x" },
    version: "v1",
    timeoutMs: 1_000,
    authorizedTtlMs: 10_000,
    unauthorizedTtlMs: 1_000,
    onFailure: "no-opinion",
    conditions: [],
    ...given,
  };
  const calls = { webhooks, clock, random: systemRandom(), metrics: authorizationMetrics(registry) };
  return { authorizer: webhookAuthorizer("hook", webhook, calls), clock, registry, bodies };
}

test("a webhook is asked by SubjectAccessReview, and its answers are remembered", async () => {
  const { authorizer, bodies, clock } = fixture(() => ({ status: { allowed: true, reason: "because" } }));
  assert.deepEqual(await authorizer.authorize(listPods), { decision: "allow", reason: "because" });
  assert.deepEqual(bodies[0], {
    kind: "SubjectAccessReview",
    apiVersion: "authorization.k8s.io/v1",
    metadata: { creationTimestamp: null },
    spec: {
      resourceAttributes: {
        namespace: "a",
        verb: "list",
        version: "v1",
        resource: "pods",
        fieldSelector: { requirements: [{ key: "spec.nodeName", operator: "In", values: ["n1"] }] },
        labelSelector: {
          requirements: [
            { key: "app", operator: "In", values: ["x", "y"] },
            { key: "old", operator: "DoesNotExist" },
          ],
        },
      },
      user: "jane",
      extra: { k: ["v"] },
      uid: "1",
      groups: ["dev"],
    },
    status: { allowed: false },
  });
  await authorizer.authorize(listPods);
  assert.equal(bodies.length, 1);
  await clock.advance(10_001);
  await authorizer.authorize({ user: jane, verb: "get", path: "/healthz" });
  assert.deepEqual((bodies[1]!.spec as Record<string, unknown>).nonResourceAttributes, {
    path: "/healthz",
    verb: "get",
  });
  const long = { ...listPods, name: "x".repeat(10_000) };
  await authorizer.authorize(long);
  await authorizer.authorize(long);
  assert.equal(bodies.length, 4);
});

test("the older version of reviews names groups otherwise", async () => {
  const { authorizer, bodies } = fixture(() => ({ status: { allowed: false } }), { version: "v1beta1" });
  assert.deepEqual(await authorizer.authorize(listPods), { decision: "no-opinion" });
  const spec = bodies[0]!.spec as Record<string, unknown>;
  assert.deepEqual(
    [bodies[0]!.apiVersion, spec.group, spec.groups],
    ["authorization.k8s.io/v1beta1", ["dev"], undefined],
  );
});

test("a webhook may deny, and must not contradict itself", async () => {
  const denied = fixture(() => ({ status: { allowed: false, denied: true, reason: "no" } }));
  assert.deepEqual(await denied.authorizer.authorize(listPods), { decision: "deny", reason: "no" });
  const both = fixture(() => ({ status: { allowed: true, denied: true } }));
  const answer = await both.authorizer.authorize(listPods);
  assert.deepEqual([answer.decision, /both allow and deny/.test(answer.error ?? "")], ["deny", true]);
});

test("what a failure comes to is configured", async () => {
  const down = () => {
    throw new WebhookError("unreachable", "connection refused");
  };
  const open = fixture(down);
  assert.deepEqual(await open.authorizer.authorize(listPods), { decision: "no-opinion", error: "connection refused" });
  assert.match(open.registry.render(), /webhook_evaluations_fail_open_total\{name="hook",result="error"\} 1/);
  const closed = fixture(down, { onFailure: "deny" });
  assert.deepEqual(await closed.authorizer.authorize(listPods), { decision: "deny", error: "connection refused" });
});

test("conditions keep requests from a webhook", async () => {
  const problems: FieldError[] = [];
  const conditions = await compileConditions(
    [{ expression: "has(request.resourceAttributes)" }, { expression: "request.resourceAttributes.namespace == 'a'" }],
    "c",
    problems,
  );
  assert.deepEqual(problems, []);
  const { authorizer, bodies, registry } = fixture(() => ({ status: { allowed: true } }), { conditions });
  assert.equal((await authorizer.authorize(listPods)).decision, "allow");
  assert.equal((await authorizer.authorize({ ...listPods, namespace: "b" })).decision, "no-opinion");
  assert.equal((await authorizer.authorize({ user: jane, verb: "get", path: "/" })).decision, "no-opinion");
  assert.equal(bodies.length, 1);
  assert.match(registry.render(), /match_condition_exclusions_total\{type="Webhook",name="hook"\} 2/);
  const failing = fixture(() => ({}), { conditions: [compileCel("1 / 0 == 1", {})], onFailure: "deny" });
  const answer = await failing.authorizer.authorize(listPods);
  assert.deepEqual(
    [answer.decision, /expression '1 \/ 0 == 1' resulted in error/.test(answer.error ?? "")],
    ["deny", true],
  );
});

test("a request that nobody could judge is a 500, one that somebody allows is served", async () => {
  const webhook: AuthorizationWebhook = {
    config: { url: "https://x" },
    version: "v1",
    timeoutMs: 100,
    authorizedTtlMs: 0,
    unauthorizedTtlMs: 0,
    onFailure: "no-opinion",
    conditions: [],
  };
  const specs = [{ type: "Webhook", name: "hook", webhook } as const, { type: "RBAC", name: "rbac" } as const];
  const server = testServer({
    security: {
      authorizers: { specs, onChange: () => {} },
      serviceAccounts: { issuers: ["https://x"], signingKey: (await import("../server.fixture.ts")).SIGNING_KEY },
    },
  });
  await server.ready;
  const user = { name: "jane", groups: ["system:authenticated"] };
  const refused = await send(server, "GET", "/api/v1/pods?limit=1", undefined, { user });
  assert.equal(refused.status, 500);
  assert.match(refused.text, /^Internal Server Error: "\/api\/v1\/pods\?limit=1": Post /);
  assert.equal((await send(server, "GET", "/version", undefined, { user })).status, 200);
  const review = await send<{ status: { evaluationError?: string } }>(
    server,
    "POST",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    { spec: { resourceAttributes: { verb: "get", resource: "pods" } } },
    { user },
  );
  assert.match(review.json.status.evaluationError ?? "", /no network/);
  await server.close(0);
});

const policy = (spec: object) =>
  JSON.stringify({ apiVersion: "abac.authorization.kubernetes.io/v1beta1", kind: "Policy", spec });

test("ABAC allows what a policy of the user or group covers", () => {
  const authorizer = abacAuthorizer(
    parseAbacPolicies(
      [
        "# policies",
        policy({ user: "jane", namespace: "a", resource: "pods", apiGroup: "" }),
        policy({ group: "dev", readonly: true, namespace: "*", resource: "*", apiGroup: "*" }),
        policy({ user: "*", nonResourcePath: "/health*" }),
        policy({ user: "joe", group: "ops", namespace: "*", resource: "*", apiGroup: "*" }),
      ].join("\n"),
    ),
  );
  const may = (attributes: Partial<AuthorizationAttributes>) =>
    (authorizer.authorize({ user: { name: "x", groups: [] }, verb: "get", ...attributes }) as { decision: string })
      .decision === "allow";
  const inA = { resource: "pods", group: "", namespace: "a" };
  assert.equal(may({ user: jane, verb: "delete", ...inA }), true);
  assert.equal(may({ user: jane, verb: "delete", ...inA, namespace: "b" }), false);
  assert.equal(may({ user: jane, verb: "watch", resource: "secrets", group: "x", namespace: "b" }), true);
  assert.equal(may({ path: "/healthz" }), true);
  assert.equal(may({ path: "/metrics" }), false);
  assert.equal(may({ user: { name: "joe", groups: [] }, ...inA }), false);
  assert.equal(may({ user: { name: "joe", groups: ["ops"] }, verb: "create", ...inA }), true);
  assert.throws(() => parseAbacPolicies('{"user":"jane"}'), /line 0: .*expected abac/);
  assert.throws(() => parseAbacPolicies(policy({ usr: "jane" })), /unknown field "spec.usr"/);
});
