import assert from "node:assert/strict";
import { request } from "node:https";
import { after, test } from "node:test";
import { systemNetwork } from "../base/network.ts";
import { issue, newAuthority } from "../base/x509.ts";
import { SIGNING_KEY, send, testServer } from "./server.fixture.ts";

const now = Date.now();
const authority = newAuthority({ commonName: "kubernetes", now, validityMs: 3_600_000 });
const certificate = (commonName: string, organizations: string[], usages: ("client" | "server")[]) =>
  issue({
    authority,
    commonName,
    organizations,
    usages,
    ipAddresses: ["127.0.0.1"],
    notBefore: now - 1000,
    notAfter: now + 3_600_000,
  });
const proxies = newAuthority({ commonName: "front-proxy-ca", now, validityMs: 3_600_000 });
const proxy = issue({
  authority: proxies,
  commonName: "front",
  usages: ["client"],
  notBefore: now - 1000,
  notAfter: now + 3_600_000,
});
const server = testServer({
  network: systemNetwork,
  admissionPlugins: { enable: ["NodeRestriction"] },
  security: {
    serviceAccounts: { issuers: ["https://kubernetes.default.svc"], signingKey: SIGNING_KEY },
    requestHeader: {
      ca: proxies.certificatePem,
      allowedNames: ["front"],
      usernameHeaders: ["X-Remote-User"],
      uidHeaders: [],
      groupHeaders: ["X-Remote-Group"],
      extraHeaderPrefixes: [],
    },
  },
});
const serving = certificate("kube-apiserver", [], ["server"]);
const { port } = await server.listen({
  host: "127.0.0.1",
  port: 0,
  certificate: serving.certificatePem,
  key: serving.privateKeyPem!,
  clientCa: authority.certificatePem,
  requestHeaderCa: proxies.certificatePem,
});
await server.ready;
after(() => server.close(0));

interface Answer {
  status: number;
  body: { message?: string; status?: Record<string, unknown> };
}
/** One request over TLS, with a client certificate or a token. */
const call = (
  path: string,
  {
    body,
    token,
    as,
    headers: given = {},
  }: {
    body?: object;
    token?: string;
    as?: { certificatePem: string; privateKeyPem?: string };
    headers?: Record<string, string | string[]>;
  } = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const headers = {
      ...(body ? { "content-type": "application/json" } : {}),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...given,
    };
    const options = {
      host: "127.0.0.1",
      port,
      path,
      method: body ? "POST" : "GET",
      headers,
      ca: authority.certificatePem,
      agent: false,
    };
    const sent = request(
      { ...options, ...(as ? { cert: as.certificatePem, key: as.privateKeyPem } : {}) },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
      },
    );
    sent.on("error", reject);
    sent.end(body && JSON.stringify(body));
  });
const whoAmI = (options: Parameters<typeof call>[1]) =>
  call("/apis/authentication.k8s.io/v1/selfsubjectreviews", { ...options, body: {} }).then(
    ({ body }) => (body.status as { userInfo?: { username: string; groups: string[] } } | undefined)?.userInfo,
  );
const create = async (path: string, body: object) => {
  const { status, text } = await send(server, "POST", path, body);
  assert.equal(status, 201, text);
};
const ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts";

test("a certificate says who calls, and RBAC what they may do", async () => {
  const jane = certificate("jane", ["devs"], ["client"]);
  const found = await whoAmI({ as: jane });
  assert.deepEqual([found?.username, found?.groups], ["jane", ["devs", "system:authenticated"]]);
  const refused = await call("/api/v1/namespaces/default/pods", { as: jane });
  assert.equal(refused.status, 403);
  assert.equal(
    refused.body.message,
    'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
  );
  await create("/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", {
    metadata: { name: "devs" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
    subjects: [{ kind: "Group", apiGroup: "rbac.authorization.k8s.io", name: "devs" }],
  });
  assert.equal((await call("/api/v1/namespaces/default/pods", { as: jane })).status, 200);
  assert.equal((await call("/api/v1/namespaces/default/secrets", { as: jane })).status, 403);
});

test("a proxy is believed whom it speaks for, by a certificate of its own CA only", async () => {
  const headers = { "x-remote-user": "zoe", "x-remote-group": ["a", "b, c"] };
  const found = await whoAmI({ as: proxy, headers });
  assert.deepEqual([found?.username, found?.groups], ["zoe", ["a", "b, c", "system:authenticated"]]);
  const front = certificate("front", [], ["client"]);
  assert.equal((await whoAmI({ as: front, headers }))?.username, "front");
  assert.match((await call("/api/v1/nodes", { headers })).body.message ?? "", /User "system:anonymous"/);
  // The proxy's CA vouches for proxies, not for users.
  assert.equal((await call("/version", { as: proxy })).status, 401);
});

test("without credentials a caller is anonymous, with bad ones nobody", async () => {
  assert.equal((await call("/version")).status, 200);
  const refused = await call("/api/v1/nodes");
  assert.match(refused.body.message ?? "", /User "system:anonymous" cannot list resource "nodes"/);
  const unknown = await call("/version", { token: "x" });
  assert.deepEqual([unknown.status, unknown.body.message], [401, "Unauthorized"]);
});

test("a token that the server issued speaks for its ServiceAccount until that is gone", async () => {
  await create(ACCOUNTS, { metadata: { name: "web" } });
  const issued = await send<{ status: { token: string } }>(server, "POST", `${ACCOUNTS}/web/token`, { spec: {} });
  assert.equal(issued.status, 201, issued.text);
  const { token } = issued.json.status;
  assert.equal((await whoAmI({ token }))?.username, "system:serviceaccount:default:web");
  assert.equal((await call("/.well-known/openid-configuration", { token })).status, 200);
  const review = await send<{ status: { authenticated: boolean } }>(
    server,
    "POST",
    "/apis/authentication.k8s.io/v1/tokenreviews",
    { spec: { token } },
  );
  assert.equal(review.json.status.authenticated, true);
  await send(server, "DELETE", `${ACCOUNTS}/web`);
  assert.equal((await call("/version", { token })).status, 401);
});

test("a kubelet reads what its pods refer to, and no more", async () => {
  const node = certificate("system:node:n1", ["system:nodes"], ["client"]);
  const taken = await call("/api/v1/nodes", { as: node, body: { metadata: { name: "n1" } } });
  assert.equal(taken.status, 201);
  assert.equal((await call("/api/v1/nodes", { as: node, body: { metadata: { name: "n2" } } })).status, 403);
  await create("/api/v1/namespaces/default/secrets", { metadata: { name: "s" } });
  const secret = "/api/v1/namespaces/default/secrets/s";
  const refused = await call(secret, { as: node });
  assert.match(refused.body.message ?? "", /no relationship found between node 'n1' and this object$/);
  await create(ACCOUNTS, { metadata: { name: "default" } });
  await create("/api/v1/namespaces/default/pods", {
    metadata: { name: "p" },
    spec: {
      nodeName: "n1",
      containers: [{ name: "c", image: "x" }],
      volumes: [{ name: "v", secret: { secretName: "s" } }],
    },
  });
  assert.equal((await call(secret, { as: node })).status, 200);
  assert.equal((await call("/api/v1/pods?fieldSelector=spec.nodeName%3Dn1", { as: node })).status, 200);
  assert.equal((await call("/api/v1/pods", { as: node })).status, 403);
});

test("nobody grants what they don't have, and reviews tell what they do", async () => {
  const rules = [{ apiGroups: ["rbac.authorization.k8s.io"], resources: ["roles"], verbs: ["create"] }];
  await create("/apis/rbac.authorization.k8s.io/v1/clusterroles", { metadata: { name: "maker" }, rules });
  await create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: "maker" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "maker" },
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "max" }],
  });
  const user = { name: "max", groups: ["system:authenticated"] };
  const role = { metadata: { name: "r" }, rules: [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }] };
  const path = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
  const refused = await send<{ message: string }>(server, "POST", path, role, { user });
  assert.equal(refused.status, 403);
  assert.match(
    refused.json.message,
    /attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}$/,
  );
  const spec = {
    resourceAttributes: { group: "rbac.authorization.k8s.io", resource: "roles", verb: "create", namespace: "default" },
  };
  const review = await send<{ status: unknown }>(
    server,
    "POST",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    { spec },
    { user },
  );
  assert.deepEqual(review.json.status, {
    allowed: true,
    reason: 'RBAC: allowed by ClusterRoleBinding "maker" of ClusterRole "maker" to User "max"',
  });
});
