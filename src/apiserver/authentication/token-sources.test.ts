import assert from "node:assert/strict";
import { test } from "node:test";
import { unauthorized } from "../../api/status-error.ts";
import { systemRandom } from "../../base/random.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import { issue, newAuthority } from "../../base/x509.ts";
import { type WebhookCaller, WebhookError } from "../webhook/webhook-client.ts";
import { requestHeaderAuthenticator } from "./request-header.ts";
import { tokenFileAuthenticator } from "./token-file.ts";
import { tokenWebhookAuthenticator } from "./token-webhook.ts";

test("tokens of a file are their users'", async () => {
  const authenticator = tokenFileAuthenticator(
    ['t1,jane,u1,"a,b"', "# a comment", "", 't2 , joe , ""', '"t,3",jim,u3,c,more'].join("\r\n"),
  );
  const user = async (token: string) => (await authenticator.authenticateToken(token, ["api"]))?.user;
  assert.deepEqual(await user("t1"), { name: "jane", uid: "u1", groups: ["a", "b"] });
  assert.deepEqual(await user("t2"), { name: "joe", groups: [] });
  assert.deepEqual(await user("t,3"), { name: "jim", uid: "u3", groups: ["c"] });
  assert.equal(await user("t4"), undefined);
  assert.deepEqual((await authenticator.authenticateToken("t1", ["api"]))?.audiences, ["api"]);
  assert.throws(() => tokenFileAuthenticator("t1,jane"), /must have at least 3 columns/);
  assert.throws(() => tokenFileAuthenticator("t1,,u"), /user name of record 1/);
  assert.throws(() => tokenFileAuthenticator('t1,"jane,u'), /can't be read/);
});

type Answer = (body: { spec: { token: string; audiences?: string[] } }) => object;
function webhook(answer: Answer, version: "v1" | "v1beta1" = "v1") {
  const clock = virtualClock();
  const bodies: object[] = [];
  const webhooks: WebhookCaller = {
    async call(_config, body) {
      bodies.push(body);
      return answer(body as Parameters<Answer>[0]);
    },
    close() {},
  };
  const options = { webhooks, clock, random: systemRandom(), config: { url: "https://x" }, version };
  const authenticator = tokenWebhookAuthenticator({ ...options, cacheTtlMs: 60_000, audiences: ["api"] });
  return { authenticator, clock, bodies };
}

test("a webhook says whom a token speaks for, and is believed for a while", async () => {
  const user = { username: "jane", uid: "1", groups: ["g"], extra: { k: ["v"] } };
  const { authenticator, clock, bodies } = webhook(() => ({ status: { authenticated: true, user } }));
  const ask = () => authenticator.authenticateToken("t", ["api", "other"]);
  const [found] = await Promise.all([ask(), ask()]);
  assert.deepEqual(found, {
    user: { name: "jane", uid: "1", groups: ["g"], extra: { k: ["v"] } },
    audiences: ["api"],
  });
  assert.equal(bodies.length, 1);
  assert.deepEqual(bodies[0], {
    kind: "TokenReview",
    apiVersion: "authentication.k8s.io/v1",
    metadata: { creationTimestamp: null },
    spec: { token: "t", audiences: ["api", "other"] },
    status: { user: {} },
  });
  await ask();
  assert.equal(bodies.length, 1);
  await clock.advance(60_001);
  await ask();
  assert.equal(bodies.length, 2);
});

test("a webhook's token must be meant for whom it is presented to", async () => {
  const { authenticator } = webhook(() => ({
    status: { authenticated: true, user: { username: "jane" }, audiences: ["other"] },
  }));
  assert.equal(await authenticator.authenticateToken("t", ["api"]), undefined);
  assert.deepEqual((await authenticator.authenticateToken("t", ["other"]))?.audiences, ["other"]);
});

test("a webhook's refusal is remembered, its error is not", async () => {
  const refusing = webhook(() => ({ status: { authenticated: false } }), "v1beta1");
  for (let time = 0; time < 2; time++)
    assert.equal(await refusing.authenticator.authenticateToken("t", ["api"]), undefined);
  assert.equal(refusing.bodies.length, 1);
  const failing = webhook(() => ({ status: { authenticated: false, error: "locked" } }));
  for (let time = 0; time < 2; time++)
    await assert.rejects(failing.authenticator.authenticateToken("t", ["api"]), /^Error: locked$/);
  assert.equal(failing.bodies.length, 2);
});

test("a webhook is called again for failures that may pass, not for others", async () => {
  let left = 2;
  const passing = webhook(() => {
    if (left-- > 0)
      throw new WebhookError("status", "busy", { answer: Object.assign(unauthorized(), { status: { code: 500 } }) });
    return { status: { authenticated: true, user: { username: "jane" } } };
  });
  const asking = passing.authenticator.authenticateToken("t", ["api"]);
  for (let time = 0; time < 3; time++) await passing.clock.advance(1_000);
  assert.equal((await asking)?.user.name, "jane");
  assert.equal(passing.bodies.length, 3);
  const refused = webhook(() => {
    throw new WebhookError("status", "Unauthorized", { answer: unauthorized() });
  });
  await assert.rejects(refused.authenticator.authenticateToken("t", ["api"]), /Unauthorized/);
  assert.equal(refused.bodies.length, 1);
});

const now = Date.now();
const authority = newAuthority({ commonName: "front-proxy-ca", now, validityMs: 3_600_000 });
const proxy = (commonName: string, usages: ("client" | "server")[] = ["client"]) =>
  issue({ authority, commonName, usages, notBefore: now, notAfter: now + 3_600_000 }).certificate;
const headers = {
  "x-remote-user": "jane",
  "x-remote-uid": "42",
  "x-remote-group": ["a", "b"],
  "x-remote-extra-example.org%2fteam": ["red"],
};

test("a proxy names the user in headers, where its certificate allows it", async () => {
  const authenticator = requestHeaderAuthenticator({
    ca: authority.certificatePem,
    allowedNames: ["front"],
    usernameHeaders: ["X-First", "X-Remote-User"],
    uidHeaders: ["X-Remote-Uid"],
    groupHeaders: ["X-Remote-Group"],
    extraHeaderPrefixes: ["X-Remote-Extra-"],
  });
  assert.deepEqual(await authenticator.authenticate({ headers, proxyCertificate: proxy("front") }), {
    name: "jane",
    uid: "42",
    groups: ["a", "b"],
    extra: { "example.org/team": ["red"] },
  });
  assert.equal(await authenticator.authenticate({ headers }), undefined);
  // A certificate of the client CA is none of the proxies'.
  assert.equal(await authenticator.authenticate({ headers, certificate: proxy("front") }), undefined);
  assert.equal(await authenticator.authenticate({ headers: {}, proxyCertificate: proxy("front") }), undefined);
  const refused = (certificate: Uint8Array) => authenticator.authenticate({ headers, proxyCertificate: certificate });
  await assert.rejects(refused(proxy("other")), (error: Error) =>
    /not in the allowed list/.test(String((error.cause as Error).message)),
  );
  await assert.rejects(refused(proxy("front", ["server"])), (error: Error) =>
    /not for clients/.test((error.cause as Error).message),
  );
});
