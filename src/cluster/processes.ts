import { join } from "node:path";
import { sleep } from "../base/clock.ts";
import { isNotFound } from "../base/files.ts";
import type { Machine } from "../base/machine.ts";
import type { ProcessIdentity } from "../base/processes.ts";

/** The processes that a cluster consists of, by the name of their pid file. */
export type ProcessName = "control-plane" | "node";

/** Starts and stops a cluster's background processes, and finds them again through pid files in `directory`. */
export interface BackgroundProcesses {
  /** The running process of that name. A stale pid file counts as none. */
  find(name: string): Promise<ProcessIdentity | undefined>;
  /** Starts a command in a session of its own, its output appended to `log`; it outlives its starter. */
  start(name: string, command: string, args: readonly string[], log: string): Promise<StartedProcess>;
  /** SIGTERM, then after `graceMs` SIGKILL. Resolves when the process is gone. */
  stop(name: string, graceMs: number): Promise<void>;
}

export interface StartedProcess extends ProcessIdentity {
  /** Settles when the process ends while its starter still watches. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export function backgroundProcesses(machine: Machine, directory: string): BackgroundProcesses {
  const { files, processes, exec, clock } = machine;
  const pidFile = (name: string) => join(directory, `${name}.pid`);
  const find = async (name: string): Promise<ProcessIdentity | undefined> => {
    let text: string;
    try {
      text = await files.readFile(pidFile(name), "utf8");
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
    const [pid, startTicks] = text.trim().split(" ").map(Number);
    const identity = { pid: pid!, startTicks: startTicks! };
    return (await processes.isRunning(identity)) ? identity : undefined;
  };

  return {
    find,
    async start(name, command, args, log) {
      await files.mkdir(directory, { recursive: true });
      const output = await files.open(log, "a", 0o600);
      try {
        const child = exec.spawn(command, args, { detached: true, stdio: ["ignore", output.fd, output.fd], cwd: "/" });
        const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
          child.once("error", reject);
          child.once("exit", (code, signal) => resolve({ code, signal }));
        });
        exited.catch(() => {});
        if (child.pid === undefined) {
          await exited;
          throw new Error(`${command} could not be started`);
        }
        child.unref();
        const identity = await processes.identify(child.pid);
        if (!identity) {
          const { code, signal } = await exited;
          throw new Error(`${name} ended at once (${signal ?? `exit code ${code}`}); see ${log}`);
        }
        await files.writeAtomic(pidFile(name), `${identity.pid} ${identity.startTicks}\n`);
        return { ...identity, exited };
      } finally {
        await output.close();
      }
    },
    async stop(name, graceMs) {
      const identity = await find(name);
      if (identity) {
        processes.signal(identity.pid, "SIGTERM");
        const giveUp = clock.monotonic() + graceMs;
        while (await processes.isRunning(identity)) {
          if (clock.monotonic() > giveUp) processes.signal(identity.pid, "SIGKILL");
          await sleep(clock, 20);
        }
      }
      await files.rm(pidFile(name), { force: true });
    },
  };
}
