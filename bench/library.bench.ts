/**
 * What a cluster in a test costs: starting and stopping, memory, virtual time, and simulated nodes at scale.
 * `node --expose-gc bench/library.bench.ts [nodes] [pods]`; the peer, where it is installed: envtest (KUBEBUILDER_ASSETS with
 * etcd and kube-apiserver) for the start.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCluster } from "../src/testing/index.ts";

const nodes = Number(process.argv[2] ?? 1000);
const pods = Number(process.argv[3] ?? 10_000);
const ms = (from: number) => performance.now() - from;
const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
const settle = () => {
  globalThis.gc?.();
  return process.memoryUsage();
};
const report = (what: string, figure: string) => console.log(`${what.padEnd(56)} ${figure}`);
/** Runs `action` and says how long it took and how much CPU. */
async function measured<T>(action: () => Promise<T>): Promise<{ result: T; wallMs: number; cpuMs: number }> {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const result = await action();
  const { user, system } = process.cpuUsage(cpu);
  return { result, wallMs: ms(began), cpuMs: (user + system) / 1000 };
}

async function starts(): Promise<void> {
  const first = await measured(() => startCluster({ nodes: 3 }));
  await first.result.dispose();
  const [begins, ends]: [number[], number[]] = [[], []];
  for (let run = 0; run < 20; run++) {
    const began = performance.now();
    const cluster = await startCluster({ nodes: 3 });
    begins.push(ms(began));
    const ending = performance.now();
    await cluster.dispose();
    ends.push(ms(ending));
  }
  report("first cluster of a process, 3 nodes", `${first.wallMs.toFixed(0)} ms`);
  report("further ones (median of 20)", `${median(begins).toFixed(0)} ms, stopped in ${median(ends).toFixed(0)} ms`);
  const before = settle();
  const clusters = await Promise.all(Array.from({ length: 10 }, () => startCluster({ nodes: 3 })));
  const after = settle();
  report("memory of one (of ten at once): heap", mib((after.heapUsed - before.heapUsed) / 10));
  for (const cluster of clusters) await cluster.dispose();
}

const deployment = (name: string, replicas: number) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "c", image: "i" }] } },
  },
});

async function virtualTime(): Promise<void> {
  await using cluster = await startCluster({ nodes: 100 });
  for (let index = 0; index < 30; index++) await cluster.client.create(deployment(`d${index}`, 100));
  await cluster.settled();
  const hour = await measured(() => cluster.clock.advance("1h"));
  const rate = 3_600_000 / hour.wallMs / 3600;
  report(
    "virtual hours per real second, 100 nodes and 3,000 pods",
    `${rate.toFixed(2)} (${hour.cpuMs.toFixed(0)} ms of CPU per hour)`,
  );
}

async function scale(): Promise<void> {
  const began = await measured(() => startCluster({ nodes, clock: "real", lives: "fast" }));
  await using cluster = began.result;
  report(`${nodes} simulated nodes, all Ready`, `${(began.wallMs / 1000).toFixed(1)} s`);
  const each = 1000;
  const loaded = await measured(async () => {
    for (let index = 0; index * each < pods; index++) {
      await cluster.client.create(deployment(`d${index}`, Math.min(each, pods - index * each)));
    }
    for (;;) {
      const { items } = await cluster.client.list({ apiVersion: "apps/v1", kind: "Deployment" });
      if (items.every(({ spec, status }) => status?.availableReplicas === spec?.replicas)) return;
      await cluster.clock.advance("200ms");
    }
  });
  report(
    `${pods} pods created, scheduled and running`,
    `${(loaded.wallMs / 1000).toFixed(1)} s, ${(pods / (loaded.wallMs / 1000)).toFixed(0)} pods/s`,
  );
  const gets: number[] = [];
  for (let index = 0; index < 500; index++) {
    const asked = performance.now();
    await cluster.client.get({ apiVersion: "v1", kind: "Node", name: `node-${1 + (index % nodes)}` });
    gets.push(ms(asked));
  }
  const p99 = gets.toSorted((a, b) => a - b)[Math.floor(gets.length * 0.99)]!;
  const list = await measured(() => cluster.client.list({ apiVersion: "v1", kind: "Pod" }));
  report("GET of one object, p99 (objective: 1 s)", `${p99.toFixed(1)} ms`);
  report(`LIST of ${list.result.items.length} pods (objective: 30 s)`, `${(list.wallMs / 1000).toFixed(2)} s`);
  const steady = await measured(() => cluster.clock.advance("20s"));
  report("steady CPU", `${((steady.cpuMs / steady.wallMs) * 100).toFixed(0)}% of a core`);
  report("memory", `${mib(settle().rss)} resident`);
}

/** How long envtest's own programs take until both are healthy. */
async function envtestStart(assets: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "knarr-envtest-"));
  const { testCertificates } = await import("../src/testing/test-certificates.ts");
  const { writeFileSync } = await import("node:fs");
  const { server, authority } = testCertificates(Date.now);
  for (const [name, text] of [
    ["apiserver.crt", server.certificate],
    ["apiserver.key", server.key],
    ["ca.crt", authority],
  ] as const) {
    writeFileSync(join(directory, name), text);
  }
  const file = (name: string) => join(directory, name);
  const began = performance.now();
  const etcd = spawn(join(assets, "etcd"), [
    "--listen-client-urls=http://127.0.0.1:23791",
    "--advertise-client-urls=http://127.0.0.1:23791",
    "--listen-peer-urls=http://127.0.0.1:23792",
    `--data-dir=${file("etcd")}`,
  ]);
  const apiServer = spawn(join(assets, "kube-apiserver"), [
    "--etcd-servers=http://127.0.0.1:23791",
    `--cert-dir=${directory}`,
    `--client-ca-file=${file("ca.crt")}`,
    "--secure-port=23793",
    "--bind-address=127.0.0.1",
    "--authorization-mode=RBAC",
    "--service-cluster-ip-range=10.0.0.0/24",
    "--service-account-issuer=https://127.0.0.1:23793/",
    `--service-account-key-file=${file("apiserver.crt")}`,
    `--service-account-signing-key-file=${file("apiserver.key")}`,
    "--disable-admission-plugins=ServiceAccount",
  ]);
  try {
    for (let tries = 0; tries < 600; tries++) {
      try {
        const health = ["-sk", "-o", "/dev/null", "-w", "%{http_code}", "https://127.0.0.1:23793/healthz"];
        if (execFileSync("curl", health).toString() === "200") {
          report("peer: envtest's etcd and kube-apiserver until healthy", `${ms(began).toFixed(0)} ms`);
          return;
        }
      } catch {
        // Not listening yet: asked again below.
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    report("peer: envtest's etcd and kube-apiserver until healthy", "not within 30 s");
  } finally {
    apiServer.kill("SIGKILL");
    etcd.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  }
}

await starts();
await virtualTime();
await scale();
const assets = process.env.KUBEBUILDER_ASSETS;
if (assets) await envtestStart(assets);
else console.log("peer envtest: skipped, KUBEBUILDER_ASSETS names no directory");
