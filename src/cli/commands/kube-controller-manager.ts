import { hostname } from "node:os";
import type { Command } from "commander";
import { client as apiClient } from "../../client/api-client.ts";
import { kubeconfigTransport } from "../../client/kubeconfig.ts";
import { leaderElectionSettings } from "../../client/leader-election-flags.ts";
import { startControllerManager } from "../../controllers/manager.ts";
import { controllerManagerFlags } from "../../controllers/options.ts";
import { defineComponent } from "../component.ts";
import type { Context } from "../context.ts";

export function define(program: Command, context: Context): void {
  const { machine } = context;
  defineComponent(program, context, {
    name: "kube-controller-manager",
    description: "Run the controllers by themselves.",
    flags: controllerManagerFlags,
    async run(flags, { logger, signal }) {
      const { clock, random, files } = machine;
      const { transport } = await kubeconfigTransport(flags.kubeconfig, machine);
      const connect = (userAgent: string, headers: Record<string, string> = {}) =>
        apiClient(transport, { userAgent, clock, headers });
      const rootCaFile = flags["root-ca-file"];
      const manager = startControllerManager({
        client: connect("kube-controller-manager"),
        ...(flags["use-service-account-credentials"]
          ? {
              clientFor: (account: string) =>
                connect(`kube-controller-manager/${account}`, {
                  "impersonate-user": `system:serviceaccount:kube-system:${account}`,
                }),
            }
          : {}),
        clock,
        random,
        logger,
        controllers: flags.controllers,
        settings: {
          ...(rootCaFile ? { rootCa: await files.readFile(rootCaFile, "utf8") } : {}),
          nodeMonitorGracePeriodMs: flags["node-monitor-grace-period"],
          nodeStartupGracePeriodMs: flags["node-startup-grace-period"],
          terminatedPodThreshold: flags["terminated-pod-gc-threshold"],
          maxEndpointsPerSlice: flags["max-endpoints-per-slice"],
          maxMirroredEndpointsPerSubset: flags["mirroring-max-endpoints-per-subset"],
        },
        ...(flags["leader-elect"]
          ? { leaderElection: { identity: `${hostname()}_${random.uuid()}`, ...leaderElectionSettings(flags) } }
          : {}),
      });
      const stop = () => void manager.stop().catch((error) => logger.error("stopping failed", { error }));
      if (signal.aborted) stop();
      signal.addEventListener("abort", stop, { once: true });
      try {
        await manager.done;
      } finally {
        await transport.close();
      }
    },
  });
}
