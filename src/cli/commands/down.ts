import type { Command } from "commander";
import { lineLogger } from "../../base/logger.ts";
import { down } from "../../cluster/down.ts";
import { UserError } from "../console.ts";
import type { Context } from "../context.ts";

export function define(program: Command, context: Context): void {
  program
    .command("down")
    .description("Stop a cluster: no process, mount, namespace, link or nft table stays behind.")
    .option("--name <name>", "the cluster's name", "default")
    .option("--purge", "delete its data too", false)
    .action(async ({ name, purge }: { name: string; purge: boolean }) => {
      const { machine, console, pid } = context;
      const logger = lineLogger({
        clock: machine.clock,
        component: "down",
        level: "warn",
        write: (line) => console.note(line.trimEnd()),
      });
      const step = console.step(`stopping cluster ${name}`);
      let found: boolean;
      try {
        found = await down(machine, logger, { name, purge, pid });
      } catch (error) {
        step.failed();
        throw error;
      }
      if (!found) {
        step.failed();
        throw new UserError(`there is no cluster ${name}`);
      }
      step.done(`cluster ${name} is stopped${purge ? " and its data deleted" : "; its data stays"}`);
    });
}
