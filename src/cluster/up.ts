import { join } from "node:path";
import { jsonEqual } from "../api/json-equal.ts";
import type { ServedApiFlags } from "../apiserver/served-api.ts";
import { sleep } from "../base/clock.ts";
import type { Machine } from "../base/machine.ts";
import type { ProcessIdentity } from "../base/processes.ts";
import { freeSlot } from "./addresses.ts";
import type { ClusterCertificates } from "./certificates.ts";
import { type Cluster, openCluster } from "./cluster.ts";
import { exclusively } from "./exclusive.ts";
import { checkName, layout } from "./layout.ts";
import { hostRoutes, nodeNetwork } from "./network/node-network.ts";
import type { ProcessName, StartedProcess } from "./processes.ts";
import type { Progress } from "./readiness.ts";
import { type ClusterRecord, type EtcdPlace, readRecord, readRecords, writeRecord } from "./record.ts";

export interface UpOptions {
  name: string;
  /** Absent: as it was, or /var/lib/knarr/NAME for a new cluster. Absolute. */
  dataDir?: string;
  /** The kubeconfig to write or merge into. Absolute. */
  kubeconfig: string;
  /** Whether `kubeconfig` was asked for by name: then it is written whole instead of merged into. */
  ownKubeconfig: boolean;
  /** Absent: as it was, or 6443 for a new cluster where no other has it. */
  apiPort?: number;
  onHost?: boolean;
  /** Absent: as it was, or the cluster's own store. */
  etcd?: EtcdPlace;
  /** Nodes without machines beside the node itself. Absent: as it was, or none. */
  simulateNodes?: number;
  /** What the API serves. Absent: as it was, or what it serves by default. */
  servedApi?: ServedApiFlags;
  /** How this program is started: the Node binary and the script. */
  program: readonly [string, string];
  /** This process. */
  pid: number;
  /** Ends the waiting; what was started goes on. */
  signal?: AbortSignal;
}

export interface UpResult {
  cluster: Cluster;
  /** Whether everything was running already. */
  alreadyRunning: boolean;
}

const DEFAULT_API_PORT = 6443;
const END_POLL_MS = 100;
/**
 * How Node is told to run a cluster's processes: small, as they idle most of the time, but with room for 4 MB of garbage at
 * once instead of 1, which takes 70 ms off a start. See docs/decisions/processes-of-a-cluster.md for the figures.
 */
export const NODE_FLAGS = ["--min-semi-space-size=4", "--optimize-for-size"];
/** What must fit on the disk for a start to make sense: a store, its log and the certificates. */
const SPACE_NEEDED_BYTES = 1024 * 1024;

/**
 * Makes a cluster run: a new one, one that was stopped, or whatever of a running one is missing. Resolves when the API
 * is ready, the node is Ready and DNS answers. Throws an Error whose message says what to do.
 */
export async function up(machine: Machine, options: UpOptions, progress: Progress): Promise<UpResult> {
  checkName(options.name);
  return exclusively(machine, layout(options.name).run, options.pid, async () => {
    const record = await settle(machine, options);
    const cluster = await openCluster(machine, record);
    const running = {
      plane: await cluster.processes.find("control-plane"),
      node: await cluster.processes.find("node"),
    };
    if (running.plane || running.node)
      refuseChanges(options, (await readRecord(machine.files, options.name)) ?? record);
    const certificates = await explainingDisk(cluster.layout.data, async () => {
      await prepareDirectories(machine, cluster);
      return cluster.certificates();
    });
    if (!running.plane) await checkPort(machine, cluster, options.apiPort === undefined);
    await writeRecord(machine.files, record);
    await machine.files.writeAtomic(slotFile(record.dataDir), `${record.slot}\n`);

    const started = machine.clock.now();
    const steps: Promise<unknown>[] = [];
    const stopWaiting = new AbortController();
    const unlessItEnds = (name: ProcessName, started: StartedProcess) =>
      started.exited.then((end) => failStart(machine, cluster, name, end, stopWaiting.signal));
    let replaced = false;
    const replaceOnceGone = async (name: ProcessName, present: ProcessIdentity) => {
      if (!(await isGone(machine, present, stopWaiting.signal))) return;
      replaced = true;
      await unlessItEnds(name, await start(cluster, options, name));
    };
    if (running.plane) steps.push(replaceOnceGone("control-plane", running.plane));
    else steps.push(unlessItEnds("control-plane", await start(cluster, options, "control-plane")));
    if (running.node) steps.push(replaceOnceGone("node", running.node));
    else {
      if (!record.onHost) {
        await nodeNetwork({ exec: machine.exec, files: machine.files, name: record.name, plan: cluster.plan }).addNode(
          0,
        );
      }
      steps.push(unlessItEnds("node", await start(cluster, options, "node")));
    }
    const ended = Promise.race(steps);
    ended.catch(() => {});
    try {
      // What waiting takes is read only now, while the processes start.
      const { waitUntilReady } = await import("./readiness.ts");
      await waitUntilReady({
        machine,
        cluster,
        certificates,
        progress,
        ...(running.node ? {} : { nodeSince: started }),
        ended: Promise.race([ended, interruption(options.signal)]),
      });
    } finally {
      stopWaiting.abort();
    }
    await writeKubeconfigs(machine, cluster, certificates, options);
    return { cluster, alreadyRunning: !replaced && running.plane !== undefined && running.node !== undefined };
  });
}

/**
 * Whether a process ended that was running at first: it may have been on its way out, and then nobody else would start
 * it again. Resolves with false once the waiting is over.
 */
async function isGone({ processes, clock }: Machine, present: ProcessIdentity, over: AbortSignal): Promise<boolean> {
  while (await processes.isRunning(present)) {
    if (over.aborted) return false;
    await sleep(clock, END_POLL_MS, over).catch(() => {});
  }
  return !over.aborted;
}

/** The record to run with: the present one with the options that may change while it is stopped, or a new one. */
async function settle(machine: Machine, options: UpOptions): Promise<ClusterRecord> {
  const present = await readRecord(machine.files, options.name);
  const others = (await readRecords(machine.files)).filter((other) => other.name !== options.name);
  const dataDir = options.dataDir ?? present?.dataDir ?? layout(options.name).data;
  const twin = others.find((other) => other.dataDir === dataDir);
  if (twin) throw new Error(`the data directory ${dataDir} belongs to cluster ${twin.name}`);
  const onHost = options.onHost ?? present?.onHost ?? false;
  const slot =
    present?.slot ??
    (await keptSlot(machine, dataDir, others)) ??
    freeSlot(
      others.map((other) => other.slot),
      await hostRoutes(machine.exec),
    );
  const ports = new Set(others.map((other) => other.apiPort));
  let apiPort = options.apiPort ?? present?.apiPort;
  if (apiPort === undefined) for (apiPort = DEFAULT_API_PORT; ports.has(apiPort); ) apiPort++;
  const etcd = options.etcd ?? present?.etcd;
  // Its members may change; that it is the same etcd can't be seen from here.
  const moved = present && options.etcd && options.etcd.etcdPrefix !== present.etcd?.etcdPrefix;
  if (moved) {
    throw new Error(
      `cluster ${options.name} has its objects in ${present.etcd ? `etcd below ${present.etcd.etcdPrefix}` : "its own store"}; make a new cluster, and move them with knarr store snapshot and knarr store restore`,
    );
  }
  const simulateNodes = options.simulateNodes ?? present?.simulateNodes;
  const servedApiFlags = options.servedApi ?? present?.servedApi;
  // What can't be used is found out now, not by the control plane.
  if (servedApiFlags) (await import("../apiserver/served-api.ts")).servedApi(servedApiFlags);
  const kept = {
    ...(etcd ? { etcd } : {}),
    ...(simulateNodes ? { simulateNodes } : {}),
    ...(servedApiFlags ? { servedApi: servedApiFlags } : {}),
  };
  return { name: options.name, dataDir, slot, apiPort, onHost, kubeconfig: options.kubeconfig, ...kept };
}

/** The addresses are in the stored Services: the data keeps its slot, also where the record of the cluster was lost. */
const slotFile = (dataDir: string) => join(dataDir, "address-slot");

async function keptSlot(
  machine: Machine,
  dataDir: string,
  others: readonly ClusterRecord[],
): Promise<number | undefined> {
  if (!(await machine.files.exists(slotFile(dataDir)))) return undefined;
  const slot = Number(await machine.files.readFile(slotFile(dataDir), "utf8"));
  const holder = others.find((other) => other.slot === slot);
  if (!holder) return slot;
  throw new Error(
    `the addresses of the cluster in ${dataDir} are now those of cluster ${holder.name}; remove that one first: knarr down --purge --name ${holder.name}`,
  );
}

/** Options that a running cluster can't follow are refused, not ignored. */
function refuseChanges(options: UpOptions, record: ClusterRecord): void {
  if (options.etcd && !jsonEqual(options.etcd, record.etcd)) {
    throw new Error(
      `cluster ${record.name} is running with other options of etcd; stop it first: knarr down --name ${record.name}`,
    );
  }
  if (options.servedApi && !jsonEqual(options.servedApi, record.servedApi ?? {})) {
    throw new Error(
      `cluster ${record.name} is running with another --runtime-config or --feature-gates; stop it first: knarr down --name ${record.name}`,
    );
  }
  const { apiPort, onHost, simulateNodes = 0 } = record;
  const present = { dataDir: layout(record.name, record.dataDir).data, apiPort, onHost, simulateNodes };
  for (const [key, flag] of [
    ["dataDir", "--data-dir"],
    ["apiPort", "--api-port"],
    ["onHost", "--on-host"],
    ["simulateNodes", "--simulate-nodes"],
  ] as const) {
    if (options[key] !== undefined && options[key] !== present[key]) {
      throw new Error(
        `cluster ${record.name} is running with another ${flag} (${present[key]}); stop it first: knarr down --name ${record.name}`,
      );
    }
  }
}

async function prepareDirectories(machine: Machine, { layout: place }: Cluster): Promise<void> {
  await machine.files.mkdir(place.data, { recursive: true, mode: 0o711 });
  for (const directory of [place.pki, place.store, place.logs, place.cni]) {
    await machine.files.mkdir(directory, { recursive: true, mode: 0o700 });
  }
  await machine.files.mkdir(place.run, { recursive: true, mode: 0o711 });
  // Better to find out now than when the store does.
  await machine.files.writeAtomic(`${place.data}/.writable`, new Uint8Array(SPACE_NEEDED_BYTES));
  await machine.files.rm(`${place.data}/.writable`);
}

/** Runs `action`; what the file system refuses is told with what to do about it. */
async function explainingDisk<T>(directory: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const advice: Record<string, string> = {
      ENOSPC: `the disk of ${directory} is full: free some space, or choose another --data-dir`,
      EROFS: `${directory} is on a read-only file system: choose another --data-dir`,
      EACCES: `${directory} can't be written: run this as root`,
      EPERM: `${directory} can't be written: run this as root`,
      ENOTDIR: `${directory} is not a directory: choose another --data-dir`,
      EEXIST: `${directory} is not a directory: choose another --data-dir`,
    };
    const message = advice[(error as NodeJS.ErrnoException).code ?? ""];
    throw message ? new Error(message, { cause: error }) : error;
  }
}

async function checkPort(machine: Machine, cluster: Cluster, byDefault: boolean): Promise<void> {
  const { apiPort } = cluster.record;
  for (const address of cluster.record.onHost ? cluster.apiAddresses : ["127.0.0.1"]) {
    const server = machine.network.net.createServer();
    try {
      await new Promise<void>((resolve, reject) => server.once("error", reject).listen(apiPort, address, resolve));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
      throw new Error(
        `port ${apiPort} on ${address} is in use by another program: ${byDefault ? "choose another with" : "choose another"} --api-port PORT`,
      );
    } finally {
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    }
  }
}

async function start(cluster: Cluster, options: UpOptions, name: ProcessName): Promise<StartedProcess> {
  const [node, script] = options.program;
  const command = [node, ...NODE_FLAGS, script, name, "--name", cluster.record.name];
  // Nodes live in their namespace as a whole; nsenter (unlike ip netns exec) leaves /sys, and with it the cgroups, alone.
  if (name === "node" && cluster.node.namespace) command.unshift("nsenter", `--net=${cluster.node.namespace}`);
  return cluster.processes.start(name, command[0]!, command.slice(1), cluster.logFile(name));
}

async function failStart(
  machine: Machine,
  cluster: Cluster,
  name: string,
  end: { code: number | null; signal: string | null },
  ignore: AbortSignal,
): Promise<void> {
  if (ignore.aborted) return;
  const log = await machine.files.readFile(cluster.logFile(name), "utf8");
  const last =
    log
      .trimEnd()
      .split("\n")
      .findLast((line) => / ERROR /.test(line)) ?? log.trimEnd().split("\n").at(-1);
  throw new Error(
    `the ${name} process ended (${end.signal ?? `exit code ${end.code}`}): ${last}\nIts log is ${cluster.logFile(name)}`,
  );
}

async function writeKubeconfigs(
  machine: Machine,
  cluster: Cluster,
  certificates: ClusterCertificates,
  options: UpOptions,
): Promise<void> {
  const entry = {
    name: cluster.context,
    server: cluster.serverForHost,
    authority: certificates.authority,
    certificate: certificates.admin.certificate,
    key: certificates.admin.key,
  };
  const { kubeconfig, mergeKubeconfig } = await import("./kubeconfig-file.ts");
  await machine.files.writeAtomic(cluster.layout.adminKubeconfig, kubeconfig(entry));
  if (options.ownKubeconfig) await machine.files.writeAtomic(options.kubeconfig, kubeconfig(entry));
  else await mergeKubeconfig(machine.files, options.kubeconfig, entry);
}

/** Rejects when the user interrupts. */
function interruption(signal: AbortSignal | undefined): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    const stop = () => reject(new Error("interrupted; what was started goes on, and knarr up again waits for it"));
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
  interrupted.catch(() => {});
  return interrupted;
}
