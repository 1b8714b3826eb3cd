import type { Command } from "commander";
import { runNode } from "../../cluster/node.ts";
import type { Context } from "../context.ts";
import { defineProcess } from "../process.ts";

/** What `up` starts in the background, in the node's network namespace. */
export function define(program: Command, context: Context): void {
  const self = { pid: context.pid, arch: process.arch };
  defineProcess(program, context, "node", (cluster, logger) =>
    runNode(context.machine, cluster, self, logger, context.stopRequested),
  );
}
