import { hostname } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { GIT_VERSION } from "../../apiserver/version.ts";
import type { Flags } from "../../base/flags.ts";
import { metricsRegistry } from "../../base/metrics.ts";
import { client as apiClient } from "../../client/api-client.ts";
import { kubeconfigTransport } from "../../client/kubeconfig.ts";
import { criRuntime } from "../../cluster/backends.ts";
import { primaryAddress } from "../../cluster/network/node-network.ts";
import { startKubelet } from "../../kubelet/kubelet.ts";
import { startKubeletServer } from "../../kubelet/server/server.ts";
import { webhookAccess } from "../../kubelet/server/webhook-access.ts";
import { defineComponent } from "../component.ts";
import { UserError } from "../console.ts";
import type { Context } from "../context.ts";

const kubeletFlags = {
  kubeconfig: { kind: "string", required: true, description: "the kubeconfig to reach the API server with" },
  "container-runtime-endpoint": {
    kind: "string",
    default: "unix:///run/containerd/containerd.sock",
    description: "the CRI socket of the container runtime",
  },
  "root-dir": { kind: "string", default: "/var/lib/kubelet", description: "the directory for pods and volumes" },
  "pod-log-dir": { kind: "string", default: "/var/log/pods", description: "the directory of the containers' logs" },
  "hostname-override": { kind: "string", description: "the node's name, where it is not the host's" },
  "node-ip": { kind: "string", description: "the node's address; default: that of the default route" },
  port: { kind: "integer", default: 10250, description: "the port of the kubelet's server" },
  "tls-cert-file": { kind: "string", required: true, description: "the certificate of the kubelet's server (PEM)" },
  "tls-private-key-file": { kind: "string", required: true, description: "the key of --tls-cert-file (PEM)" },
  "client-ca-file": { kind: "string", description: "the CAs whose client certificates are accepted (PEM)" },
  "cluster-dns": { kind: "list", default: [], description: "the addresses of the cluster's DNS" },
  "cluster-domain": { kind: "string", default: "cluster.local", description: "the cluster's domain" },
  "resolv-conf": { kind: "string", default: "/etc/resolv.conf", description: "what pods with dnsPolicy Default get" },
  "max-pods": { kind: "integer", default: 110, description: "how many pods the node takes" },
  "cgroup-root": { kind: "string", default: "/", description: "the cgroup below which the pods' are made" },
  "node-labels": { kind: "list", default: [], description: "key=value labels to register with" },
  "register-node": { kind: "boolean", default: true, description: "create the Node object" },
  "node-status-update-frequency": {
    kind: "duration",
    default: 10_000,
    description: "how often the node's state is looked at",
  },
} as const satisfies Flags;

export function define(program: Command, context: Context): void {
  const { machine } = context;
  const self = { pid: context.pid, arch: process.arch };
  defineComponent(program, context, {
    name: "kubelet",
    description: "Run the node agent by itself, on a container runtime that is there.",
    flags: kubeletFlags,
    async run(flags, { logger, signal }) {
      const { clock, random, files, exec, network } = machine;
      const address = flags["node-ip"] ?? (await primaryAddress(exec));
      if (!address) throw new UserError("this host has no default route; name its address with --node-ip");
      const nodeName = (flags["hostname-override"] ?? hostname()).toLowerCase();
      const { transport } = await kubeconfigTransport(flags.kubeconfig, machine);
      const client = apiClient(transport, { userAgent: "kubelet", clock });
      const runtime = criRuntime({ endpoint: flags["container-runtime-endpoint"], clock, logger });
      const kubelet = await startKubelet({
        client,
        runtime,
        clock,
        random,
        files,
        exec,
        network,
        logger,
        process: self,
        version: GIT_VERSION,
        nodeName,
        hostname: nodeName,
        nodeIps: [address],
        rootDir: flags["root-dir"],
        podLogsDir: flags["pod-log-dir"],
        containerLogsDir: join(flags["pod-log-dir"], "../containers"),
        port: flags.port,
        clusterDns: flags["cluster-dns"],
        clusterDomain: flags["cluster-domain"],
        resolvConf: flags["resolv-conf"],
        maxPods: flags["max-pods"],
        cgroupRoot: flags["cgroup-root"],
        nodeLabels: Object.fromEntries(flags["node-labels"].map(splitLabel)),
        registerNode: flags["register-node"],
        nodeStatusUpdateFrequency: flags["node-status-update-frequency"],
      });
      try {
        const server = await startKubeletServer({
          network,
          clock,
          files,
          logger,
          runtime,
          pods: kubelet.podAccess,
          access: webhookAccess({ client, clock }),
          metrics: metricsRegistry(),
          nodeName,
          rootDir: flags["root-dir"],
          port: flags.port,
          certificate: {
            cert: await files.readFile(flags["tls-cert-file"], "utf8"),
            key: await files.readFile(flags["tls-private-key-file"], "utf8"),
          },
          ...(flags["client-ca-file"] ? { clientCa: await files.readFile(flags["client-ca-file"], "utf8") } : {}),
          unhealthy: kubelet.healthy,
        });
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          else signal.addEventListener("abort", () => resolve(), { once: true });
        });
        await server.close();
      } finally {
        await kubelet.stop();
        await runtime.close();
        await transport.close();
      }
    },
  });
}

function splitLabel(label: string): [string, string] {
  const equals = label.indexOf("=");
  if (equals < 1) throw new UserError(`--node-labels takes key=value, not ${label}`);
  return [label.slice(0, equals), label.slice(equals + 1)];
}
