import type { Command } from "commander";
import type { Logger } from "../base/logger.ts";
import { type Cluster, openCluster } from "../cluster/cluster.ts";
import { readRecord } from "../cluster/record.ts";
import { componentLogger } from "./component.ts";
import { UserError } from "./console.ts";
import type { Context } from "./context.ts";

/** Mounts one of a cluster's background processes: a command that runs until it is asked to stop. Hidden, unless described. */
export function defineProcess(
  program: Command,
  context: Context,
  name: string,
  run: (cluster: Cluster, logger: (component: string) => Logger) => Promise<void>,
  description?: string,
): Command {
  return (
    program
      .command(name, { hidden: description === undefined })
      .description(description ?? "")
      // Not a required option: that would be asked of subcommands too.
      .option("--name <name>", "the cluster's name")
      .action(async (flags: { name?: string }) => {
        const logger = (component: string) => componentLogger(context, component);
        try {
          if (flags.name === undefined) throw new UserError("--name is required: the cluster whose process this is");
          const record = await readRecord(context.machine.files, flags.name);
          if (!record) throw new UserError(`there is no cluster ${flags.name}`);
          await run(await openCluster(context.machine, record), logger);
        } catch (error) {
          // The last error of the log is what `up` shows.
          logger(name).error(error instanceof Error ? error.message : String(error));
          context.exitCode = 1;
        }
      })
  );
}
