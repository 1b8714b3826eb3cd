/**
 * How fast a cluster starts and what it costs, as a user sees it: `node bench/startup.bench.ts [RUNS]`. Prints, asserts nothing.
 * Needs root; works on a cluster of its own name and removes it. Every figure is a median over the runs.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { pods } from "../src/api/resource-types.ts";
import { systemMachine } from "../src/base/machine.ts";
import { client as apiClient } from "../src/client/api-client.ts";
import { ConnectionError } from "../src/client/client.ts";
import { kubeconfigTransport } from "../src/client/kubeconfig.ts";
import { must, root, run } from "../test/e2e/cluster.fixture.ts";

const RUNS = Number(process.argv[2] ?? 5);
const IDLE_SECONDS = 20;
const name = `bench-${process.pid}`;
const machine = systemMachine({ keepAlive: true });
const directory = await mkdtemp(join(tmpdir(), "knarr-bench-"));
const kubeconfig = join(directory, "kubeconfig");
const knarr = (...args: string[]) => run(join(root, "knarr"), args);
const up = () =>
  knarr("up", "--name", name, "--data-dir", join(directory, "data"), "--kubeconfig", kubeconfig, "--api-port", "17443");

const figures = new Map<string, number[]>();
const note = (figure: string, value: number) => figures.set(figure, [...(figures.get(figure) ?? []), value]);

async function connect() {
  const { transport } = await kubeconfigTransport(kubeconfig, machine);
  return { client: apiClient(transport, { userAgent: "bench" }), transport };
}

/** Starts the stopped cluster and takes the times from the moment the command is given. */
async function start(first: boolean): Promise<void> {
  const begin = performance.now();
  const finished = up().then((outcome) => must(outcome, "knarr up"));
  if (!first) {
    const { client, transport } = await connect();
    for (;;) {
      try {
        await client.raw("/readyz");
        break;
      } catch (error) {
        if (!(error instanceof ConnectionError)) throw error;
        await wait(5);
      }
    }
    note("API answering, ms", performance.now() - begin);
    await transport.close();
  }
  await finished;
  if (!first) note("API, node and DNS ready (the command returns), ms", performance.now() - begin);
  const { client, transport } = await connect();
  await client.resource(pods).create({
    metadata: { name: `first-${Math.trunc(begin)}`, namespace: "default" },
    spec: { containers: [{ name: "pause", image: "registry.k8s.io/pause:3.10" }], terminationGracePeriodSeconds: 0 },
  });
  for await (const event of client.resource(pods).watch({ namespace: "default", sendInitialEvents: false })) {
    if ((event.type === "ADDED" || event.type === "MODIFIED") && event.object.status?.phase === "Running") break;
  }
  if (!first) note("first pod running, ms", performance.now() - begin);
  await client.resource(pods).deleteCollection({ namespace: "default" });
  await transport.close();
}

async function cpuTicks(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]!.split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

async function residentBytes(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Rss: +(\d+)/m.exec(rollup)![1]) * 1024;
}

try {
  await start(true);
  for (let index = 0; index < RUNS; index++) {
    must(await knarr("down", "--name", name), "knarr down");
    await start(false);
  }
  const status = JSON.parse((await knarr("status", "--name", name, "-o", "json")).stdout) as {
    components: { process: string; pid: number }[];
  };
  const pids = new Map(status.components.map(({ process, pid }) => [process, pid]));
  await wait(5000);
  const before = await Promise.all([...pids.values()].map(cpuTicks));
  await wait(IDLE_SECONDS * 1000);
  const after = await Promise.all([...pids.values()].map(cpuTicks));
  for (const [index, [process, pid]] of [...pids].entries()) {
    note(`${process}: resident, MiB`, (await residentBytes(pid)) / 2 ** 20);
    note(`${process}: idle CPU, % of one core`, (after[index]! - before[index]!) / IDLE_SECONDS);
  }
} finally {
  await knarr("down", "--name", name, "--purge");
  await rm(directory, { recursive: true, force: true });
}

for (const [figure, values] of figures) {
  const sorted = [...values].sort((a, b) => a - b);
  const show = (value: number) => value.toFixed(value < 10 ? 2 : 0);
  console.log(
    `${figure.padEnd(56)} ${show(sorted[Math.floor(sorted.length / 2)]!).padStart(8)}   (${show(sorted[0]!)}–${show(sorted.at(-1)!)})`,
  );
}
