import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { systemClock } from "../base/clock.ts";
import { systemFiles } from "../base/files.ts";
import { silentLogger } from "../base/logger.ts";
import { metricsRegistry } from "../base/metrics.ts";
import { systemNetwork } from "../base/network.ts";
import { ecKey, mint, type TestIssuer, testIssuer } from "./authentication/jwt/issuer.fixture.ts";
import { type IdentityFlagValues, identityFlags, identitySettings } from "./identity-flags.ts";

let directory: string;
let issuer: TestIssuer;
const key = ecKey("k");
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "knarr-identity-"));
  issuer = await testIssuer([key]);
});
after(async () => {
  await issuer.stop();
  await rm(directory, { recursive: true });
});
const file = async (name: string, content: string | object) => {
  const path = join(directory, name);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};
const metrics = metricsRegistry();
const clock = systemClock();
const services = { files: systemFiles, clock, logger: silentLogger, network: systemNetwork, metrics };
const settings = async (given: Partial<IdentityFlagValues>) => {
  const defaults = Object.entries(identityFlags).map(([name, flag]) => [
    name,
    "default" in flag ? flag.default : undefined,
  ]);
  const made = await identitySettings(
    { ...(Object.fromEntries(defaults) as IdentityFlagValues), "service-account-issuer": ["https://own"], ...given },
    services,
  );
  after(() => made.stop());
  return made;
};
const token = (more: object = {}) =>
  mint(key, { iss: issuer.url, aud: "kubectl", sub: "jane", exp: clock.now() / 1000 + 600, ...more });
/** Whom the settings take a token for, once the issuer was reached. */
const userOf = async ({ jwt }: Awaited<ReturnType<typeof settings>>, given: string): Promise<string | undefined> => {
  for (;;) {
    try {
      return (await jwt!.authenticateToken(given, ["api"]))?.user.name;
    } catch (error) {
      if (!/not initialized/.test((error as Error).message)) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
};
const oidc = async () => ({
  "oidc-issuer-url": issuer.url,
  "oidc-client-id": "kubectl",
  "oidc-ca-file": await file("ca.pem", issuer.ca),
  "oidc-signing-algs": ["ES256"],
});

test("an OIDC issuer by flags", async () => {
  assert.equal(await userOf(await settings(await oidc()), token()), `${issuer.url}#jane`);
  const prefixed = await settings({
    ...(await oidc()),
    "oidc-username-prefix": "-",
    "oidc-required-claim": ["hd=x=y"],
  });
  assert.equal(await userOf(prefixed, token({ hd: "x=y" })), "jane");
  await assert.rejects(userOf(prefixed, token()), /required claim hd not present/);
  await assert.rejects(settings({ "oidc-issuer-url": issuer.url }), /must be specified together/);
  await assert.rejects(
    settings({ ...(await oidc()), "oidc-signing-algs": ["HS256"] }),
    /unsupported signing alg: "HS256"/,
  );
  await assert.rejects(settings({ ...(await oidc()), "oidc-issuer-url": "http://x" }), /URL scheme must be https/);
  await assert.rejects(settings({ ...(await oidc()), "oidc-required-claim": ["hd"] }), /malformed pair/);
});

const configuration = (jwt: object[], anonymous?: object) => ({
  apiVersion: "apiserver.config.k8s.io/v1",
  kind: "AuthenticationConfiguration",
  jwt,
  ...(anonymous ? { anonymous } : {}),
});
const jwt = (prefix: string, more: object = {}) => ({
  issuer: { url: issuer.url, audiences: ["kubectl"], certificateAuthority: issuer.ca, ...more },
  claimMappings: { username: { claim: "sub", prefix } },
});

test("a file of issuers is taken in again when it changes, and stays in force when it changes for the worse", async () => {
  const path = await file(
    "authn.yaml",
    configuration([jwt("a:")], { enabled: true, conditions: [{ path: "/healthz" }] }),
  );
  const made = await settings({ "authentication-config": path });
  assert.equal(await userOf(made, token()), "a:jane");
  assert.deepEqual(["/healthz", "/livez", "/healthz/ping"].map(made.anonymous), [true, false, false]);
  await file("authn.yaml", configuration([jwt("b:")], { enabled: false }));
  await made.authenticationFile!.check();
  assert.equal(await userOf(made, token()), "b:jane");
  assert.deepEqual(["/healthz", "/"].map(made.anonymous), [false, false]);
  await file("authn.yaml", configuration([jwt("c:", { audiences: [] })]));
  await made.authenticationFile!.check();
  assert.equal(await userOf(made, token()), "b:jane");
  await file("authn.yaml", configuration([]));
  await made.authenticationFile!.check();
  assert.equal(await made.jwt!.authenticateToken(token(), ["api"]), undefined);
  assert.equal(made.anonymous("/"), true);
  assert.match(
    metrics.render(),
    /apiserver_authentication_config_controller_automatic_reloads_total\{status="failure",apiserver_id_hash=""\} 1/,
  );
});

test("a file of issuers and the flags exclude each other", async () => {
  const path = await file("exclusive.yaml", configuration([], { enabled: true }));
  await assert.rejects(settings({ "authentication-config": path, ...(await oidc()) }), /mutually exclusive/);
  await assert.rejects(
    settings({ "authentication-config": path, "anonymous-auth": false }),
    /anonymous is not allowed to be set/,
  );
  const unknown = await file("unknown.yaml", { ...configuration([]), jtw: [] });
  await assert.rejects(settings({ "authentication-config": unknown }), /strict decoding error: unknown field "jtw"/);
  const reserved = await file("reserved.yaml", configuration([jwt("", { url: "https://own" })]));
  await assert.rejects(settings({ "authentication-config": reserved }), /must not overlap with disallowed issuers/);
});

const kubeconfig = (server: string) => ({
  "current-context": "c",
  contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
  clusters: [{ name: "c", cluster: { server } }],
  users: [{ name: "u", user: { token: "t" } }],
});

test("webhooks and token files by flags", async () => {
  const path = await file("webhook.kubeconfig", kubeconfig("https://authn.example.org/review"));
  const made = await settings({
    "authentication-token-webhook-config-file": path,
    "token-auth-file": await file("tokens.csv", "t,jane,1"),
  });
  assert.deepEqual(made.tokenWebhook, {
    config: { url: "https://authn.example.org/review", auth: { token: "t" } },
    version: "v1beta1",
    cacheTtlMs: 120_000,
  });
  assert.equal((await made.tokenFile!.authenticateToken("t", []))?.user.name, "jane");
  await assert.rejects(
    settings({ "authentication-token-webhook-config-file": path, "authentication-token-webhook-version": "v2" }),
    /unsupported authentication webhook version "v2"/,
  );
});

test("flags of ServiceAccount tokens are checked", async () => {
  const issuers = (...list: string[]) => settings({ "service-account-issuer": list });
  await issuers("https://a", "kubernetes/serviceaccount");
  await assert.rejects(issuers("https://a", "https://a"), /"https:\/\/a" is already specified/);
  await assert.rejects(issuers(""), /should not be an empty string/);
  await assert.rejects(issuers("http://[x"), /was not a valid URL/);
  await assert.rejects(settings({ "service-account-jwks-uri": "http://x" }), /requires https scheme/);
  await assert.rejects(
    settings({ "service-account-max-token-expiration": 60_000 }),
    /between 1 hour and 2\^32 seconds/,
  );
});

test("where everything is allowed nobody is anonymous", async () => {
  assert.equal((await settings({ "authorization-mode": ["AlwaysAllow"] })).anonymous("/"), false);
  assert.equal((await settings({})).anonymous("/"), true);
});

test("authorization modes by flags", async () => {
  const path = await file("authz.kubeconfig", kubeconfig("https://authz.example.org"));
  const policies = await file(
    "abac.jsonl",
    '{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":"jane"}}',
  );
  const types = async (given: Partial<IdentityFlagValues>) =>
    (await settings(given)).authorizers.specs.map(({ type }) => type);
  assert.deepEqual(await types({}), ["Node", "RBAC"]);
  assert.deepEqual(
    await types({
      "authorization-mode": ["ABAC", "Webhook", "RBAC"],
      "authorization-policy-file": policies,
      "authorization-webhook-config-file": path,
    }),
    ["ABAC", "Webhook", "RBAC"],
  );
  await assert.rejects(types({ "authorization-webhook-config-file": path }), /without mode Webhook/);
  await assert.rejects(types({ "authorization-policy-file": policies }), /without mode ABAC/);
  await assert.rejects(types({ "authorization-mode": ["Webhook"] }), /config file not passed/);
  await assert.rejects(types({ "authorization-mode": ["Node", "Rbac"] }), /"Rbac" is not a valid mode/);
});

const authorizers = (...list: object[]) => ({
  apiVersion: "apiserver.config.k8s.io/v1",
  kind: "AuthorizationConfiguration",
  authorizers: list,
});
const webhook = (kubeConfigFile: string, more: object = {}) => ({
  type: "Webhook",
  name: "hook",
  webhook: {
    timeout: "3s",
    subjectAccessReviewVersion: "v1",
    matchConditionSubjectAccessReviewVersion: "v1",
    failurePolicy: "Deny",
    connectionInfo: { type: "KubeConfigFile", kubeConfigFile },
    ...more,
  },
});

test("a file of authorizers", async () => {
  const kube = await file("hook.kubeconfig", kubeconfig("https://authz.example.org"));
  const rbac = { type: "RBAC", name: "rbac" };
  const conditions = [{ expression: "has(request.resourceAttributes)" }];
  const path = await file("authz.yaml", authorizers(webhook(kube, { matchConditions: conditions }), rbac));
  const made = await settings({ "authorization-config": path });
  const [first] = made.authorizers.specs;
  assert.ok(first?.type === "Webhook");
  const { conditions: compiled, ...rest } = first.webhook;
  assert.deepEqual(rest, {
    config: { url: "https://authz.example.org", auth: { token: "t" } },
    version: "v1",
    timeoutMs: 3_000,
    authorizedTtlMs: 300_000,
    unauthorizedTtlMs: 30_000,
    onFailure: "deny",
  });
  assert.equal(compiled.length, 1);
  const changes: string[][] = [];
  made.authorizers.onChange((specs) => void changes.push(specs.map(({ name }) => name)));
  await file("authz.yaml", authorizers(rbac, { ...webhook(kube), name: "other" }));
  await made.authorizationFile!.check();
  await file("authz.yaml", authorizers(webhook(kube)));
  await made.authorizationFile!.check();
  await file("authz.yaml", authorizers(rbac, { type: "Node", name: "node" }));
  await made.authorizationFile!.check();
  assert.deepEqual(changes, [["rbac", "other"]]);

  const refused = async (list: object[], message: RegExp, more: Partial<IdentityFlagValues> = {}) => {
    const bad = await file("bad.yaml", authorizers(...list));
    await assert.rejects(settings({ "authorization-config": bad, ...more }), message);
  };
  await refused([], /at least one authorization mode must be defined/);
  await refused([rbac], /can not be specified when --authorization-mode/, { "authorization-mode": ["RBAC"] });
  await refused([rbac, { ...rbac, name: "x" }], /authorizers\[1\]\.type: Duplicate value: "RBAC"/);
  await refused([{ type: "Magic", name: "x" }], /Unsupported value: "Magic"/);
  await refused([{ type: "RBAC", name: "x", webhook: {} }], /may only be specified when type=Webhook/);
  await refused([{ type: "Webhook", name: "UPPER" }], /authorizer name is invalid/);
  await refused([{ type: "Webhook", name: "x" }], /webhook: Required value: required when type=Webhook/);
  await refused([webhook(kube, { timeout: "1m" })], /must be > 0s and <= 30s/);
  await refused([webhook(kube, { failurePolicy: "Maybe" })], /failurePolicy: Unsupported value: "Maybe"/);
  await refused([webhook("relative")], /must be an absolute path/);
  await refused([webhook("/does/not/exist")], /error loading file/);
  await refused(
    [webhook(kube, { matchConditions: [{ expression: "request.user" }] })],
    /matchConditions\[0\]\.expression: Invalid value: .*must evaluate to bool/,
  );
  await refused(
    [webhook(kube, { matchConditions: [{ expression: "request.nope == 'x'" }] })],
    /undefined field 'nope'/,
  );
  await refused([webhook(kube, { connectionInfo: { type: "InClusterConfig" } })], /no in-cluster configuration/);
});
