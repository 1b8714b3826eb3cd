import { hostname } from "node:os";
import type { Command } from "commander";
import { client as apiClient } from "../../client/api-client.ts";
import { kubeconfigTransport } from "../../client/kubeconfig.ts";
import { nftablesBackend } from "../../cluster/backends.ts";
import { proxyFlags } from "../../proxy/options.ts";
import { runProxy } from "../../proxy/run.ts";
import { defineComponent } from "../component.ts";
import { UserError } from "../console.ts";
import type { Context } from "../context.ts";

export function define(program: Command, context: Context): void {
  const { machine } = context;
  defineComponent(program, context, {
    name: "kube-proxy",
    description: "Run the Service proxy of a node by itself.",
    flags: proxyFlags,
    async run(flags, { logger, signal }) {
      if (flags["proxy-mode"] !== "nftables")
        throw new UserError(`--proxy-mode ${flags["proxy-mode"]} is not supported: nftables is`);
      const clusterCidr = flags["cluster-cidr"];
      const backend = nftablesBackend({ exec: machine.exec, logger, ...(clusterCidr ? { clusterCidr } : {}) });
      if (flags.cleanup) return backend.remove();
      const { transport } = await kubeconfigTransport(flags.kubeconfig, machine);
      const client = apiClient(transport, { userAgent: "kube-proxy", clock: machine.clock });
      const nodeName = flags["hostname-override"] ?? hostname().toLowerCase();
      try {
        await runProxy({ ...machine, client, logger, backend, nodeName, flags }, signal);
      } finally {
        await transport.close();
      }
    },
  });
}
