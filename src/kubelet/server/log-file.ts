import type { FileHandle } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Clock } from "../../base/clock.ts";
import type { Files } from "../../base/files.ts";
import { isNotFound } from "../../base/files.ts";

/** What of a log is wanted; the fields of PodLogOptions. */
export interface LogSelection {
  follow?: boolean;
  /** Begin this many lines before the end. */
  tailLines?: number;
  /** Leave out what is older, in ms since the epoch. */
  sinceMs?: number;
  /** Begin each line with its time. */
  timestamps?: boolean;
  limitBytes?: number;
  stream?: "All" | "Stdout" | "Stderr";
}

export interface LogFileOptions extends LogSelection {
  files: Files;
  clock: Clock;
  path: string;
  /** Whether more can come; asked only while following. */
  isRunning(): Promise<boolean>;
  /** Calls back when the container may have ended, to look at once. */
  onRuntimeChange?(callback: () => void): { close(): void };
  signal?: AbortSignal;
}

const CHUNK_BYTES = 64 * 1024;
/** Followed files are looked at this often even without a sign of change. */
const CHECK_MS = 1_000;
const NEWLINE = 10;
const SPACE = 32;

/**
 * Reads a container's log file in CRI's format (`<RFC 3339 time> stdout|stderr F|P <text>`, where P is a piece that the
 * next line goes on with) and yields what it says, as `kubectl logs` shows it. Following goes over rotations and ends
 * when the container has ended and everything is read, or quietly with the signal. Lines in another format are left out.
 */
export async function* readLogFile(options: LogFileOptions): AsyncGenerator<Buffer> {
  const { files, path, follow, signal } = options;
  let file = await files.open(path);
  try {
    let position = options.tailLines === undefined ? 0 : await tailStart(file, options.tailLines);
    const lines = lineFilter(options);
    let held: Buffer = Buffer.alloc(0);
    let changes: Changes | undefined;
    let ended = false;
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    try {
      while (!signal?.aborted && !lines.full()) {
        const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, position);
        if (bytesRead > 0) {
          position += bytesRead;
          const data = Buffer.concat([held, buffer.subarray(0, bytesRead)]);
          const end = data.lastIndexOf(NEWLINE) + 1;
          held = data.subarray(end);
          const output = lines.take(data.subarray(0, end));
          if (output.length > 0) yield output;
          continue;
        }
        if (!follow || ended) {
          const output = lines.take(held);
          if (output.length > 0) yield output;
          return;
        }
        if (!changes) {
          // What was written before the watch began is found by reading once more.
          changes = watchLog(options);
          continue;
        }
        const next = await successor(files, path, file);
        if (next) {
          // The runtime may have written its last lines to the old file just now.
          if ((await file.stat()).size > position) await next.close();
          else {
            await file.close();
            file = next;
            position = 0;
            held = Buffer.alloc(0);
          }
          continue;
        }
        if ((await changes.wait()) === "look") ended = !(await options.isRunning());
      }
    } finally {
      changes?.close();
    }
  } finally {
    await file.close();
  }
}

/** Where the last `count` lines of a file begin. */
async function tailStart(file: FileHandle, count: number): Promise<number> {
  const { size } = await file.stat();
  if (count <= 0) return size;
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let remaining = count;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const { bytesRead } = await file.read(buffer, 0, end - start, start);
    for (let at = bytesRead - 1; at >= 0; at--) {
      // The newline at the very end closes the last line and begins none.
      if (buffer[at] !== NEWLINE || start + at === size - 1) continue;
      if (--remaining === 0) return start + at + 1;
    }
    end = start;
  }
  return 0;
}

/** The file that has taken the place of `open` after a rotation. */
async function successor(files: Files, path: string, open: FileHandle): Promise<FileHandle | undefined> {
  let next: FileHandle;
  try {
    if ((await files.stat(path)).ino === (await open.stat()).ino) return undefined;
    next = await files.open(path);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
  return next;
}

interface Changes {
  /** Resolves when the file has changed, or with "look" when it is time to see whether the container still runs. */
  wait(): Promise<"changed" | "look">;
  close(): void;
}

function watchLog({ files, clock, path, signal, onRuntimeChange }: LogFileOptions): Changes {
  let pending: "changed" | "look" | undefined;
  let wake: ((reason: "changed" | "look") => void) | undefined;
  const notify = (reason: "changed" | "look") => {
    if (wake) wake(reason);
    else if (pending !== "look") pending = reason;
  };
  const name = basename(path);
  const watcher = files.watch(dirname(path), { persistent: false }, (_event, changed) => {
    if (changed === null || changed === name) notify("changed");
  });
  // Without the directory there is nothing to see; the regular look finds the end.
  watcher.on("error", () => notify("look"));
  const subscription = onRuntimeChange?.(() => notify("look"));
  const onAbort = () => notify("look");
  signal?.addEventListener("abort", onAbort, { once: true });
  return {
    wait() {
      if (pending || signal?.aborted) {
        const reason = pending ?? "look";
        pending = undefined;
        return Promise.resolve(reason);
      }
      return new Promise((resolve) => {
        const timer = clock.after(CHECK_MS, () => notify("look"));
        wake = (reason) => {
          timer.cancel();
          wake = undefined;
          resolve(reason);
        };
      });
    },
    close() {
      watcher.close();
      subscription?.close();
      signal?.removeEventListener("abort", onAbort);
    },
  };
}

/** Picks and rewrites whole lines; remembers how much has been given out. */
function lineFilter(selection: LogSelection): { take(lines: Buffer): Buffer; full(): boolean } {
  const wanted = selection.stream === "Stdout" ? "stdout" : selection.stream === "Stderr" ? "stderr" : undefined;
  let bytesLeft = selection.limitBytes ?? Number.POSITIVE_INFINITY;
  // Lines that come while a tail is read are not part of it.
  let linesLeft =
    selection.tailLines !== undefined && !selection.follow ? selection.tailLines : Number.POSITIVE_INFINITY;
  let atLineStart = true;
  return {
    full: () => bytesLeft <= 0 || linesLeft <= 0,
    take(data) {
      const output: Uint8Array[] = [];
      for (let start = 0; start < data.length && bytesLeft > 0 && linesLeft > 0; ) {
        const newline = data.indexOf(NEWLINE, start);
        const end = newline < 0 ? data.length : newline + 1;
        const line = parseLine(data.subarray(start, end));
        start = end;
        if (!line) continue;
        linesLeft--;
        const startsLine = atLineStart;
        atLineStart = line.text.length === 0 || line.text.at(-1) === NEWLINE;
        if (wanted !== undefined && line.stream !== wanted) continue;
        if (selection.sinceMs !== undefined && Date.parse(line.time) < selection.sinceMs) continue;
        for (const part of selection.timestamps && startsLine
          ? [Buffer.from(`${fixedNanos(line.time)} `), line.text]
          : [line.text]) {
          const cut = part.subarray(0, bytesLeft);
          bytesLeft -= cut.length;
          output.push(cut);
        }
      }
      return Buffer.concat(output);
    },
  };
}

/** One line of the file; undefined where it is not in the format. The text has its newline, unless it goes on. */
function parseLine(line: Buffer): { time: string; stream: string; text: Buffer } | undefined {
  const first = line.indexOf(SPACE);
  const second = line.indexOf(SPACE, first + 1);
  const third = line.indexOf(SPACE, second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  const stream = line.toString("latin1", first + 1, second);
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  const [tag] = line.toString("latin1", second + 1, third).split(":");
  const goesOn = tag === "P" && line.at(-1) === NEWLINE;
  return {
    time: line.toString("latin1", 0, first),
    stream,
    text: line.subarray(third + 1, goesOn ? line.length - 1 : line.length),
  };
}

/** An RFC 3339 time with nine digits behind the point, as times are printed everywhere. */
function fixedNanos(time: string): string {
  const match = /^(.*?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(time);
  return match ? `${match[1]}.${(match[2] ?? "").padEnd(9, "0").slice(0, 9)}${match[3]}` : time;
}
