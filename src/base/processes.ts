import { readFile } from "node:fs/promises";
import { isNotFound } from "./files.ts";

/** Names one process for good: a pid alone may be given to another process later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When the process started, in clock ticks since the machine's boot. */
  readonly startTicks: number;
}

/** Looking at and signalling processes of this machine (Linux). */
export interface Processes {
  /** The identity of a running process; undefined where there is none, or only a zombie. */
  identify(pid: number): Promise<ProcessIdentity | undefined>;
  /** Whether exactly that process still runs. */
  isRunning(identity: ProcessIdentity): Promise<boolean>;
  /** Sends a signal to a process, or with a negative pid to its group; false where it is gone. */
  signal(pid: number, signal: NodeJS.Signals): boolean;
  /** Resident memory in bytes (the shared part included), and the age in ms; undefined where the process is gone. */
  usage(pid: number): Promise<{ residentBytes: number; ageMs: number } | undefined>;
}

const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

async function statFields(pid: number): Promise<string[] | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    // The command name, in parentheses, may hold anything: count the fields from behind it. [0] is the state.
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch (error) {
    if (isNotFound(error) || (error as NodeJS.ErrnoException).code === "ESRCH") return undefined;
    throw error;
  }
}

/** The processes of this machine. */
export const systemProcesses: Processes = {
  async identify(pid) {
    const fields = await statFields(pid);
    if (!fields || fields[0] === "Z") return undefined;
    return { pid, startTicks: Number(fields[19]) };
  },
  async isRunning(identity) {
    return (await systemProcesses.identify(identity.pid))?.startTicks === identity.startTicks;
  },
  signal(pid, signal) {
    try {
      process.kill(pid, signal);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
      throw error;
    }
  },
  async usage(pid) {
    const fields = await statFields(pid);
    if (!fields) return undefined;
    const uptime = Number((await readFile("/proc/uptime", "utf8")).split(" ")[0]);
    return {
      residentBytes: Number(fields[21]) * PAGE_BYTES,
      ageMs: Math.max(0, (uptime - Number(fields[19]) / TICKS_PER_SECOND) * 1000),
    };
  },
};
