import assert from "node:assert/strict";
import { test } from "node:test";
import { secrets } from "../../api/resource-types.ts";
import { nodeNameOf, parseServiceAccountUserName } from "../../api/service-account-user.ts";
import { StatusError } from "../../api/status-error.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import { issue, newAuthority } from "../../base/x509.ts";
import { memoryLookup } from "../lookup.fixture.ts";
import { bearerAuthenticator, type TokenAuthenticator, tokenUnion } from "./bearer.ts";
import { bootstrapTokenAuthenticator } from "./bootstrap-token.ts";
import { certificateAuthenticator } from "./certificate.ts";
import { ANONYMOUS, authenticatorUnion } from "./union.ts";

const clock = virtualClock();
const DAY = 86_400_000;
const authority = newAuthority({ commonName: "ca", now: clock.now(), validityMs: 10 * DAY });
const certificate = (commonName: string, organizations: string[] = [], usages: ("client" | "server")[] = ["client"]) =>
  issue({ authority, commonName, organizations, usages, notBefore: clock.now(), notAfter: clock.now() + DAY })
    .certificate;
const unauthorizedBecause = (cause: RegExp) => (error: unknown) =>
  error instanceof StatusError &&
  error.code === 401 &&
  error.message === "Unauthorized" &&
  cause.test((error.cause as Error).message);

test("a certificate's CN is the user, its O the groups, and it ends when it says", async () => {
  const clock = virtualClock();
  const authenticator = certificateAuthenticator({ clock });
  const bytes = certificate("system:node:a", ["system:nodes", "x"]);
  const user = await authenticator.authenticate({ headers: {}, certificate: bytes });
  assert.deepEqual([user?.name, user?.groups], ["system:node:a", ["system:nodes", "x"]]);
  assert.match(user?.extra?.["authentication.kubernetes.io/credential-id"]?.[0] ?? "", /^X509SHA256=[0-9a-f]{64}$/);
  assert.equal(await authenticator.authenticate({ headers: {}, certificate: bytes }), user);
  assert.equal(await authenticator.authenticate({ headers: {} }), undefined);
  assert.equal(await authenticator.authenticate({ headers: {}, certificate: certificate("") }), undefined);
  const server = certificate("s", [], ["server"]);
  await assert.rejects(
    authenticator.authenticate({ headers: {}, certificate: server }),
    unauthorizedBecause(/not for clients/),
  );
  await clock.advance(DAY + 1000);
  await assert.rejects(
    authenticator.authenticate({ headers: {}, certificate: bytes }),
    unauthorizedBecause(/not valid now/),
  );
});

const known: TokenAuthenticator = {
  authenticateToken: async (token, audiences) => {
    if (token === "bad") throw new Error("expired");
    return token === "good" ? { user: { name: "jane", groups: ["g"] }, audiences } : undefined;
  },
};
const websocket = (...protocols: string[]) => ({ upgrade: "websocket", "sec-websocket-protocol": protocols });
const carried = `base64url.bearer.authorization.k8s.io.${Buffer.from("good").toString("base64url")}`;

for (const [title, headers, expected] of [
  ["a bearer token", { authorization: "Bearer good" }, "jane"],
  ["a scheme in small letters", { authorization: "bearer  good" }, "jane"],
  ["another scheme", { authorization: "Basic good" }, undefined],
  ["no token", { authorization: "Bearer" }, undefined],
  ["a token in the subprotocol", websocket(`v5.channel.k8s.io, ${carried}`), "jane"],
  ["a subprotocol without upgrade", { "sec-websocket-protocol": carried }, undefined],
  ["an unknown token", { authorization: "Bearer other" }, /invalid bearer token/],
  ["a bad token", { authorization: "Bearer bad" }, /expired/],
] as [string, Record<string, string>, string | RegExp | undefined][]) {
  test(`bearer: ${title}`, async () => {
    const answer = bearerAuthenticator(known, ["api"]).authenticate({ headers });
    if (expected instanceof RegExp) await assert.rejects(answer, unauthorizedBecause(expected));
    else assert.equal((await answer)?.name, expected);
  });
}

test("a union takes the first user, then the first error, then anonymous", async () => {
  const bearer = bearerAuthenticator(known, ["api"]);
  const union = authenticatorUnion([bearer, certificateAuthenticator({ clock })], { anonymous: true });
  const jane = await union.authenticate({ headers: { authorization: "Bearer good" } });
  assert.deepEqual(jane?.groups, ["g", "system:authenticated"]);
  const bytes = certificate("cert");
  const both = await union.authenticate({ headers: { authorization: "Bearer bad" }, certificate: bytes });
  assert.equal(both?.name, "cert");
  await assert.rejects(
    union.authenticate({ headers: { authorization: "Bearer bad" } }),
    unauthorizedBecause(/expired/),
  );
  assert.equal(await union.authenticate({ headers: {} }), ANONYMOUS);
  const strict = authenticatorUnion([bearer], { anonymous: false });
  assert.equal(await strict.authenticate({ headers: {} }), undefined);
});

test("token authenticators are asked in turn, and all their errors are told", async () => {
  const failing = (message: string): TokenAuthenticator => ({
    authenticateToken: async () => {
      throw new Error(message);
    },
  });
  assert.equal((await tokenUnion([failing("a"), known]).authenticateToken("good", []))?.user.name, "jane");
  await assert.rejects(tokenUnion([failing("a"), failing("b")]).authenticateToken("x", []), /^Error: \[a, b\]$/);
});

const base64 = (data: Record<string, string>) =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")]));
const valid = {
  "token-id": "abcdef",
  "token-secret": "0123456789abcdef",
  "usage-bootstrap-authentication": "true",
};
for (const [title, data, groups] of [
  ["a valid token", {}, ["system:bootstrappers"]],
  [
    "extra groups",
    { "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token" },
    ["system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token"],
  ],
  ["a group out of bounds", { "auth-extra-groups": "system:masters" }, undefined],
  ["another secret", { "token-secret": "0123456789abcdeX" }, undefined],
  ["not for authentication", { "usage-bootstrap-authentication": "false" }, undefined],
  ["expired", { expiration: "2025-12-31T23:59:59Z" }, undefined],
  ["not yet expired", { expiration: "2026-01-01T00:00:01Z" }, ["system:bootstrappers"]],
  ["an unreadable expiration", { expiration: "soon" }, undefined],
  ["another id", { "token-id": "abcdeg" }, undefined],
] as [string, Record<string, string>, string[] | undefined][]) {
  test(`bootstrap token: ${title}`, async () => {
    const lookup = memoryLookup();
    const metadata = { name: "bootstrap-token-abcdef", namespace: "kube-system" };
    lookup.put(secrets, { metadata, type: "bootstrap.kubernetes.io/token", data: base64({ ...valid, ...data }) });
    const authenticator = bootstrapTokenAuthenticator({ lookup, clock });
    const found = await authenticator.authenticateToken("abcdef.0123456789abcdef", ["api"]);
    assert.deepEqual(found?.user.groups, groups);
    if (groups) assert.equal(found?.user.name, "system:bootstrap:abcdef");
    assert.equal(await authenticator.authenticateToken("zzzzzz.0123456789abcdef", ["api"]), undefined);
    assert.equal(await authenticator.authenticateToken("a.b.c", ["api"]), undefined);
  });
}

test("user names say which ServiceAccount or node they stand for", () => {
  assert.deepEqual(parseServiceAccountUserName("system:serviceaccount:a:b"), { namespace: "a", name: "b" });
  for (const name of ["system:serviceaccount:a", "system:serviceaccount:a:b:c", "system:serviceaccount::b", "jane"]) {
    assert.equal(parseServiceAccountUserName(name), undefined);
  }
  assert.equal(nodeNameOf({ name: "system:node:a", groups: ["system:nodes"] }), "a");
  assert.equal(nodeNameOf({ name: "system:node:", groups: ["system:nodes"] }), "");
  assert.equal(nodeNameOf({ name: "system:node:a", groups: [] }), undefined);
  assert.equal(nodeNameOf({ name: "jane", groups: ["system:nodes"] }), undefined);
});
