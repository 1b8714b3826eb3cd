import type { Machine } from "../base/machine.ts";
import type { Console } from "./console.ts";

/** What a command may use and must know of the process that it runs in. */
export interface Context {
  readonly machine: Machine;
  readonly console: Console;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly workingDirectory: string;
  /** How this program was started: the Node binary and the script. */
  readonly program: readonly [string, string];
  /** What the process exits with after the command has returned. */
  exitCode: number;
  /** Aborted when the user or a supervisor asks the process to stop. */
  readonly stopRequested: AbortSignal;
}
