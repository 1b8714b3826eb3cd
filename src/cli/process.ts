import type { Command } from "commander";
import type { Logger } from "../base/logger.ts";
import { type Cluster, openCluster } from "../cluster/cluster.ts";
import { readRecord } from "../cluster/record.ts";
import { componentLogger } from "./component.ts";
import { UserError } from "./console.ts";
import type { Context } from "./context.ts";

/** Mounts one of a cluster's background processes: a hidden command that runs until it is asked to stop. */
export function defineProcess(
  program: Command,
  context: Context,
  name: string,
  run: (cluster: Cluster, logger: (component: string) => Logger) => Promise<void>,
): void {
  program
    .command(name, { hidden: true })
    .requiredOption("--name <name>")
    .action(async (flags: { name: string }) => {
      const logger = (component: string) => componentLogger(context, component);
      try {
        const record = await readRecord(context.machine.files, flags.name);
        if (!record) throw new UserError(`there is no cluster ${flags.name}`);
        await run(await openCluster(context.machine, record), logger);
      } catch (error) {
        // The last error of the log is what `up` shows.
        logger(name).error(error instanceof Error ? error.message : String(error));
        context.exitCode = 1;
      }
    });
}
