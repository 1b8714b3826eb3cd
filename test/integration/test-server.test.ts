/** What envtest does with the programs in KUBEBUILDER_ASSETS, step by step: ask for flags, start, check health, stop. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { deployments } from "../../src/api/resource-types.ts";
import type { Deployment } from "../../src/api/types/apps.v1.ts";
import { systemClock } from "../../src/base/clock.ts";
import { systemNetwork } from "../../src/base/network.ts";
import { client } from "../../src/client/api-client.ts";
import { httpsTransport } from "../../src/client/https-transport.ts";
import { testCertificates } from "../../src/testing/test-certificates.ts";

const run = promisify(execFile);
const launcher = resolve(import.meta.dirname, "../../knarr");
const started: ChildProcess[] = [];
let directory: string;
const assets = () => join(directory, "assets");

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "knarr-assets-"));
  await run(launcher, ["test-server", "assets", assets(), "--controllers", "*", "--nodes", "2"]);
});
after(async () => {
  for (const child of started) child.kill("SIGKILL");
  await rm(directory, { recursive: true });
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** Starts a program; a port that was taken meanwhile ends it, and then another one is tried. */
async function startOn(name: string, args: (port: number) => string[]): Promise<{ child: ChildProcess; port: number }> {
  for (let attempt = 0; ; attempt++) {
    const port = await freePort();
    const child = spawn(join(assets(), name), args(port), { stdio: ["ignore", "ignore", "pipe"] });
    started.push(child);
    let log = "";
    const ready = new Promise<boolean>((settle) => {
      child.stderr!.on("data", (chunk) => {
        log += chunk;
        if (/serving|answering/.test(log)) settle(true);
      });
      child.once("exit", () => settle(false));
    });
    if (await ready) return { child, port };
    if (attempt === 5 || !log.includes("EADDRINUSE")) throw new Error(`${name} did not start: ${log}`);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  assert.equal(code, 0);
}

test("the flags that envtest looks for are listed", async () => {
  const { stdout } = await run(join(assets(), "etcd"), ["--help"]);
  assert.match(stdout, /^\s*--unsafe-no-fsync\b/m);
  const server = await run(join(assets(), "kube-apiserver"), ["--help"]);
  assert.doesNotMatch(server.stdout, /^\s*--insecure-port\b/m);
});

test("etcd's health is told", async () => {
  const { child, port } = await startOn("etcd", (free) => [
    `--listen-client-urls=http://127.0.0.1:${free}`,
    `--advertise-client-urls=http://127.0.0.1:${free}`,
    "--listen-peer-urls=http://localhost:0",
    `--data-dir=${directory}`,
    "--unsafe-no-fsync=true",
  ]);
  const answer = await fetch(`http://127.0.0.1:${port}/health`);
  assert.deepEqual([answer.status, await answer.json()], [200, { health: "true", reason: "" }]);
  await stop(child);
});

test("the API server serves with envtest's flags and certificates, here with a whole cluster behind it", async () => {
  const { authority, server, admin } = testCertificates(Date.now);
  const file = (name: string, text: string) => writeFile(join(directory, name), text);
  await file("apiserver.crt", server.certificate);
  await file("apiserver.key", server.key);
  await file("sa-signer.crt", server.certificate);
  await file("sa-signer.key", server.key);
  await file("client-cert-auth-ca.crt", authority);
  const { child, port } = await startOn("kube-apiserver", (free) => [
    "--allow-privileged=true",
    "--authorization-mode=RBAC",
    "--bind-address=127.0.0.1",
    `--cert-dir=${directory}`,
    `--client-ca-file=${join(directory, "client-cert-auth-ca.crt")}`,
    "--disable-admission-plugins=ServiceAccount",
    "--etcd-servers=http://127.0.0.1:2379",
    `--secure-port=${free}`,
    `--service-account-issuer=https://127.0.0.1:${free}/`,
    `--service-account-key-file=${join(directory, "sa-signer.crt")}`,
    `--service-account-signing-key-file=${join(directory, "sa-signer.key")}`,
    "--service-cluster-ip-range=10.0.0.0/24",
  ]);
  const transport = httpsTransport({
    server: `https://127.0.0.1:${port}`,
    ca: authority,
    certificate: admin.certificate,
    key: admin.key,
    network: systemNetwork,
    clock: systemClock({ keepAlive: true }),
  });
  const api = client(transport);
  const labels = { app: "web" };
  const deployment: Deployment = {
    metadata: { name: "web", namespace: "default" },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "i" }] } },
    },
  };
  // The controllers make the namespace's ServiceAccount and the pods, simulated nodes run them.
  const { metadata } = await api.resource(deployments).create(deployment);
  const signal = AbortSignal.timeout(30_000);
  const watch = api
    .resource(deployments)
    .watch({ namespace: "default", resourceVersion: metadata!.resourceVersion!, signal });
  for await (const event of watch) {
    if (event.type === "MODIFIED" && event.object.status?.availableReplicas === 2) break;
  }
  assert.equal((await api.resource(deployments).get("web", "default")).status?.availableReplicas, 2);
  await transport.close();
  await stop(child);
});
