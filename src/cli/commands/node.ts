import { resolve } from "node:path";
import type { Command } from "commander";
import { client as apiClient } from "../../client/api-client.ts";
import { kubeconfigTransport } from "../../client/kubeconfig.ts";
import { runNode } from "../../cluster/node.ts";
import { simulatorFlags } from "../../simulator/options.ts";
import { defineComponent } from "../component.ts";
import { UserError } from "../console.ts";
import type { Context } from "../context.ts";
import { defineProcess } from "../process.ts";

/** What `up` starts in the background, in the node's network namespace; and below it, nodes without machines. */
export function define(program: Command, context: Context): void {
  const self = { pid: context.pid, arch: process.arch };
  const command = defineProcess(
    program,
    context,
    "node",
    (cluster, logger) => runNode(context.machine, cluster, self, logger, context.stopRequested),
    "Run the node of a cluster of this machine, as `up` does; or simulate nodes (see: knarr node simulate --help).",
  );
  const { machine } = context;
  defineComponent(command, context, {
    name: "simulate",
    description: "Add nodes without machines to any cluster, and play them and their pods until interrupted.",
    flags: simulatorFlags,
    async run(flags, { logger, signal }) {
      const [{ chooseLives, runSimulator }, { parseStages }] = await Promise.all([
        import("../../simulator/run.ts"),
        import("../../simulator/stage.ts"),
      ]);
      const files = (flags.stages ?? []).map((path) => resolve(context.workingDirectory, path));
      const given = await Promise.all(
        files.map(async (path) => parseStages(await machine.files.readFile(path, "utf8"), path)),
      );
      const { transport } = await kubeconfigTransport(flags.kubeconfig, machine);
      try {
        await runSimulator(
          {
            ...machine,
            client: apiClient(transport, { userAgent: "knarr-simulator", clock: machine.clock }),
            logger,
            nodes: flags.nodes,
            namePrefix: flags["name-prefix"],
            shape: {
              capacity: { cpu: flags.cpu, memory: flags.memory, pods: String(flags.pods) },
              labels: Object.fromEntries((flags.labels ?? []).map(parseLabel)),
            },
            stages: chooseLives(flags.lives, given.flat()),
            leaseDurationSeconds: flags["node-lease-duration-seconds"],
            manageAll: flags["manage-all"],
            keep: flags.keep,
          },
          signal,
        );
      } finally {
        await transport.close();
      }
    },
  });
}

function parseLabel(text: string): [string, string] {
  const equals = text.indexOf("=");
  if (equals < 1) throw new UserError(`--labels takes key=value, not ${JSON.stringify(text)}`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}
