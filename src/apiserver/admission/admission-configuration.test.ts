import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { systemFiles } from "../../base/files.ts";
import { systemNetwork } from "../../base/network.ts";
import { send, testServer } from "../server.fixture.ts";
import { testWebhook } from "../webhook/webhook-server.fixture.ts";
import { admissionConfiguration } from "./admission-configuration.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "knarr-admission-"));
});
after(() => rm(directory, { recursive: true }));

async function read(content: string, others: Record<string, string> = {}) {
  for (const [name, text] of Object.entries(others)) await writeFile(join(directory, name), text);
  await writeFile(join(directory, "admission.yaml"), content);
  return admissionConfiguration(join(directory, "admission.yaml"), systemFiles);
}

const HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n";
const POD_SECURITY = "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\n";

test("PodSecurity: defaults of namespaces that say nothing, and exemptions", async (t) => {
  const admission = await read(`${HEAD}- name: PodSecurity\n  path: pods.yaml\n`, {
    "pods.yaml": `${POD_SECURITY}defaults: {enforce: baseline, enforce-version: v1.30}\nexemptions: {usernames: [root], namespaces: [free]}\n`,
  });
  const server = testServer({ admissionConfiguration: admission });
  await server.ready;
  t.after(() => server.close(0));
  for (const name of ["bound", "free"]) await send(server, "POST", "/api/v1/namespaces", { metadata: { name } });
  const user = (name: string) => ({ user: { name, groups: ["system:masters"] } });
  const create = (namespace: string, name: string) => {
    const pod = {
      metadata: { name: `${namespace}-${name}` },
      spec: {
        hostNetwork: true,
        serviceAccountName: "none",
        automountServiceAccountToken: false,
        containers: [{ name: "c", image: "i" }],
      },
    };
    return send<{ message: string }>(server, "POST", `/api/v1/namespaces/${namespace}/pods`, pod, user(name));
  };
  for (const namespace of ["bound", "free"]) {
    await send(server, "POST", `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: "none" } });
  }
  const refused = await create("bound", "jane");
  assert.equal(refused.status, 403);
  assert.match(refused.json.message, /violates PodSecurity "baseline:v1\.30": host namespaces/);
  assert.equal((await create("bound", "root")).status, 201);
  assert.equal((await create("free", "jane")).status, 201);
  const labelled = await send(
    server,
    "PATCH",
    "/api/v1/namespaces/free",
    { metadata: { labels: { "pod-security.kubernetes.io/enforce": "restricted" } } },
    { headers: { "content-type": "application/merge-patch+json" } },
  );
  assert.equal(
    labelled.headers["warning"],
    '299 - "namespace \\"free\\" is exempt from Pod Security, and the policy (enforce=restricted:v1.30) will be ignored"',
  );
});

test("webhooks get the credentials that a kubeconfig file has for their address", async (t) => {
  const hook = await testWebhook(({ body }) => ({
    body: {
      kind: "AdmissionReview",
      apiVersion: "admission.k8s.io/v1",
      response: { uid: (body as { request: { uid: string } }).request.uid, allowed: true },
    },
  }));
  const users = `users:\n- {name: 'localhost:${hook.port}', user: {token: exact}}\n- {name: '*.default.svc', user: {token: wild}}\n`;
  await writeFile(join(directory, "hooks.kubeconfig"), `apiVersion: v1\nkind: Config\n${users}`);
  const kubeConfigFile = join(directory, "hooks.kubeconfig");
  const own = `{apiVersion: apiserver.config.k8s.io/v1, kind: WebhookAdmissionConfiguration, kubeConfigFile: ${kubeConfigFile}}`;
  const admission = await read(`${HEAD}- name: ValidatingAdmissionWebhook\n  configuration: ${own}\n`);
  const server = testServer({ network: systemNetwork, admissionConfiguration: admission });
  await server.ready;
  t.after(async () => {
    await server.close(0);
    await hook.stop();
  });
  await send(server, "POST", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", {
    metadata: { name: "hook" },
    webhooks: [
      {
        name: "hook.example.com",
        admissionReviewVersions: ["v1"],
        sideEffects: "None",
        clientConfig: { url: `https://localhost:${hook.port}/`, caBundle: hook.caBundle },
        rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["*"], resources: ["configmaps"] }],
      },
    ],
  });
  assert.equal(
    (await send(server, "POST", "/api/v1/namespaces/default/configmaps", { metadata: { name: "a" } })).status,
    201,
  );
  assert.equal(hook.requests[0]!.headers["authorization"], "Bearer exact");
  const credentials = admission.webhookCredentials.get("ValidatingAdmissionWebhook")!;
  const service = { namespace: "default", name: "hook" };
  assert.deepEqual(credentials({ service }), { token: "wild" });
  assert.equal(credentials({ service: { ...service, port: 8443 } }), undefined);
});

test("what can't be used is refused by name", async () => {
  for (const [plugins, message] of [
    [
      "- name: ImagePolicyWebhook\n  configuration: {kind: Configuration}\n",
      /"ImagePolicyWebhook": a configuration of this plugin is not supported/,
    ],
    [
      `- name: PodSecurity\n  configuration: {apiVersion: v9, kind: X}\n`,
      /"PodSecurity": no kind "X" is registered for version "v9"/,
    ],
    [
      `- name: PodSecurity\n  configuration: {apiVersion: pod-security.admission.config.k8s.io/v1, kind: PodSecurityConfiguration, defaults: {enforce: strict}}\n`,
      /defaults\.enforce: Invalid value: "strict": must be one of privileged, baseline, restricted/,
    ],
    [
      `- name: MutatingAdmissionWebhook\n  configuration: {apiVersion: apiserver.config.k8s.io/v1, kind: WebhookAdmissionConfiguration, kubeConfigFile: here}\n`,
      /kubeConfigFile: Invalid value: "here": must be an absolute file path/,
    ],
    ["- name: PodSecurity\n  paths: x\n", /unknown field "plugins\[0\]\.paths"/],
  ] as const) {
    await assert.rejects(read(HEAD + plugins), { message });
  }
});
