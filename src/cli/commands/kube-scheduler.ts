import { hostname } from "node:os";
import type { Command } from "commander";
import { client as apiClient } from "../../client/api-client.ts";
import { kubeconfigTransport } from "../../client/kubeconfig.ts";
import { schedulerFlags } from "../../scheduler/options.ts";
import { runScheduler } from "../../scheduler/run.ts";
import { defineComponent } from "../component.ts";
import type { Context } from "../context.ts";

export function define(program: Command, context: Context): void {
  const { machine } = context;
  defineComponent(program, context, {
    name: "kube-scheduler",
    description: "Run the scheduler by itself.",
    flags: schedulerFlags,
    async run(flags, { logger, signal }) {
      const { transport } = await kubeconfigTransport(flags.kubeconfig, machine);
      const client = apiClient(transport, { userAgent: "kube-scheduler", clock: machine.clock });
      const identity = `${hostname()}_${machine.random.uuid()}`;
      try {
        await runScheduler({ ...machine, client, logger, identity, flags }, signal);
      } finally {
        await transport.close();
      }
    },
  });
}
