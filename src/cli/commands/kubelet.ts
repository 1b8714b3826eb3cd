import { hostname } from "node:os";
import type { Command } from "commander";
import { GIT_VERSION } from "../../apiserver/version.ts";
import { metricsRegistry } from "../../base/metrics.ts";
import { client as apiClient } from "../../client/api-client.ts";
import { kubeconfigTransport } from "../../client/kubeconfig.ts";
import { criRuntime } from "../../cluster/backends.ts";
import { primaryAddress } from "../../cluster/network/node-network.ts";
import { startKubelet } from "../../kubelet/kubelet.ts";
import { kubeletFlags, kubeletOptions } from "../../kubelet/options.ts";
import { startKubeletServer } from "../../kubelet/server/server.ts";
import { webhookAccess } from "../../kubelet/server/webhook-access.ts";
import { defineComponent } from "../component.ts";
import { UserError } from "../console.ts";
import type { Context } from "../context.ts";

const DEFAULT_RUNTIME = "unix:///run/containerd/containerd.sock";

export function define(program: Command, context: Context): void {
  const { machine } = context;
  const self = { pid: context.pid, arch: process.arch };
  defineComponent(program, context, {
    name: "kubelet",
    description: "Run the node agent by itself, on a container runtime that is there.",
    flags: kubeletFlags,
    async run(flags, { logger, signal }) {
      const { clock, files, network, exec } = machine;
      const file = flags.config === undefined ? undefined : await readYaml(machine.files, flags.config);
      const address = await primaryAddress(exec);
      const { settings, server } = kubeletOptions(flags, file, {
        hostname: hostname(),
        ...(address ? { address } : {}),
      });
      if (!server.tlsCertFile || !server.tlsPrivateKeyFile) {
        throw new UserError("the kubelet's server needs --tls-cert-file and --tls-private-key-file");
      }
      const [cert, key, clientCa] = await Promise.all([
        files.readFile(server.tlsCertFile, "utf8"),
        files.readFile(server.tlsPrivateKeyFile, "utf8"),
        server.clientCaFile ? files.readFile(server.clientCaFile, "utf8") : undefined,
      ]);
      const { transport } = await kubeconfigTransport(flags.kubeconfig, machine);
      const client = apiClient(transport, { userAgent: "kubelet", clock });
      const runtime = criRuntime({ endpoint: server.containerRuntimeEndpoint ?? DEFAULT_RUNTIME, clock, logger });
      const kubelet = await startKubelet({
        ...settings,
        ...machine,
        client,
        runtime,
        logger,
        process: self,
        version: GIT_VERSION,
      });
      try {
        const serving = await startKubeletServer({
          network,
          clock,
          files,
          logger,
          runtime,
          pods: kubelet.podAccess,
          access: webhookAccess({ client, clock }),
          metrics: metricsRegistry(),
          nodeName: settings.nodeName,
          rootDir: settings.rootDir,
          port: settings.port,
          ...(server.address ? { address: server.address } : {}),
          certificate: { cert, key },
          ...(clientCa ? { clientCa } : {}),
          unhealthy: kubelet.healthy,
        });
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          else signal.addEventListener("abort", () => resolve(), { once: true });
        });
        await serving.close();
      } finally {
        await kubelet.stop();
        await runtime.close();
        await transport.close();
      }
    },
  });
}

async function readYaml(files: Context["machine"]["files"], path: string): Promise<unknown> {
  const { parse } = await import("../../base/yaml.ts");
  return parse(await files.readFile(path, "utf8"));
}
