import { join } from "node:path";
import { deadline, sleep } from "../base/clock.ts";
import { dialGrpc, GrpcError } from "../base/grpc.ts";
import type { Logger } from "../base/logger.ts";
import type { Machine } from "../base/machine.ts";
import type { ProcessIdentity } from "../base/processes.ts";
import { cri } from "../kubelet/runtimes/cri/schema.ts";
import { type ContainerdSettings, containerdConfiguration } from "./containerd/configuration.ts";
import {
  type ContainerdBinaries,
  type ContainerdHost,
  findBinaries,
  inspectHost,
  readIfPresent,
} from "./containerd/host.ts";
import { type ContainerdDirectories, removeRemains } from "./containerd/remains.ts";
import { backgroundProcesses } from "./processes.ts";

/** The image that a sandbox's first process runs; built by images/pause.ts. */
export const PAUSE_IMAGE = "registry.k8s.io/pause:3.10";

export interface ContainerdOptions {
  machine: Machine;
  logger: Logger;
  /** Images and snapshots: survives a reboot. Absolute, without symbolic links. */
  dataDir: string;
  /** Sockets, running tasks, the pid file: need not survive a reboot. Absolute, without symbolic links, and short. */
  stateDir: string;
  logFile: string;
  /** The path of the network namespace to run in; absent: the caller's. */
  netns?: string;
  /** Where the pod network's configuration appears, then or later. */
  cniConfDir: string;
  binaries?: ContainerdBinaries;
  pauseImage?: string;
  /** `<registry>/hosts.toml` files; default: `certs.d` below the data directory. */
  registryConfigDir?: string;
  cgroupDriver?: ContainerdSettings["cgroupDriver"];
  logLevel?: ContainerdSettings["logLevel"];
  signal?: AbortSignal;
}

/** A running containerd under supervision: it is started again when it ends, with a growing pause. */
export interface Containerd {
  /** The gRPC socket: CRI and containerd's own services. */
  readonly socket: string;
  readonly host: ContainerdHost;
  readonly cgroupDriver: ContainerdSettings["cgroupDriver"];
  /** Whether it was already running and has been taken over. */
  readonly adopted: boolean;
  /** The present process; undefined between an end and the next start. */
  process(): ProcessIdentity | undefined;
  /** Ends the supervision; containerd and the containers run on and can be adopted by the next start. */
  release(): void;
  /** Stops containerd; the containers run on. */
  stop(): Promise<void>;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;
/** After this long a process counts as having started well, and the next pause is short again. */
const STABLE_MS = 60_000;
const START_DEADLINE_MS = 30_000;
const STOP_GRACE_MS = 5_000;
const WATCH_PERIOD_MS = 1_000;
const LOG_LIMIT_BYTES = 16 * 1024 * 1024;
/** Of sun_path, with its closing zero. */
const SOCKET_PATH_MAX = 107;
const NAME = "containerd";

const directoriesOf = ({
  dataDir,
  stateDir,
}: Pick<ContainerdOptions, "dataDir" | "stateDir">): ContainerdDirectories => ({
  data: dataDir,
  state: stateDir,
  socket: join(stateDir, "containerd.sock"),
});

/**
 * Starts a containerd of its own for one node, or adopts the one that an earlier process left running in these
 * directories, if its configuration, program and network namespace are still the wanted ones (else it is replaced; its
 * containers survive that). Resolves when CRI answers. Rejects, with the end of its log, where it ends before that.
 */
export async function startContainerd(options: ContainerdOptions): Promise<Containerd> {
  const { machine, logger } = options;
  const { files, exec, processes, clock } = machine;
  const directories = directoriesOf(options);
  if (`${directories.socket}.ttrpc`.length > SOCKET_PATH_MAX) {
    throw new Error(`the path of containerd's socket is too long for the system: ${directories.socket}`);
  }
  const binaries = options.binaries ?? (await findBinaries(files));
  await files.mkdir(options.dataDir, { recursive: true, mode: 0o711 });
  await files.mkdir(options.stateDir, { recursive: true, mode: 0o711 });
  await files.mkdir(options.cniConfDir, { recursive: true });
  const host = await inspectHost(files, exec, { containerd: binaries.containerd, dataDir: options.dataDir });
  const cgroupDriver = options.cgroupDriver ?? "cgroupfs";
  const configuration = containerdConfiguration(
    {
      ...directories,
      cniConfDir: options.cniConfDir,
      cniBinDir: binaries.cni,
      runtime: binaries.runtime,
      pauseImage: options.pauseImage ?? PAUSE_IMAGE,
      registryConfigDir: options.registryConfigDir ?? join(options.dataDir, "certs.d"),
      cgroupDriver,
      logLevel: options.logLevel ?? "warn",
    },
    host,
  );
  const configFile = join(options.stateDir, "config.toml");
  const background = backgroundProcesses(machine, options.stateDir);

  const start = async (): Promise<ProcessIdentity> => {
    await rotateLog(machine, options.logFile);
    const command = [binaries.containerd, "--config", configFile];
    if (options.netns) command.unshift("nsenter", `--net=${options.netns}`, "--");
    const { pid, startTicks } = await background.start(NAME, command[0]!, command.slice(1), options.logFile);
    return { pid, startTicks };
  };

  const present = await background.find(NAME);
  const before = await readIfPresent(files, configFile);
  let adopted = false;
  if (present) {
    const reason =
      before === configuration
        ? await replaceReason(machine, present.pid, binaries, options.netns)
        : "its configuration changed";
    adopted = reason === undefined;
    if (!adopted) {
      logger.info("replacing the running containerd", { pid: present.pid, reason });
      await background.stop(NAME, STOP_GRACE_MS);
    }
  }
  if (before !== configuration) await files.writeAtomic(configFile, configuration);
  const logStart = await sizeOf(machine, options.logFile);
  let current: ProcessIdentity | undefined = adopted ? present : await start();
  try {
    await untilReady(machine, directories.socket, current!, options.signal);
  } catch (error) {
    if (!adopted) await background.stop(NAME, STOP_GRACE_MS);
    throw new Error(
      `containerd does not answer: ${(error as Error).message}${await logEnd(machine, options.logFile, logStart)}`,
      {
        cause: error,
      },
    );
  }
  logger.info(adopted ? "adopted the running containerd" : "started containerd", {
    pid: current!.pid,
    version: host.version,
  });

  const supervision = new AbortController();
  const supervise = async () => {
    let pause = FIRST_PAUSE_MS;
    let since = clock.monotonic();
    for (;;) {
      // An adopted process is not our child, so that its end has to be looked for.
      await sleep(clock, WATCH_PERIOD_MS, supervision.signal);
      if (current && (await processes.isRunning(current))) continue;
      if (current) logger.error("containerd ended unexpectedly", { pid: current.pid, log: options.logFile });
      if (clock.monotonic() - since > STABLE_MS) pause = FIRST_PAUSE_MS;
      current = undefined;
      await sleep(clock, pause, supervision.signal);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      since = clock.monotonic();
      try {
        current = await start();
        logger.info("started containerd again", { pid: current.pid });
      } catch (error) {
        logger.error("containerd can't be started", { error });
      }
    }
  };
  const supervised = supervise().catch((error) => {
    if (!supervision.signal.aborted) logger.error("containerd is no longer supervised", { error });
  });

  return {
    socket: directories.socket,
    host,
    cgroupDriver,
    adopted,
    process: () => current,
    release: () => supervision.abort(),
    async stop() {
      supervision.abort();
      await supervised;
      current = undefined;
      await background.stop(NAME, STOP_GRACE_MS);
    },
  };
}

/**
 * Stops a containerd that nobody supervises any more, kills its containers and leaves no process, mount, cgroup or
 * namespace of it. `purge` deletes the data directory (the images) too. Idempotent; works without a containerd
 * installed. `releaseNetwork`: has the pods' networks taken down through CNI first, for nodes in a network namespace
 * that is not thrown away. `cgroupRoot`: the kubelet's, to be removed with all that is in it, unless it is `/`.
 */
export async function removeContainerd(
  options: Pick<ContainerdOptions, "machine" | "logger" | "dataDir" | "stateDir"> & {
    purge: boolean;
    releaseNetwork?: boolean;
    cgroupRoot?: string;
  },
): Promise<void> {
  const { machine, logger } = options;
  const directories = directoriesOf(options);
  const background = backgroundProcesses(machine, options.stateDir);
  if (options.releaseNetwork && (await background.find(NAME))) {
    try {
      await removeSandboxes(directories.socket);
    } catch (error) {
      logger.warn("the pods' networks could not be taken down", { error });
    }
  }
  await background.stop(NAME, STOP_GRACE_MS);
  await removeRemains(machine, directories, options.cgroupRoot);
  await machine.files.rm(options.stateDir, { recursive: true, force: true });
  if (options.purge) await machine.files.rm(options.dataDir, { recursive: true, force: true });
}

async function removeSandboxes(socket: string): Promise<void> {
  const channel = dialGrpc(`unix:${socket}`);
  const timeoutMs = 10_000;
  try {
    const { items } = await channel.unary(cri.listPodSandbox, {}, { timeoutMs });
    for (const { id } of items) {
      await channel.unary(cri.stopPodSandbox, { id }, { timeoutMs });
      await channel.unary(cri.removePodSandbox, { id }, { timeoutMs });
    }
  } finally {
    channel.close();
  }
}

/** Why the running process can't be kept; undefined where it can. */
async function replaceReason(
  { files }: Machine,
  pid: number,
  binaries: ContainerdBinaries,
  netns: string | undefined,
): Promise<string | undefined> {
  const [program, wanted] = await Promise.all([
    files.readlink(`/proc/${pid}/exe`),
    files.realpath(binaries.containerd),
  ]);
  // A replaced file shows as "… (deleted)".
  if (program !== wanted) return "the program changed";
  const [actual, namespace] = await Promise.all([
    files.stat(`/proc/${pid}/ns/net`),
    files.stat(netns ?? "/proc/self/ns/net"),
  ]);
  return actual.ino === namespace.ino ? undefined : "the network namespace changed";
}

/** Resolves when CRI answers. gRPC is not tried before the socket accepts: a failed attempt would cost a second. */
async function untilReady(
  machine: Machine,
  socket: string,
  process: ProcessIdentity,
  signal?: AbortSignal,
): Promise<void> {
  const { clock, processes } = machine;
  const limit = deadline(clock, START_DEADLINE_MS, signal);
  try {
    const poll = async (answers: () => Promise<boolean>) => {
      while (!(await answers())) {
        if (!(await processes.isRunning(process))) throw new Error("it ended");
        await sleep(clock, 5, limit.signal);
      }
    };
    await poll(() => accepts(machine, socket));
    const channel = dialGrpc(`unix:${socket}`);
    try {
      await poll(() =>
        channel.unary(cri.status, {}, { signal: limit.signal }).then(
          () => true,
          (error) => {
            // Until the plugin is initialised it says so by this code, or is not known yet.
            if (error instanceof GrpcError && ["unavailable", "unimplemented", "unknown"].includes(error.code))
              return false;
            throw error;
          },
        ),
      );
    } finally {
      channel.close();
    }
  } finally {
    limit.dispose();
  }
}

function accepts({ network }: Machine, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = network.net.connect({ path });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
  });
}

async function sizeOf({ files }: Machine, path: string): Promise<number> {
  return (await files.exists(path)) ? (await files.stat(path)).size : 0;
}

/** Keeps one older log file. Only between two processes: a running one holds the file open. */
async function rotateLog(machine: Machine, path: string): Promise<void> {
  if ((await sizeOf(machine, path)) > LOG_LIMIT_BYTES) await machine.files.rename(path, `${path}.1`);
}

/** What was logged since `from` bytes, at most the last few lines, led by a line break; empty where nothing was. */
async function logEnd({ files }: Machine, path: string, from: number): Promise<string> {
  if (!(await files.exists(path))) return "";
  const bytes = await files.readFile(path);
  const text = bytes
    .subarray(bytes.length < from ? 0 : from)
    .toString()
    .trim();
  return text === "" ? "" : `\n${text.split("\n").slice(-5).join("\n")}`;
}
