/** The control plane's components as processes of their own, over TLS, each as the user that upstream gives it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { deployments, events, leases, pods } from "../../src/api/resource-types.ts";
import { systemMachine } from "../../src/base/machine.ts";
import { type Authority, issue, newAuthority, newKeyPair, privateKeyPem } from "../../src/base/x509.ts";
import { client as apiClient } from "../../src/client/api-client.ts";
import type { Client } from "../../src/client/client.ts";
import { kubeconfigTransport } from "../../src/client/kubeconfig.ts";
import type { Transport } from "../../src/client/transport.ts";
import { kubeconfig } from "../../src/cluster/kubeconfig-file.ts";
import { eventually, freePort, root, run } from "../e2e/cluster.fixture.ts";

const machine = systemMachine({ keepAlive: true });
const HOUR_MS = 3_600_000;
let directory: string;
let port: number;
let authority: Authority;
let transport: Transport;
let client: Client;
const children: ChildProcess[] = [];

const path = (name: string) => join(directory, name);
function certificate(commonName: string, organizations: string[], usage: "client" | "server") {
  const now = machine.clock.now();
  return issue({
    authority,
    commonName,
    organizations,
    ipAddresses: ["127.0.0.1"],
    usages: [usage],
    notBefore: now,
    notAfter: now + HOUR_MS,
  });
}
async function writeKubeconfig(name: string, commonName: string, organizations: string[] = []): Promise<string> {
  const issued = certificate(commonName, organizations, "client");
  const text = kubeconfig({
    name,
    server: `https://127.0.0.1:${port}`,
    authority: authority.certificatePem,
    certificate: issued.certificatePem,
    key: issued.privateKeyPem!,
  });
  await writeFile(path(`${name}.kubeconfig`), text);
  return path(`${name}.kubeconfig`);
}
function start(...args: string[]): ChildProcess {
  const child = spawn(join(root, "knarr"), args, { stdio: ["ignore", "ignore", "inherit"] });
  children.push(child);
  return child;
}
const serverFlags = () => [
  "kube-apiserver",
  `--data-dir=${path("store")}`,
  "--bind-address=127.0.0.1",
  "--advertise-address=192.0.2.10",
  `--secure-port=${port}`,
  `--tls-cert-file=${path("server.crt")}`,
  `--tls-private-key-file=${path("server.key")}`,
  `--client-ca-file=${path("ca.crt")}`,
  "--service-account-issuer=https://kubernetes.default.svc",
  `--service-account-signing-key-file=${path("sa.key")}`,
];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "knarr-components-"));
  await mkdir(path("store"));
  await mkdir(path("other"));
  port = await freePort();
  authority = newAuthority({ commonName: "kubernetes", now: machine.clock.now(), validityMs: HOUR_MS });
  const server = certificate("kube-apiserver", [], "server");
  await writeFile(path("ca.crt"), authority.certificatePem);
  await writeFile(path("server.crt"), server.certificatePem);
  await writeFile(path("server.key"), server.privateKeyPem!);
  await writeFile(path("sa.key"), privateKeyPem(newKeyPair().privateKey));
  start(...serverFlags());
  ({ transport } = await kubeconfigTransport(
    await writeKubeconfig("admin", "kubernetes-admin", ["system:masters"]),
    machine,
  ));
  client = apiClient(transport, { userAgent: "test" });
  await eventually("a ready API server", async () => (await client.raw("/readyz")) !== undefined);
});
after(async () => {
  for (const child of children) child.kill("SIGTERM");
  await transport?.close();
  await rm(directory, { recursive: true, force: true });
});

test("controllers and scheduler work over TLS with no more than their own rights, and hold their leases", async () => {
  start(
    "kube-controller-manager",
    `--kubeconfig=${await writeKubeconfig("manager", "system:kube-controller-manager")}`,
    "--use-service-account-credentials",
    `--root-ca-file=${path("ca.crt")}`,
  );
  start("kube-scheduler", `--kubeconfig=${await writeKubeconfig("scheduler", "system:kube-scheduler")}`);
  await client.resource(deployments).create({
    metadata: { name: "web", namespace: "default" },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: "web" } },
      template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "web", image: "web:1" }] } },
    },
  });
  await eventually(
    "two pods",
    async () => (await client.resource(pods).list({ namespace: "default" })).items.length === 2,
  );
  await eventually("the scheduler's verdict", async () => {
    const found = await client
      .resource(events)
      .list({ namespace: "default", fieldSelector: "reason=FailedScheduling" });
    return found.items.some((event) => event.message === "no nodes available to schedule pods");
  });
  for (const name of ["kube-controller-manager", "kube-scheduler"]) {
    assert.ok((await client.resource(leases).get(name, "kube-system")).spec?.holderIdentity, name);
  }
});

test("flags that are unknown, malformed or not supported are refused, each in one line", async () => {
  const refused = async (args: string[], message: RegExp) => {
    const outcome = await run(join(root, "knarr"), args);
    assert.notEqual(outcome.code, 0);
    assert.match(outcome.stderr, message);
    assert.doesNotMatch(outcome.stderr, /\n\s+at /);
  };
  await refused([...serverFlags(), "--no-such-flag=1"], /unknown option '--no-such-flag=1'/);
  await refused([...serverFlags(), "--request-timeout=soon"], /invalid duration/);
  await refused([...serverFlags(), "--etcd-servers=http://127.0.0.1:2379"], /etcd-servers exclude each other/);
  await refused(
    [...serverFlags(), `--data-dir=${path("other")}`, "--enable-admission-plugins=NoSuchPlugin"],
    /NoSuchPlugin/,
  );
  await refused([...serverFlags()], /in use/);
  await refused([...serverFlags(), `--data-dir=${path("other")}`, "--advertise-address=127.0.0.1"], /loopback/);
  await refused(["kube-scheduler"], /required option '--kubeconfig/);
  await refused(["kube-scheduler", "--kubeconfig=/nonexistent"], /nonexistent/);
  await refused(
    ["kube-controller-manager", `--kubeconfig=${path("admin.kubeconfig")}`, "--controllers=nonsense"],
    /nonsense/,
  );
  await refused(
    ["kube-proxy", `--kubeconfig=${path("admin.kubeconfig")}`, "--proxy-mode=ipvs"],
    /ipvs is not supported/,
  );
});
