import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";

/** What a process of the bench has used, since it was asked the last time. */
export interface Usage {
  /** Processor time of all its threads, in ms. */
  cpuMs: number;
  /** The longest that its event loop was held: processor time of the main thread between two turns, in ms. */
  heldMs: number;
  /** Now, in MiB. */
  residentMiB: number;
}

/** A process that carries out commands. */
export interface BenchProcess {
  call<R>(command: string, argument?: unknown): Promise<R>;
  usage(): Promise<Usage>;
  readonly pid: number;
  stop(): Promise<void>;
}

/** The processor that servers get for themselves, and that of the load; none where there are no two, or no taskset. */
export const PINNED =
  availableParallelism() > 1 && spawnSync("taskset", ["-c", "0", "true"]).status === 0
    ? { server: "0", load: "1" }
    : undefined;

/** Keeps this process off the servers' processor. */
export function pinLoad(): void {
  if (PINNED) spawnSync("taskset", ["-a", "-cp", PINNED.load, String(process.pid)]);
}

/** Runs the program `file` on the servers' processor. */
export async function startProcess(file: string, nodeFlags: readonly string[] = []): Promise<BenchProcess> {
  const command = [process.execPath, ...nodeFlags, file];
  if (PINNED) command.unshift("taskset", "-c", PINNED.server);
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const answers = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let next = 1;
  child.on("message", (message: { id: number; value?: unknown; error?: string }) => {
    const waiting = answers.get(message.id);
    answers.delete(message.id);
    if (message.error !== undefined) waiting?.reject(new Error(message.error));
    else waiting?.resolve(message.value);
  });
  const gone = exited(child);
  void gone.then((how) => {
    for (const { reject } of answers.values()) reject(new Error(`a process of the bench ended: ${how}`));
    answers.clear();
  });
  const call = <R>(name: string, argument?: unknown): Promise<R> =>
    new Promise((resolve, reject) => {
      const id = next++;
      answers.set(id, { resolve: resolve as (value: unknown) => void, reject });
      child.send({ id, name, argument });
    });
  return {
    call,
    usage: () => call<Usage>("usage"),
    pid: child.pid!,
    async stop() {
      child.kill("SIGTERM");
      await gone;
    },
  };
}

function exited(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? `code ${code}`)));
}

/** The other end: carries out the commands that come, until the process is told to end. */
export function serveCommands(commands: Readonly<Record<string, (argument: never) => unknown>>): void {
  const all: Readonly<Record<string, (argument: never) => unknown>> = { usage: usageMeter(), ...commands };
  process.on("message", async ({ id, name, argument }: { id: number; name: string; argument: never }) => {
    try {
      process.send!({ id, value: await all[name]!(argument) });
    } catch (error) {
      process.send!({ id, error: String((error as Error).stack ?? error) });
    }
  });
  process.on("disconnect", () => process.exit());
}

/**
 * The loop's turns are counted in the thread's own processor time: on a machine that others use too, the clock would also
 * show how long this process had to wait for its turn.
 */
function usageMeter(): () => Usage {
  let before = process.cpuUsage();
  let turn = process.threadCpuUsage();
  let heldMs = 0;
  setInterval(() => {
    const now = process.threadCpuUsage();
    heldMs = Math.max(heldMs, (now.user + now.system - turn.user - turn.system) / 1000);
    turn = now;
  }, 1).unref();
  return () => {
    const now = process.cpuUsage();
    const usage: Usage = {
      cpuMs: (now.user + now.system - before.user - before.system) / 1000,
      heldMs,
      residentMiB: process.memoryUsage.rss() / 2 ** 20,
    };
    before = now;
    heldMs = 0;
    return usage;
  };
}
