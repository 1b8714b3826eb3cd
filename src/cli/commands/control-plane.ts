import type { Command } from "commander";
import { openCluster } from "../../cluster/cluster.ts";
import { runControlPlane } from "../../cluster/control-plane.ts";
import { readRecord } from "../../cluster/record.ts";
import { componentLogger } from "../component.ts";
import { UserError } from "../console.ts";
import type { Context } from "../context.ts";

/** What `up` starts in the background. */
export function define(program: Command, context: Context): void {
  const { machine } = context;
  program
    .command("control-plane", { hidden: true })
    .requiredOption("--name <name>")
    .action(async ({ name }: { name: string }) => {
      const record = await readRecord(machine.files, name);
      if (!record) throw new UserError(`there is no cluster ${name}`);
      const cluster = await openCluster(machine, record);
      try {
        await runControlPlane(
          machine,
          cluster,
          (component) => componentLogger(context, component),
          context.stopRequested,
        );
      } catch (error) {
        // The last line of the log is what `up` shows.
        componentLogger(context, "control-plane").error(error instanceof Error ? error.message : String(error));
        context.exitCode = 1;
      }
    });
}
