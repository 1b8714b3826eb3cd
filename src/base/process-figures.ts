import { readdirSync, readFileSync } from "node:fs";
import { uptime } from "node:os";

/** What the process takes of its machine. Figures that this system does not tell are absent. */
export interface ProcessFigures {
  cpuSeconds: number;
  residentBytes: number;
  startTimeSeconds: number;
  virtualBytes?: number;
  openFiles?: number;
  maxFiles?: number;
}

/** Clock ticks per second in /proc, and the size of a page: the same on all of Linux' usual builds. */
const TICKS = 100;

let startTimeSeconds: number | undefined;

/** Reads the figures of this process; cheap enough for each collection of metrics. */
export function processFigures(): ProcessFigures {
  const { user, system } = process.cpuUsage();
  const fields = statFields();
  startTimeSeconds ??= fields
    ? Date.now() / 1000 - uptime() + Number(fields[19]) / TICKS
    : (performance.timeOrigin ?? Date.now()) / 1000;
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    startTimeSeconds,
    ...(fields ? { virtualBytes: Number(fields[20]) } : {}),
    ...files(),
  };
}

/** The fields of /proc/self/stat after the name, which may hold anything. */
function statFields(): string[] | undefined {
  const text = read("/proc/self/stat");
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

function files(): { openFiles?: number; maxFiles?: number } {
  const limits = read("/proc/self/limits");
  if (limits === undefined) return {};
  const limit = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return { openFiles: readdirSync("/proc/self/fd").length, ...(limit ? { maxFiles: Number(limit) } : {}) };
}

/** Undefined where the system has no such file. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
