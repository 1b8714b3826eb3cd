import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { ServedApiFlags } from "../../apiserver/served-api.ts";
import { lineLogger } from "../../base/logger.ts";
import { down } from "../../cluster/down.ts";
import { up } from "../../cluster/up.ts";
import { MOST_SIMULATED_NODES } from "../../simulator/most-nodes.ts";
import { UserError } from "../console.ts";
import type { Context } from "../context.ts";
import { type EtcdOptions, etcdOptions, etcdPlace } from "../etcd-options.ts";

interface Flags extends EtcdOptions {
  name: string;
  dataDir?: string;
  kubeconfig?: string;
  apiPort?: number;
  onHost?: boolean;
  simulateNodes?: number;
  runtimeConfig?: string[];
  featureGates?: string[];
  foreground?: boolean;
}

export function define(program: Command, context: Context): void {
  etcdOptions(program.command("up"))
    .description("Start a cluster in the background; returns when the API is ready, the node is Ready and DNS answers.")
    .option("--name <name>", "the cluster's name; several run side by side", "default")
    .option("--data-dir <directory>", "where the cluster keeps its data (default: /var/lib/knarr/NAME)")
    .option("--kubeconfig <file>", "write a kubeconfig of its own to this file, instead of adding a context to yours")
    .option("--api-port <port>", "the port of the API on loopback and on the nodes' network (default: 6443)", port)
    .option("--on-host", "run the node in the host's own network namespace, as on a server")
    .option("--simulate-nodes <count>", "add so many nodes without machines, whose pods only seem to run", nodeCount)
    .option("--runtime-config <entries>", "API versions to serve or not: api/beta=true, group/version=true", entries)
    .option("--feature-gates <entries>", "features to turn on or off: Name=true", entries)
    .option("--foreground", "stay until interrupted, then stop the cluster")
    .action((flags: Flags) => run(flags, context));
}

async function run(flags: Flags, context: Context): Promise<void> {
  const { machine, console, environment, workingDirectory } = context;
  const own = flags.kubeconfig !== undefined;
  const etcd = etcdPlace(flags, workingDirectory);
  const kubeconfig = own ? resolve(workingDirectory, flags.kubeconfig!) : userKubeconfig(environment);
  const { cluster, alreadyRunning } = await up(
    machine,
    {
      name: flags.name,
      ...(flags.dataDir === undefined ? {} : { dataDir: resolve(workingDirectory, flags.dataDir) }),
      kubeconfig,
      ownKubeconfig: own,
      ...(flags.apiPort === undefined ? {} : { apiPort: flags.apiPort }),
      ...(flags.onHost === undefined ? {} : { onHost: flags.onHost }),
      ...(etcd === undefined ? {} : { etcd }),
      ...(flags.simulateNodes === undefined ? {} : { simulateNodes: flags.simulateNodes }),
      ...servedApiOf(flags),
      program: context.program,
      pid: context.pid,
      signal: context.stopRequested,
    },
    console,
  );
  if (alreadyRunning) console.print(`Cluster ${flags.name} is already running at ${cluster.serverForHost}.`);
  else console.print(`Cluster ${flags.name} is running at ${cluster.serverForHost}.`);
  console.print(
    own
      ? `Use it with: kubectl --kubeconfig ${kubeconfig} get nodes`
      : `kubectl now uses the context ${cluster.context} (${kubeconfig}). Try: kubectl get nodes`,
  );
  if (!flags.foreground) return;
  console.note("Running in the foreground; interrupt (Ctrl-C) to stop the cluster.");
  await new Promise<void>((done) => {
    if (context.stopRequested.aborted) done();
    else context.stopRequested.addEventListener("abort", () => done(), { once: true });
  });
  const logger = lineLogger({
    clock: machine.clock,
    component: "down",
    level: "warn",
    write: (line) => console.note(line.trimEnd()),
  });
  await down(machine, logger, { name: flags.name, purge: false, pid: context.pid });
  console.print(`Cluster ${flags.name} is stopped; its data stays.`);
}

/** Values may be given several times, and with commas. */
const entries = (value: string, before: string[] = []): string[] => [...before, ...value.split(",")];

function servedApiOf({ runtimeConfig, featureGates }: Flags): { servedApi?: ServedApiFlags } {
  if (!runtimeConfig && !featureGates) return {};
  return { servedApi: { ...(runtimeConfig ? { runtimeConfig } : {}), ...(featureGates ? { featureGates } : {}) } };
}

/** The file that kubectl writes to: the first of $KUBECONFIG, else ~/.kube/config. */
export function userKubeconfig(environment: Context["environment"]): string {
  const first = environment.KUBECONFIG?.split(":").find((path) => path !== "");
  return first ? resolve(first) : join(environment.HOME ?? homedir(), ".kube", "config");
}

function nodeCount(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > MOST_SIMULATED_NODES)
    throw new InvalidArgumentError(`a number from 0 to ${MOST_SIMULATED_NODES} is expected.`);
  return value;
}

function port(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 65535)
    throw new InvalidArgumentError("a port is a number from 1 to 65535.");
  return value;
}

/** Throws unless the process may do what a node needs. */
export function requireRoot(what: string): void {
  if (process.getuid?.() !== 0)
    throw new UserError(`${what} needs root (network namespaces, mounts, containers): run it with sudo`);
}
