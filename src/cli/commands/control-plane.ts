import type { Command } from "commander";
import { runControlPlane } from "../../cluster/control-plane.ts";
import type { Context } from "../context.ts";
import { defineProcess } from "../process.ts";

/** What `up` starts in the background. */
export function define(program: Command, context: Context): void {
  defineProcess(program, context, "control-plane", (cluster, logger) =>
    runControlPlane(context.machine, cluster, logger, context.stopRequested),
  );
}
