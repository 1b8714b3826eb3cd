import assert from "node:assert/strict";
import { test } from "node:test";
import type { SubjectAccessReview } from "../../api/types/authorization.v1.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import type { Client } from "../../client/client.ts";
import { nodeRequests } from "./access.ts";
import { webhookAccess } from "./webhook-access.ts";

/** A client whose reviews are answered by `answer`; counts them. */
const reviewing = (answer: (kind: string, spec: Record<string, unknown>) => unknown) => {
  const asked: { kind: string; spec: Record<string, unknown> }[] = [];
  const client = {
    resource: () => ({
      async create(review: { kind: string; spec: Record<string, unknown> }) {
        asked.push(review);
        return { ...review, status: answer(review.kind, review.spec) };
      },
    }),
  } as unknown as Client;
  return { client, asked };
};
const node = { verb: "get", subresource: "proxy", nodeName: "n1" };

test("tokens become users, and answers are kept for a while", async () => {
  const clock = virtualClock();
  const { client, asked } = reviewing((_kind, { token }) =>
    token === "good"
      ? { authenticated: true, user: { username: "u", groups: ["g"], uid: "7" } }
      : { authenticated: false },
  );
  const access = webhookAccess({ client, clock });
  const user = { name: "u", groups: ["g"], uid: "7" };
  assert.deepEqual(await Promise.all([access.authenticateToken("good"), access.authenticateToken("good")]), [
    user,
    user,
  ]);
  assert.equal(await access.authenticateToken("bad"), undefined);
  assert.equal(asked.length, 2);
  await clock.advance(120_001);
  await access.authenticateToken("good");
  assert.equal(asked.length, 3);
});

test("permission is asked for the node's subresource; a yes is kept longer than a no", async () => {
  const clock = virtualClock();
  const { client, asked } = reviewing((_kind, { user }) => ({ allowed: user === "boss", reason: "because" }));
  const access = webhookAccess({ client, clock });
  assert.deepEqual(await access.authorize({ name: "boss", groups: ["a"] }, node), { allowed: true, reason: "because" });
  assert.deepEqual((asked[0] as unknown as SubjectAccessReview).spec, {
    user: "boss",
    groups: ["a"],
    resourceAttributes: { verb: "get", version: "v1", resource: "nodes", subresource: "proxy", name: "n1" },
  });
  assert.equal((await access.authorize({ name: "joe", groups: [] }, node)).allowed, false);
  await clock.advance(30_001);
  await access.authorize({ name: "boss", groups: ["a"] }, node);
  assert.equal(asked.length, 2);
  await access.authorize({ name: "joe", groups: [] }, node);
  assert.equal(asked.length, 3);
});

test("a failed question is asked again", async () => {
  let fail = true;
  const { client } = reviewing(() => {
    if (fail) throw new Error("down");
    return { allowed: true };
  });
  const access = webhookAccess({ client, clock: virtualClock() });
  await assert.rejects(access.authorize({ name: "a", groups: [] }, node), /down/);
  fail = false;
  assert.equal((await access.authorize({ name: "a", groups: [] }, node)).allowed, true);
});

test("each path needs its own subresource, or the proxy's", () => {
  const needs = (method: string, path: string) =>
    nodeRequests(method, path, "n").map(({ verb, subresource }) => `${verb} ${subresource}`);
  assert.deepEqual(needs("GET", "/metrics/resource"), ["get metrics"]);
  assert.deepEqual(needs("GET", "/stats/summary"), ["get stats"]);
  assert.deepEqual(needs("GET", "/pods"), ["get pods", "get proxy"]);
  assert.deepEqual(needs("GET", "/healthz/ping"), ["get healthz", "get proxy"]);
  assert.deepEqual(needs("POST", "/exec/a/b/c"), ["create proxy"]);
  assert.deepEqual(needs("GET", "/podsandmore"), ["get proxy"]);
});
