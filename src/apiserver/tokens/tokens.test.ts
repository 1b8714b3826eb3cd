import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { test } from "node:test";
import type { KubeObject, UnknownObject } from "../../api/object.ts";
import { nodes, pods, secrets, serviceAccounts } from "../../api/resource-types.ts";
import type { Claims } from "../../api/service-account-claims.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import { isSigned, parseToken, signingKey, signToken, tokenKey } from "../../base/jwt.ts";
import { seededRandom } from "../../base/random.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import { newKeyPair } from "../../base/x509.ts";
import { serviceAccountTokenAuthenticator } from "../authentication/service-account-token.ts";
import { memoryLookup } from "../lookup.fixture.ts";
import type { VirtualRequest } from "../virtual-resource.ts";
import { issuerDocuments } from "./discovery.ts";
import { tokenIssuer } from "./issuer.ts";
import { selfSubjectReviewResource, tokenReviewResource } from "./reviews.ts";
import { tokenRequests } from "./token-request.ts";

const ISSUER = "https://kubernetes.default.svc";
const key = signingKey(newKeyPair().privateKey);

function cluster(options: { maxExpirationSeconds?: number } = {}) {
  const clock = virtualClock();
  const lookup = memoryLookup();
  lookup.put(serviceAccounts, { metadata: { name: "web", namespace: "ns", uid: "sa-uid" } });
  const pod = {
    metadata: { name: "web-0", namespace: "ns", uid: "pod-uid" },
    spec: { serviceAccountName: "web", nodeName: "n1", containers: [] },
  } as unknown as Pod;
  lookup.put(pods, pod);
  lookup.put(nodes, { metadata: { name: "n1", uid: "node-uid" } });
  lookup.put(secrets, { metadata: { name: "s", namespace: "ns", uid: "secret-uid" } });
  const issuer = tokenIssuer({ issuer: ISSUER, key, clock, random: seededRandom(1) });
  const requests = tokenRequests({ issuer, audiences: ["api"], lookup, clock, ...options });
  const authenticator = serviceAccountTokenAuthenticator({ issuers: [ISSUER], keys: [key], lookup, clock });
  const warnings: string[] = [];
  const request: VirtualRequest = {
    user: { name: "admin", groups: [] },
    namespace: "ns",
    name: "web",
    warn: (text) => warnings.push(text),
  };
  const ask = async (spec: object, metadata: object = {}) => {
    const answer = (await requests.create({ metadata, spec } as UnknownObject, request)) as unknown as {
      status: { token: string; expirationTimestamp: string };
    };
    const claims = parseToken(answer.status.token)!.claims as unknown as Claims;
    return { ...answer.status, answer, claims };
  };
  return { clock, lookup, pod, authenticator, requests, request, ask, warnings };
}
const bound = (kind: string, name: string, uid?: string) => ({
  boundObjectRef: { kind, apiVersion: "v1", name, ...(uid ? { uid } : {}) },
});

test("a token for a pod says whom it speaks for, and the API knows that user", async () => {
  const { ask, authenticator } = cluster();
  const { token, claims, answer } = await ask({ ...bound("Pod", "web-0", "pod-uid"), expirationSeconds: 3600 });
  assert.deepEqual(claims, {
    aud: ["api"],
    exp: 1767229200,
    iat: 1767225600,
    iss: ISSUER,
    jti: claims.jti,
    "kubernetes.io": {
      namespace: "ns",
      node: { name: "n1", uid: "node-uid" },
      pod: { name: "web-0", uid: "pod-uid" },
      serviceaccount: { name: "web", uid: "sa-uid" },
    },
    nbf: 1767225600,
    sub: "system:serviceaccount:ns:web",
  });
  assert.equal(answer.status.expirationTimestamp, "2026-01-01T01:00:00Z");
  const found = await authenticator.authenticateToken(token, ["other", "api"]);
  assert.deepEqual(found, {
    audiences: ["api"],
    user: {
      name: "system:serviceaccount:ns:web",
      uid: "sa-uid",
      groups: ["system:serviceaccounts", "system:serviceaccounts:ns"],
      extra: {
        "authentication.kubernetes.io/credential-id": [`JTI=${claims.jti}`],
        "authentication.kubernetes.io/pod-name": ["web-0"],
        "authentication.kubernetes.io/pod-uid": ["pod-uid"],
        "authentication.kubernetes.io/node-name": ["n1"],
        "authentication.kubernetes.io/node-uid": ["node-uid"],
      },
    },
  });
  assert.equal((await authenticator.authenticateToken(token, ["api"]))?.user, found?.user);
});

test("the life of a token: default, extended, limited, refused", async () => {
  const { ask } = cluster();
  const life = (claims: Claims) => claims.exp - claims.iat;
  assert.equal(life((await ask({})).claims), 3600);
  const extended = await ask({ ...bound("Pod", "web-0"), expirationSeconds: 3607 });
  assert.equal(life(extended.claims), 365 * 24 * 3600);
  assert.equal(extended.claims["kubernetes.io"].warnafter, extended.claims.iat + 3607);
  assert.equal(extended.expirationTimestamp, "2026-01-01T01:00:07Z");
  const elsewhere = await ask({ ...bound("Pod", "web-0"), expirationSeconds: 3607, audiences: ["vault"] });
  assert.equal(life(elsewhere.claims), 3607);
  assert.equal(life((await ask({ expirationSeconds: 3607 })).claims), 3607);
  await assert.rejects(ask({ expirationSeconds: 599 }), {
    message:
      'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
  });
  await assert.rejects(ask({ expirationSeconds: 2 ** 33 }), /larger than 2\^32 seconds/);
  const limited = cluster({ maxExpirationSeconds: 700 });
  assert.equal(life((await limited.ask({ expirationSeconds: 900 })).claims), 700);
  assert.deepEqual(limited.warnings, ["requested expiration of 900 seconds shortened to 700 seconds"]);
});

test("a token is not bound to what is not there or belongs to another", async () => {
  const { ask, lookup, requests, request } = cluster();
  await assert.rejects(ask(bound("Pod", "none")), { message: 'pods "none" not found' });
  await assert.rejects(ask(bound("Pod", "web-0", "x")), /the UID in the bound object reference \(x\) does not match/);
  await assert.rejects(ask(bound("ConfigMap", "c")), {
    message: "cannot bind token to object of type /v1, Kind=ConfigMap",
  });
  await assert.rejects(ask({}, { name: "other" }), /must match the service account name if specified/);
  await assert.rejects(ask({}, { uid: "x" }), /the UID in the token request \(x\) does not match/);
  await assert.rejects(requests.create({ spec: {} } as UnknownObject, { ...request, name: "nobody" }), {
    message: 'serviceaccounts "nobody" not found',
  });
  lookup.put(serviceAccounts, { metadata: { name: "default", namespace: "ns", uid: "d" } });
  await assert.rejects(
    requests.create({ spec: bound("Pod", "web-0") } as UnknownObject, { ...request, name: "default" }),
    /cannot bind token for serviceaccount "default" to pod running with different serviceaccount name\./,
  );
});

for (const [title, spec, change, error] of [
  [
    "its ServiceAccount is gone",
    {},
    ({ lookup }) => lookup.remove(serviceAccounts, named("web")),
    /service account ns\/web not found/,
  ],
  [
    "its ServiceAccount was made anew",
    {},
    ({ lookup }) => lookup.put(serviceAccounts, named("web", "new")),
    /does not match claim \(sa-uid\)/,
  ],
  ["its pod is gone", bound("Pod", "web-0"), ({ lookup, pod }) => lookup.remove(pods, pod), /has been invalidated/],
  [
    "its pod is deleted for long",
    bound("Pod", "web-0"),
    ({ lookup, pod }) =>
      lookup.put(pods, { ...pod, metadata: { ...pod.metadata, deletionTimestamp: "2025-12-31T23:58:59Z" } }),
    /has been invalidated/,
  ],
  [
    "its secret was made anew",
    bound("Secret", "s"),
    ({ lookup }) => lookup.put(secrets, named("s", "new")),
    /does not match claim \(secret-uid\)/,
  ],
  [
    "its node is gone",
    bound("Node", "n1"),
    ({ lookup }) => lookup.remove(nodes, { metadata: { name: "n1" } }),
    /has been invalidated/,
  ],
  ["its time is over", {}, ({ clock }) => clock.advance(3_661_000), /service account token has expired/],
] as [string, object, (c: ReturnType<typeof cluster>) => void | Promise<void>, RegExp][]) {
  test(`a token ends when ${title}`, async () => {
    const c = cluster();
    const { token } = await c.ask(spec);
    assert.ok(await c.authenticator.authenticateToken(token, ["api"]));
    await change(c);
    await assert.rejects(c.authenticator.authenticateToken(token, ["api"]), error);
  });
}
const named = (name: string, uid?: string) => ({ metadata: { name, namespace: "ns", ...(uid ? { uid } : {}) } });

test("tokens for others, of others, and forged ones are told apart", async () => {
  const { ask, authenticator } = cluster();
  const { token, claims } = await ask({ audiences: ["vault"] });
  await assert.rejects(authenticator.authenticateToken(token, ["api"]), /token audiences \[vault\] are invalid/);
  assert.equal(await authenticator.authenticateToken("opaque", ["api"]), undefined);
  assert.equal(
    await authenticator.authenticateToken(signToken({ ...claims, iss: "https://else" }, key), ["api"]),
    undefined,
  );
  const other = signingKey(newKeyPair().privateKey);
  await assert.rejects(authenticator.authenticateToken(signToken(claims, other), ["vault"]), /invalid signature/);
  const [header, , signature] = token.split(".");
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: "x" })).toString("base64url");
  await assert.rejects(
    authenticator.authenticateToken(`${header}.${forged}.${signature}`, ["vault"]),
    /invalid signature/,
  );
  const none = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
  await assert.rejects(authenticator.authenticateToken(`${none}.${forged}.`, ["vault"]), /invalid signature/);
});

test("old tokens are valid as long as their secret holds them", async () => {
  const { authenticator, lookup } = cluster();
  const token = signToken(
    {
      iss: "kubernetes/serviceaccount",
      "kubernetes.io/serviceaccount/namespace": "ns",
      "kubernetes.io/serviceaccount/secret.name": "s",
      "kubernetes.io/serviceaccount/service-account.name": "web",
      "kubernetes.io/serviceaccount/service-account.uid": "sa-uid",
      sub: "system:serviceaccount:ns:web",
    },
    key,
  );
  await assert.rejects(authenticator.authenticateToken(token, ["api"]), /does not match server's copy/);
  const secret = { metadata: { name: "s", namespace: "ns" }, data: { token: Buffer.from(token).toString("base64") } };
  lookup.put(secrets, secret);
  assert.equal((await authenticator.authenticateToken(token, ["api"]))?.user.name, "system:serviceaccount:ns:web");
  lookup.remove(secrets, secret);
  await assert.rejects(authenticator.authenticateToken(token, ["api"]), /Token has been invalidated/);
});

test("keys of all kinds sign, and name themselves as upstream's do", () => {
  const pairs = [
    generateKeyPairSync("rsa", { modulusLength: 2048 }),
    generateKeyPairSync("ec", { namedCurve: "P-384" }),
    generateKeyPairSync("ec", { namedCurve: "P-521" }),
  ];
  const algorithms = pairs.map(({ privateKey, publicKey }) => {
    const own = signingKey(privateKey);
    const token = parseToken(signToken({ a: 1 }, own))!;
    assert.ok(isSigned(token, [key, tokenKey(publicKey)]));
    assert.ok(!isSigned(token, [key]));
    return own.algorithm;
  });
  assert.deepEqual(algorithms, ["RS256", "ES384", "ES512"]);
  assert.throws(() => tokenKey(generateKeyPairSync("ed25519").publicKey), /cannot sign/);
});

test("the discovery documents let others verify tokens", () => {
  const rsa = tokenKey(generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey);
  const [configuration, jwks] = issuerDocuments({ issuer: ISSUER, externalAddress: "10.0.0.1:6443", keys: [key, rsa] });
  assert.deepEqual(JSON.parse(Buffer.from(configuration!.body).toString()), {
    issuer: ISSUER,
    jwks_uri: "https://10.0.0.1:6443/openid/v1/jwks",
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["ES256", "RS256"],
  });
  const [first, second] = JSON.parse(Buffer.from(jwks!.body).toString()).keys;
  assert.deepEqual([first.kid, first.use, first.alg, second.kty], [key.id, "sig", "ES256", "RSA"]);
  const token = parseToken(signToken({}, key))!;
  const published = createPublicKey({ key: first, format: "jwk" });
  assert.ok(
    verify("sha256", Buffer.from(token.signed), { key: published, dsaEncoding: "ieee-p1363" }, token.signature),
  );
  assert.throws(() => issuerDocuments({ issuer: "kubernetes", externalAddress: "a", keys: [key] }), /https URL/);
});

test("reviews tell whom a token speaks for, and who I am", async () => {
  const { ask, authenticator, clock, request } = cluster();
  const { token } = await ask({});
  const reviews = tokenReviewResource(authenticator, ["api"]);
  const review = async (spec: object) =>
    (await reviews.create({ kind: "TokenReview", spec } as UnknownObject, request)).status as Record<string, unknown>;
  const good = await review({ token });
  assert.equal(good.authenticated, true);
  assert.deepEqual(good.audiences, ["api"]);
  const groups = ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"];
  assert.deepEqual((good.user as { groups: string[] }).groups, groups);
  assert.match(String((await review({ token, audiences: ["vault"] })).error), /are invalid for the target audiences/);
  assert.deepEqual(await review({ token: "x" }), { user: {}, error: "invalid bearer token" });
  await assert.rejects(review({}), { message: "token is required for TokenReview in authentication" });

  const self = selfSubjectReviewResource({ clock });
  const user = { name: "jane", groups: ["g"], extra: { k: ["v"] } };
  const answer = await self.create({ kind: "SelfSubjectReview" } as KubeObject as UnknownObject, { ...request, user });
  assert.deepEqual(answer.status, { userInfo: { username: "jane", groups: ["g"], extra: { k: ["v"] } } });
});
