import { type Clock, systemClock } from "./clock.ts";
import { type Exec, systemExec } from "./exec.ts";
import { type Files, systemFiles } from "./files.ts";
import { type Network, systemNetwork } from "./network.ts";
import { type Processes, systemProcesses } from "./processes.ts";
import { type Random, systemRandom } from "./random.ts";

/** All the effects there are, together, for the composition root; parts below it take only what they need. */
export interface Machine {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly exec: Exec;
  readonly network: Network;
  readonly processes: Processes;
}

/** The machine that this process runs on. */
export function systemMachine(options: { keepAlive?: boolean } = {}): Machine {
  return {
    clock: systemClock(options),
    random: systemRandom(),
    files: systemFiles,
    exec: systemExec,
    network: systemNetwork,
    processes: systemProcesses,
  };
}
