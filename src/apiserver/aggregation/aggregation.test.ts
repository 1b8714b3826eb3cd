import assert from "node:assert/strict";
import { test } from "node:test";
import { apiServices, endpointSlices, services } from "../../api/resource-types.ts";
import type { APIService } from "../../api/types/apiregistration.v1.ts";
import type { Client } from "../../client/client.ts";
import { testCertificates } from "../https.fixture.ts";
import { adminClient, send, testServer } from "../server.fixture.ts";
import type { ApiServer, ApiServerOptions } from "../server.ts";
import {
  type TestWebhook,
  testWebhook,
  type WebhookAnswer,
  type WebhookRequest,
} from "../webhook/webhook-server.fixture.ts";
import { AUTOMANAGED } from "./automatic-api-services.ts";
import { ENDPOINT, network } from "./network.fixture.ts";

const GROUP = "/apis/wardle.example.com/v1alpha1";
const RESOURCES = {
  kind: "APIResourceList",
  apiVersion: "v1",
  groupVersion: "wardle.example.com/v1alpha1",
  resources: [
    {
      name: "flunders",
      singularName: "flunder",
      namespaced: true,
      kind: "Flunder",
      verbs: ["get", "list"],
      shortNames: ["fl"],
    },
    { name: "flunders/status", singularName: "", namespaced: true, kind: "Flunder", verbs: ["get"] },
  ],
};

async function until(check: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setImmediate(resolve));
}

interface Setting {
  server: ApiServer;
  client: Client;
  extension: TestWebhook;
  register(spec?: object): Promise<void>;
  condition(): Promise<{ status: string; reason?: string; message?: string } | undefined>;
}

async function setUp(
  t: { after(undo: () => unknown): void },
  answer: (request: WebhookRequest) => WebhookAnswer = () => undefined,
  options: Partial<ApiServerOptions> = {},
): Promise<Setting> {
  const extension = await testWebhook(
    (request) => answer(request) ?? { body: request.path === GROUP ? RESOURCES : { path: request.path } },
    ["sample-api.default.svc"],
  );
  const server = testServer({ network, ...options });
  await server.ready;
  const client = adminClient(server);
  t.after(async () => {
    await server.close(0);
    await extension.stop();
  });
  return {
    server,
    client,
    extension,
    async register(spec = {}) {
      await client.resource(apiServices).create({
        metadata: { name: "v1alpha1.wardle.example.com" },
        spec: {
          group: "wardle.example.com",
          version: "v1alpha1",
          groupPriorityMinimum: 2000,
          versionPriority: 15,
          service: { namespace: "default", name: "sample-api", port: 7443 },
          caBundle: extension.caBundle,
          ...spec,
        },
      });
    },
    async condition() {
      const { status } = await client.resource(apiServices).get("v1alpha1.wardle.example.com");
      return status?.conditions?.[0];
    },
  };
}

async function addService({ client, extension }: Setting): Promise<void> {
  await client.resource(services).create({
    metadata: { name: "sample-api", namespace: "default" },
    spec: { ports: [{ port: 7443, protocol: "TCP" }] },
  });
  await client.resource(endpointSlices).create({
    metadata: {
      name: "sample-api-1",
      namespace: "default",
      labels: { "kubernetes.io/service-name": "sample-api" },
    },
    addressType: "IPv4",
    endpoints: [{ addresses: [ENDPOINT], conditions: { ready: true } }],
    ports: [{ name: "", port: extension.port, protocol: "TCP" }],
  });
}

test("what the server serves itself has automatic APIServices, that are Local", async (t) => {
  const { client } = await setUp(t);
  const { items } = await client.resource(apiServices).list();
  const core = items.find(({ metadata }) => metadata?.name === "v1.");
  assert.equal(core?.metadata?.labels?.[AUTOMANAGED], "onstart");
  assert.deepEqual(core.spec, { version: "v1", groupPriorityMinimum: 18000, versionPriority: 1 });
  assert.equal(core.status?.conditions?.[0]?.reason, "Local");
  assert.ok(items.some(({ metadata }) => metadata?.name === "v2.autoscaling"));
  assert.ok(!items.some(({ metadata }) => metadata?.name === "v1.apiregistration.k8s.io"));
});

test("an APIService without its Service is unavailable, and its requests are a 503", async (t) => {
  const setting = await setUp(t);
  await setting.register();
  await until(async () => (await setting.condition())?.reason === "ServiceNotFound");
  assert.equal((await setting.condition())?.message, 'service/sample-api in "default" is not present');
  const answer = await send(setting.server, "GET", `${GROUP}/flunders`);
  assert.deepEqual([answer.status, answer.text], [503, "service unavailable\n"]);
  const list = await send<{ items: { metadata: { name: string }; versions: object[] }[] }>(
    setting.server,
    "GET",
    "/apis",
    undefined,
    { headers: { accept: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList" } },
  );
  assert.deepEqual(list.json.items.find(({ metadata }) => metadata.name === "wardle.example.com")?.versions, [
    { version: "v1alpha1", resources: [], freshness: "Stale" },
  ]);
});

test("requests go on to the extension server in the name of their user, whom it knows by the front proxy's certificate", async (t) => {
  const front = testCertificates().user("front-proxy-client");
  const proxyClient = { certificate: front.certificatePem, key: front.privateKeyPem! };
  const setting = await setUp(t, undefined, { proxyClient });
  const { server, extension } = setting;
  await addService(setting);
  await setting.register();
  await until(async () => (await setting.condition())?.status === "True");
  assert.deepEqual(
    [(await setting.condition())?.reason, (await setting.condition())?.message],
    ["Passed", "all checks passed"],
  );
  const jane = { name: "jane", groups: ["system:masters", "dev"], uid: "u1", extra: { "Example.com/Key": ["a", "b"] } };
  const answer = await send<{ path: string }>(
    server,
    "GET",
    `${GROUP}/namespaces/x/flunders?watch=0&limit=5`,
    undefined,
    {
      user: jane,
      headers: { "x-remote-user": "mallory", "x-remote-extra-evil": "1", "impersonate-nobody": "x" },
    },
  );
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.path, `${GROUP}/namespaces/x/flunders?watch=0&limit=5`);
  const seen = extension.requests.at(-1)!;
  assert.equal(seen.client, "front-proxy-client");
  assert.equal(seen.headers["x-remote-user"], "jane");
  assert.equal(seen.headers["x-remote-uid"], "u1");
  assert.match(String(seen.headers["x-remote-group"]), /system:masters.*dev.*system:authenticated/);
  assert.equal(seen.headers["x-remote-extra-example.com%2fkey"], "a, b");
  assert.equal(seen.headers["x-remote-extra-evil"], undefined);
  const check = extension.requests.find(({ path }) => path === GROUP)!;
  assert.deepEqual(
    [check.headers["x-remote-user"], check.headers["x-remote-group"]],
    ["system:kube-aggregator", "system:masters"],
  );
});

test("discovery names the groups of extension servers where their priorities put them", async (t) => {
  const setting = await setUp(t);
  const { server } = setting;
  await addService(setting);
  await setting.register({ groupPriorityMinimum: 17_790 });
  const aggregated = async () =>
    (
      await send<{ items: { metadata: { name: string }; versions: { resources: object[]; freshness: string }[] }[] }>(
        server,
        "GET",
        "/apis",
        undefined,
        { headers: { accept: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList" } },
      )
    ).json.items;
  const own = async () => (await aggregated()).find(({ metadata }) => metadata.name === "wardle.example.com");
  await until(async () => (await own())?.versions[0]?.freshness === "Current");
  assert.deepEqual(
    (await aggregated()).slice(0, 4).map(({ metadata }) => metadata.name),
    ["apiregistration.k8s.io", "apps", "wardle.example.com", "events.k8s.io"],
  );
  assert.deepEqual((await own())?.versions[0]?.resources, [
    {
      resource: "flunders",
      responseKind: { group: "wardle.example.com", version: "v1alpha1", kind: "Flunder" },
      scope: "Namespaced",
      singularResource: "flunder",
      verbs: ["get", "list"],
      shortNames: ["fl"],
      subresources: [
        {
          subresource: "status",
          responseKind: { group: "wardle.example.com", version: "v1alpha1", kind: "Flunder" },
          verbs: ["get"],
        },
      ],
    },
  ]);
  assert.deepEqual((await send(server, "GET", GROUP)).json, RESOURCES);
  const group = await send<{ preferredVersion: { version: string } }>(server, "GET", "/apis/wardle.example.com");
  assert.equal(group.json.preferredVersion.version, "v1alpha1");

  await setting.client.resource(apiServices).delete("v1alpha1.wardle.example.com");
  await until(async () => (await own()) === undefined);
  assert.equal((await send(server, "GET", GROUP)).status, 404);
});

test("an extension server that answers badly is unavailable", async (t) => {
  const setting = await setUp(t, () => ({ status: 403, body: "no" }));
  await addService(setting);
  await setting.register();
  await until(async () => (await setting.condition())?.reason === "FailedDiscoveryCheck");
  assert.match(
    (await setting.condition())?.message ?? "",
    /^failing or missing response from (https:\/\/192\.0\.2\.10:\d+\/apis\/wardle\.example\.com\/v1alpha1): bad status from \1: 403$/,
  );
});

test("an APIService that the server keeps is put right at the next start only", async () => {
  const { planApiService } = await import("./automatic-api-services.ts");
  const wanted: APIService = {
    metadata: { name: "v1.apps", labels: { [AUTOMANAGED]: "onstart" } },
    spec: { group: "apps", version: "v1", groupPriorityMinimum: 17800, versionPriority: 15 },
  };
  const changed = { ...wanted, spec: { ...wanted.spec!, versionPriority: 1 } };
  const unmarked = { ...changed, metadata: { name: "v1.apps" } };
  const custom = { ...wanted, metadata: { name: "v1.apps", labels: { [AUTOMANAGED]: "true" } } };
  for (const [a, b, starting, step] of [
    [wanted, undefined, true, "create"],
    [wanted, undefined, false, undefined],
    [wanted, changed, true, "update"],
    [wanted, changed, false, undefined],
    [wanted, unmarked, true, undefined],
    [undefined, wanted, true, "remove"],
    [undefined, wanted, false, undefined],
    [custom, undefined, false, "create"],
    [undefined, custom, false, "remove"],
    [custom, custom, false, undefined],
  ] as const) {
    assert.equal(Object.keys(planApiService(a, b, starting) ?? {})[0], step);
  }
});
