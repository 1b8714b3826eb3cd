import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { UserInfo } from "../../../api/user.ts";
import { systemClock } from "../../../base/clock.ts";
import { silentLogger } from "../../../base/logger.ts";
import { metricsRegistry } from "../../../base/metrics.ts";
import { systemNetwork } from "../../../base/network.ts";
import { type JwtServices, jwtAuthenticators } from "./authenticator.ts";
import type { JwtAuthenticatorConfiguration } from "./configuration.ts";
import { ecKey, mint, rsaKey, testIssuer } from "./issuer.fixture.ts";
import { jwtMetrics } from "./metrics.ts";

const clock = systemClock();
const first = ecKey("one");
const issuer = await testIssuer([first]);
after(() => issuer.stop());
const services: JwtServices = { network: systemNetwork, clock, logger: silentLogger, ownIssuers: ["https://own"] };
const now = () => Math.floor(clock.now() / 1000);
const claims = (more: object = {}) => ({
  iss: issuer.url,
  aud: "kubernetes",
  sub: "jane",
  exp: now() + 600,
  ...more,
});
const configure = (more: Partial<JwtAuthenticatorConfiguration> = {}, moreIssuer: object = {}) => ({
  jwt: [
    {
      issuer: { url: issuer.url, audiences: ["kubernetes"], certificateAuthority: issuer.ca, ...moreIssuer },
      claimMappings: { username: { claim: "sub", prefix: "oidc:" }, groups: { claim: "groups", prefix: "" } },
      ...more,
    },
  ],
});
/** Authenticators that are ready, and the user of a token. */
async function ready(configuration: ReturnType<typeof configure>, given: Partial<JwtServices> = {}) {
  const made = await jwtAuthenticators(configuration, { ...services, ...given });
  after(() => made.stop());
  while (made.problem()) await new Promise((resolve) => setImmediate(resolve));
  return async (token: string): Promise<UserInfo | undefined> =>
    (await made.authenticator.authenticateToken(token, ["api"]))?.user;
}

test("a token of the issuer speaks for its user, and others don't", async () => {
  const metrics = metricsRegistry();
  const authenticate = await ready(configure(), { metrics: jwtMetrics(metrics, clock) });
  const user = await authenticate(mint(first, claims({ groups: ["a", "b"], jti: "7" })));
  assert.deepEqual(user, {
    name: "oidc:jane",
    groups: ["a", "b"],
    extra: { "authentication.kubernetes.io/credential-id": ["JTI=7"] },
  });
  assert.deepEqual((await authenticate(mint(first, claims({ groups: "solo" }))))?.groups, ["solo"]);
  assert.equal(await authenticate(mint(first, claims({ iss: "https://other" }))), undefined);
  assert.equal(await authenticate("not-a-token"), undefined);
  assert.match(metrics.render(), /jwt_authenticator_latency_seconds_count\{result="success",jwt_issuer_hash="sha256:/);
});

for (const [title, token, message] of [
  ["expired", () => mint(first, claims({ exp: now() - 1 })), /token is expired/],
  ["without end", () => mint(first, claims({ exp: undefined })), /token is expired/],
  ["not valid yet", () => mint(first, claims({ nbf: now() + 400 })), /before the nbf/],
  [
    "for another audience",
    () => mint(first, claims({ aud: ["x", "y"] })),
    /expected audience in \["kubernetes"\] got \["x" "y"\]/,
  ],
  ["without audience", () => mint(first, claims({ aud: undefined })), /expected audience/],
  ["signed by another key", () => mint(ecKey("one"), claims()), /failed to verify signature/],
  ["with a changed payload", () => swapPayload(mint(first, claims())), /failed to verify signature/],
  [
    "unsigned",
    () => mint(first, claims(), { alg: "none" }).replace(/[^.]+$/, ""),
    /unexpected signature algorithm "none"/,
  ],
  ["signed symmetrically", () => mint(first, claims(), { alg: "HS256" }), /unexpected signature algorithm "HS256"/],
  ["without the name", () => mint(first, claims({ sub: undefined })), /parse username claims "sub": claim not present/],
  ["with a name that is no text", () => mint(first, claims({ sub: 7 })), /parse username claims "sub"/],
  ["with groups that are no texts", () => mint(first, claims({ groups: [1] })), /parse groups claim/],
] as [string, () => string, RegExp][]) {
  test(`a token ${title} is refused`, async () => {
    const authenticate = await ready(configure());
    await assert.rejects(authenticate(token()), message);
  });
}

function swapPayload(token: string): string {
  const [header, , signature] = token.split(".");
  return `${header}.${Buffer.from(JSON.stringify(claims({ sub: "root" }))).toString("base64url")}.${signature}`;
}

test("keys may be rotated, and be of other kinds", async () => {
  let offset = 0;
  const moved = { ...clock, monotonic: () => clock.monotonic() + offset };
  const authenticate = await ready(configure(), { clock: moved });
  await authenticate(mint(first, claims()));
  for (const next of [ecKey("two"), rsaKey("three", "RS256"), rsaKey("four", "PS256")]) {
    issuer.keys = [first, next];
    // Not asked again at once: tokens of nobody must not make the server ask for each.
    await assert.rejects(authenticate(mint(next, claims())), /failed to verify signature/);
    offset += 2_000;
    assert.equal((await authenticate(mint(next, claims())))?.name, "oidc:jane");
  }
  // A key that the issuer has taken back vouches for nothing, once that was noticed.
  const kept = mint(first, claims());
  assert.equal((await authenticate(kept))?.name, "oidc:jane");
  issuer.keys = [ecKey("five")];
  offset += 2_000;
  await assert.rejects(authenticate(mint(ecKey("six"), claims())), /failed to verify signature/);
  await assert.rejects(authenticate(kept), /failed to verify signature/);
  issuer.keys = [first];
});

test("only the algorithms that are asked for are accepted", async () => {
  const authenticate = await ready(configure(), { algorithms: ["RS256"] });
  await assert.rejects(
    authenticate(mint(first, claims())),
    /unexpected signature algorithm "ES256"; expected \["RS256"\]/,
  );
});

test("an issuer that is down is asked again; until then its tokens are refused", async () => {
  issuer.up = false;
  const made = await jwtAuthenticators(configure(), {
    ...services,
    clock: { ...clock, after: (ms, call) => clock.after(ms === 10_000 ? 1 : ms, call) },
  });
  after(() => made.stop());
  const token = mint(first, claims());
  await assert.rejects(made.authenticator.authenticateToken(token, []), /authenticator not initialized/);
  while (!/503/.test(made.problem()?.message ?? "")) await new Promise((resolve) => setImmediate(resolve));
  issuer.up = true;
  while (made.problem()) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await made.authenticator.authenticateToken(token, ["api"]))?.user.name, "oidc:jane");
});

test("the issuer's metadata may be elsewhere, but must be the issuer's", async () => {
  const authenticate = await ready(configure({}, { discoveryURL: `${issuer.url}/moved` }));
  assert.equal((await authenticate(mint(first, claims())))?.name, "oidc:jane");
  const other = await jwtAuthenticators(
    configure({}, { url: `${issuer.url}/`, discoveryURL: `${issuer.url}/elsewhere` }),
    services,
  );
  after(() => other.stop());
  while (!/did not match/.test(other.problem()?.message ?? "")) await new Promise((resolve) => setImmediate(resolve));
});

test("an issuer whose certificate nobody vouches for is not asked", async () => {
  const made = await jwtAuthenticators(configure({}, { certificateAuthority: undefined }), services);
  after(() => made.stop());
  while (!/certificate/.test(made.problem()?.message ?? "")) await new Promise((resolve) => setImmediate(resolve));
});

test("groups may have to be fetched, as a token of their own", async () => {
  const authenticate = await ready(configure());
  const distributed = {
    _claim_names: { groups: "src" },
    _claim_sources: { src: { endpoint: `${issuer.url}/groups`, access_token: "t" } },
  };
  issuer.groups = mint(first, claims({ groups: ["far"] }));
  const token = mint(first, claims(distributed));
  // The first time the issuer of the groups is not known yet.
  let user: UserInfo | undefined;
  while (!user) user = await authenticate(token).catch((error) => void assert.match(error.message, /not initialized/));
  assert.deepEqual(user.groups, ["far"]);
  assert.equal(issuer.requests.find(({ path }) => path === "/groups")?.headers.authorization, "Bearer t");
  issuer.groups = mint(first, claims());
  await assert.rejects(authenticate(token), /could not expand distributed claims: .*did not contain claim: groups/);
});

test("expressions map claims and judge them", async () => {
  const authenticate = await ready(
    configure({
      claimMappings: {
        username: { expression: "'x:' + claims.sub" },
        groups: { expression: "claims.roles.filter(role, role != 'none')" },
        uid: { expression: "string(claims.number)" },
        extra: [
          { key: "example.org/team", valueExpression: "claims.?team.orValue('')" },
          { key: "example.org/all", valueExpression: "claims.roles" },
        ],
      },
      claimValidationRules: [
        { expression: "claims.exp - claims.iat <= 3600", message: "too long a life" },
        { claim: "hd", requiredValue: "example.org" },
      ],
      userValidationRules: [{ expression: "!user.username.startsWith('x:system:')", message: "reserved" }],
    }),
  );
  const good = { roles: ["dev", "none"], number: 7, iat: now(), exp: now() + 60, hd: "example.org" };
  assert.deepEqual(await authenticate(mint(first, claims(good))), {
    name: "x:jane",
    groups: ["dev"],
    uid: "7",
    extra: { "example.org/all": ["dev", "none"] },
  });
  const refused = async (more: object, message: RegExp) =>
    assert.rejects(authenticate(mint(first, claims({ ...good, ...more }))), message);
  await refused(
    { iat: now() - 7200 },
    /validation expression 'claims.exp - claims.iat <= 3600' failed: too long a life/,
  );
  await refused({ hd: "example.com" }, /required claim hd value does not match. Got = example.com, want = example.org/);
  await refused({ hd: undefined }, /required claim hd not present in ID token/);
  await refused({ sub: "system:x" }, /user info validation rule: .* failed: reserved/);
  await refused({ roles: [1] }, /expression must return a string or a list of strings/);
  await refused({ roles: undefined }, /error evaluating group claim expression/);
});

test("an email is a name only where it was verified", async () => {
  const authenticate = await ready(configure({ claimMappings: { username: { claim: "email", prefix: "" } } }));
  const email = { email: "jane@example.org" };
  assert.equal((await authenticate(mint(first, claims(email))))?.name, "jane@example.org");
  assert.equal((await authenticate(mint(first, claims({ ...email, email_verified: true }))))?.name, "jane@example.org");
  await assert.rejects(authenticate(mint(first, claims({ ...email, email_verified: false }))), /email not verified/);
});

const mapped = (username: object, more: object = {}) => ({ claimMappings: { username, ...more } });
for (const [title, configuration, message] of [
  [
    "no name",
    configure({ claimMappings: {} }),
    /jwt\[0\]\.claimMappings\.username: Required value: claim or expression is required/,
  ],
  [
    "a claim without prefix",
    configure(mapped({ claim: "sub" })),
    /username\.prefix: Required value: prefix is required/,
  ],
  ["claim and expression", configure(mapped({ claim: "sub", expression: "claims.sub" })), /can't both be set/],
  [
    "an expression that is none",
    configure(mapped({ expression: "claims." })),
    /username\.expression: Invalid value: "claims\.": compilation failed: ERROR: <input>:1/,
  ],
  ["an unverified email", configure(mapped({ expression: "claims.email" })), /claims\.email_verified must be used/],
  [
    "a verified email",
    configure({
      ...mapped({ expression: "claims.email" }),
      claimValidationRules: [{ expression: "claims.email_verified == true" }],
    }),
    undefined,
  ],
  [
    "a rule that is no boolean",
    configure({ claimValidationRules: [{ expression: "claims.sub + 'x'" }] }),
    /claimValidationRules\[0\]\.expression: Invalid value: .*must evaluate to bool/,
  ],
  [
    "the same rule twice",
    configure({ userValidationRules: [{ expression: "true" }, { expression: "true" }] }),
    /userValidationRules\[1\]\.expression: Duplicate value/,
  ],
  [
    "a reserved key",
    configure(mapped({ claim: "sub", prefix: "" }, { extra: [{ key: "x.kubernetes.io/a", valueExpression: "''" }] })),
    /reserved for Kubernetes use/,
  ],
  [
    "a key without domain",
    configure(mapped({ claim: "sub", prefix: "" }, { extra: [{ key: "a", valueExpression: "''" }] })),
    /must be a domain-prefixed path/,
  ],
  ["http", configure({}, { url: "http://x" }), /issuer\.url: Invalid value: "http:\/\/x": URL scheme must be https/],
  [
    "its own issuer",
    configure({}, { url: "https://own" }),
    /URL must not overlap with disallowed issuers: \[https:\/\/own\]/,
  ],
  ["a query", configure({}, { url: "https://x?a=b" }), /must not contain a query/],
  ["the same discovery", configure({}, { discoveryURL: `${issuer.url}/` }), /discoveryURL must be different from URL/],
  ["no audience", configure({}, { audiences: [] }), /at least one jwt\[0\]\.issuer\.audiences is required/],
  [
    "two audiences without policy",
    configure({}, { audiences: ["a", "b"] }),
    /audienceMatchPolicy must be MatchAny for multiple audiences/,
  ],
  [
    "a CA that is none",
    configure({}, { certificateAuthority: "x" }),
    /certificateAuthority: Invalid value: "<omitted>"/,
  ],
  ["an egress selector", configure({}, { egressSelectorType: "cluster" }), /egress selectors are not supported/],
  [
    "the same issuer twice",
    { jwt: [...configure().jwt, ...configure().jwt] },
    /jwt\[1\]\.issuer\.url: Duplicate value/,
  ],
  [
    "conditions of what is off",
    { jwt: [], anonymous: { enabled: false, conditions: [{ path: "/healthz" }] } },
    /enabled should be set to true when conditions are defined/,
  ],
] as [string, Parameters<typeof jwtAuthenticators>[0], RegExp | undefined][]) {
  test(`a configuration with ${title} is ${message ? "refused" : "good"}`, async () => {
    const making = jwtAuthenticators(configuration, services);
    if (message) await assert.rejects(making, message);
    else (await making).stop();
  });
}
