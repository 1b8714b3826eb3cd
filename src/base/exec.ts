import { type ChildProcess, type SpawnOptions, spawn as spawnChild } from "node:child_process";

/** What a finished command left behind. `code` is null where a signal ended it. */
export interface ExecResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface ExecOptions {
  cwd?: string;
  /** Replaces the whole environment when given. */
  env?: Record<string, string | undefined>;
  /** Written to the command's standard input, which is empty otherwise. */
  input?: string | Uint8Array;
  signal?: AbortSignal;
}

/** Starting other programs. Handed in, so that a test can see what would be run. */
export interface Exec {
  /** Runs a command to its end. Throws CommandError where it cannot be started or does not exit with 0. */
  run(command: string, args: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Starts a long-running command and hands over the child. */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
}

/** A command that did not end well; the message carries its standard error. */
export class CommandError extends Error {
  readonly result: ExecResult;
  constructor(command: string, args: readonly string[], result: ExecResult, cause?: unknown) {
    const outcome = result.signal ? `killed by ${result.signal}` : `exit code ${result.code}`;
    const detail = cause instanceof Error ? cause.message : result.stderr.trim() || result.stdout.trim();
    super(`${[command, ...args].join(" ").slice(0, 300)}: ${outcome}${detail ? `: ${detail}` : ""}`, { cause });
    this.name = "CommandError";
    this.result = result;
  }
}

/** The machine's processes. */
export const systemExec: Exec = {
  spawn: (command, args, options = {}) => spawnChild(command, args, options),
  run(command, args, options = {}) {
    return new Promise((resolve, reject) => {
      const child = spawnChild(command, args, {
        cwd: options.cwd,
        env: options.env,
        signal: options.signal,
        stdio: ["pipe", "pipe", "pipe"],
      });
      const stdout: Buffer[] = [];
      const stderr: Buffer[] = [];
      child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
      child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
      const result = (code: number | null, signal: NodeJS.Signals | null): ExecResult => ({
        code,
        signal,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      });
      child.once("error", (error) => reject(new CommandError(command, args, result(null, null), error)));
      child.once("close", (code, signal) => {
        if (code === 0) resolve(result(code, signal));
        else reject(new CommandError(command, args, result(code, signal)));
      });
      // A command that exits without reading its input closes the pipe under us: its exit code tells the story.
      child.stdin.on("error", (error: NodeJS.ErrnoException) => {
        if (error.code !== "EPIPE") reject(error);
      });
      child.stdin.end(options.input);
    });
  },
};
