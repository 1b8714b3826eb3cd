/**
 * How fast a cluster starts and what it costs, as a user sees it: `node bench/startup.bench.ts [RUNS]`. Prints, asserts nothing.
 * Needs root; works on a cluster of its own name and removes it. Every figure is a median over the runs.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { pods } from "../src/api/resource-types.ts";
import type { Pod } from "../src/api/types/core.v1.ts";
import { silentLogger } from "../src/base/logger.ts";
import { systemMachine } from "../src/base/machine.ts";
import { client as apiClient } from "../src/client/api-client.ts";
import { ConnectionError } from "../src/client/client.ts";
import { kubeconfigTransport } from "../src/client/kubeconfig.ts";
import { PAUSE_IMAGE } from "../src/cluster/containerd.ts";
import type { SandboxConfig } from "../src/kubelet/runtime.ts";
import { criRuntime } from "../src/kubelet/runtimes/cri/cri.ts";
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

/** By the cluster's own kubeconfig, which stays while it is stopped. */
async function connect() {
  const { transport } = await kubeconfigTransport(join(directory, "data/admin.kubeconfig"), machine);
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
        await client.raw("/version");
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
  await client.resource(pods).create(pausePod(`first-${Math.trunc(begin)}`));
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

/** The floor: the same calls that the kubelet makes, one after another, straight to the cluster's containerd. */
async function rawStart(index: number): Promise<void> {
  const runtime = criRuntime({
    endpoint: `/run/knarr/${name}/containerd/containerd.sock`,
    clock: machine.clock,
    logger: silentLogger,
  });
  const metadata = { name: `raw-${index}`, namespace: "bench", uid: machine.random.uuid(), attempt: 0 };
  const modes = { network: "pod", pid: "container", ipc: "pod" } as const;
  const sandbox: SandboxConfig = {
    metadata,
    hostname: metadata.name,
    logDirectory: join(directory, metadata.uid),
    portMappings: [],
    labels: {},
    annotations: {},
    linux: { security: modes },
  };
  try {
    const image = (await runtime.imageStatus(PAUSE_IMAGE))!.id;
    const begin = performance.now();
    const id = await runtime.runSandbox(sandbox);
    const container = await runtime.createContainer(
      id,
      {
        metadata: { name: "pause", attempt: 0 },
        image,
        userSpecifiedImage: PAUSE_IMAGE,
        command: [],
        args: [],
        workingDir: "",
        envs: [],
        mounts: [],
        devices: [],
        labels: {},
        annotations: {},
        logPath: "pause.log",
        stdin: false,
        stdinOnce: false,
        tty: false,
        linux: {
          security: {
            ...modes,
            privileged: false,
            addCapabilities: [],
            dropCapabilities: [],
            supplementalGroups: [],
            readonlyRootfs: false,
            noNewPrivs: false,
            seccomp: { type: "unconfined" },
            maskedPaths: [],
            readonlyPaths: [],
          },
        },
      },
      sandbox,
    );
    await runtime.startContainer(container);
    note("one container by raw CRI calls, ms", performance.now() - begin);
    await runtime.stopSandbox(id);
    await runtime.removeSandbox(id);
  } finally {
    await runtime.close();
  }
}

/** A pod from its creation until the API shows it running. */
async function podStart(index: number): Promise<void> {
  const { client, transport } = await connect();
  const begin = performance.now();
  await client.resource(pods).create(pausePod(`timed-${index}`));
  for await (const event of client
    .resource(pods)
    .watch({ namespace: "default", fieldSelector: `metadata.name=timed-${index}` })) {
    if ((event.type === "ADDED" || event.type === "MODIFIED") && event.object.status?.phase === "Running") break;
  }
  note("one pod by the API, creation to Running, ms", performance.now() - begin);
  await client.resource(pods).delete(`timed-${index}`, "default", { gracePeriodSeconds: 0 });
  await transport.close();
}

const pausePod = (podName: string): Pod => ({
  metadata: { name: podName, namespace: "default" },
  spec: { containers: [{ name: "pause", image: PAUSE_IMAGE }], terminationGracePeriodSeconds: 0 },
});

try {
  await start(true);
  for (let index = 0; index < RUNS; index++) {
    must(await knarr("down", "--name", name), "knarr down");
    await start(false);
  }
  for (let index = 0; index < RUNS * 2; index++) {
    await rawStart(index);
    await podStart(index);
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
