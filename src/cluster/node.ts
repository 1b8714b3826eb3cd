import { join } from "node:path";
import { GIT_VERSION } from "../apiserver/version.ts";
import type { Logger } from "../base/logger.ts";
import type { Machine } from "../base/machine.ts";
import { metricsRegistry } from "../base/metrics.ts";
import { client as apiClient } from "../client/api-client.ts";
import { httpsTransport } from "../client/https-transport.ts";
import { informerFactory } from "../client/informer-factory.ts";
import { startDns } from "../dns/dns.ts";
import { forwarder, nameservers } from "../dns/forwarder.ts";
import { startKubelet } from "../kubelet/kubelet.ts";
import { criRuntime } from "../kubelet/runtimes/cri/cri.ts";
import { startKubeletServer } from "../kubelet/server/server.ts";
import { webhookAccess } from "../kubelet/server/webhook-access.ts";
import { nftables } from "../proxy/backends/nftables/nftables.ts";
import { proxyFlags } from "../proxy/options.ts";
import { runProxy } from "../proxy/run.ts";
import type { KeyedCertificate } from "./certificates.ts";
import { CLUSTER_DOMAIN, type Cluster, DNS_PORT } from "./cluster.ts";
import { PAUSE_IMAGE, startContainerd } from "./containerd.ts";
import { defaultValues } from "./flag-defaults.ts";
import { ensurePauseImage } from "./images/node-images.ts";
import { addHostNetwork, writePodNetwork } from "./network/pod-network.ts";

export interface NodeProcess {
  readonly pid: number;
  readonly arch: string;
}

const KUBELET_PORT = 10250;
const RESOLV_CONF = "/etc/resolv.conf";

/**
 * Runs a node of the cluster in this process, which is in the node's network namespace, until `signal` is aborted: containerd
 * under supervision, kubelet, kube-proxy and DNS. Containers and rules stay when it ends. `logger` names the component.
 */
export async function runNode(
  machine: Machine,
  cluster: Cluster,
  self: NodeProcess,
  logger: (component: string) => Logger,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, network, files, exec } = machine;
  const { layout, node, plan } = cluster;
  const undo: (() => Promise<void> | void)[] = [];
  // What runs on its own ends with the rest, whichever way that comes.
  const ending = new AbortController();
  const until = AbortSignal.any([signal, ending.signal]);
  try {
    await writePodNetwork(files, layout.cni, { podCidr: node.podCidr, dataDir: layout.run });
    if (cluster.record.onHost) await addHostNetwork(exec, files, plan);
    const certificates = await cluster.certificates();
    const identities = await certificates.node(node.name, node.address);

    const starting = startContainerd({
      machine,
      logger: logger("containerd"),
      dataDir: layout.containerdData,
      stateDir: layout.containerdState,
      logFile: cluster.logFile("containerd"),
      cniConfDir: layout.cni,
    });
    const connect = (identity: KeyedCertificate, userAgent: string) => {
      const transport = httpsTransport({
        network,
        clock,
        server: cluster.serverForNodes,
        ca: certificates.authority,
        certificate: identity.certificate,
        key: identity.key,
      });
      undo.push(() => transport.close());
      return apiClient(transport, { userAgent, clock });
    };

    // DNS and the proxy need no containerd: they come up beside it.
    const dnsInformers = informerFactory({
      client: connect(identities.dns, "knarr-dns"),
      clock,
      random,
      logger: logger("dns"),
    });
    const dns = await startDns({
      informers: dnsInformers,
      network,
      clock,
      random,
      logger: logger("dns"),
      forwarder: forwarder({ network, clock, random, upstreams: nameservers(await readText(machine, RESOLV_CONF)) }),
      domain: CLUSTER_DOMAIN,
      address: node.address,
      port: DNS_PORT,
    });
    undo.push(() => dns.stop());
    dnsInformers.start();
    undo.push(() => dnsInformers.stop());
    const proxyLogger = logger("kube-proxy");
    const proxying = runProxy(
      {
        clock,
        random,
        network,
        client: connect(identities.proxy, "kube-proxy"),
        logger: proxyLogger,
        backend: nftables({ exec, logger: proxyLogger, clusterCidr: plan.podCidr }),
        nodeName: node.name,
        flags: defaultValues(proxyFlags),
      },
      until,
    );
    proxying.catch((error) => proxyLogger.error("kube-proxy ended", { error }));

    const containerd = await starting;
    undo.push(() => containerd.release());
    await ensurePauseImage({ clock, random }, { socket: containerd.socket }, PAUSE_IMAGE);
    const kubeletLogger = logger("kubelet");
    const runtime = criRuntime({ endpoint: containerd.socket, clock, logger: kubeletLogger });
    undo.push(() => runtime.close());
    const client = connect(identities.kubelet, "kubelet");
    const kubelet = await startKubelet({
      client,
      runtime,
      clock,
      random,
      files,
      exec,
      network,
      logger: kubeletLogger,
      process: self,
      version: GIT_VERSION,
      nodeName: node.name,
      hostname: node.name,
      nodeIps: [node.address],
      rootDir: layout.kubelet,
      podLogsDir: join(layout.logs, "pods"),
      containerLogsDir: join(layout.logs, "containers"),
      port: KUBELET_PORT,
      clusterDns: [plan.dnsServiceAddress],
      clusterDomain: CLUSTER_DOMAIN,
      resolvConf: RESOLV_CONF,
      // Clusters side by side keep their pods' cgroups apart.
      cgroupRoot: `/knarr-${cluster.record.name}`,
    });
    undo.push(() => kubelet.stop());
    const server = await startKubeletServer({
      network,
      clock,
      files,
      logger: kubeletLogger,
      runtime,
      pods: kubelet.podAccess,
      access: webhookAccess({ client, clock }),
      metrics: metricsRegistry(),
      nodeName: node.name,
      rootDir: layout.kubelet,
      port: KUBELET_PORT,
      ...(cluster.record.onHost ? { address: node.address } : {}),
      certificate: { cert: identities.kubeletServing.certificate, key: identities.kubeletServing.key },
      clientCa: certificates.authority,
      unhealthy: kubelet.healthy,
    });
    undo.push(() => server.close());
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await proxying;
  } finally {
    ending.abort();
    for (const step of undo.reverse()) await step();
  }
}

async function readText({ files }: Machine, path: string): Promise<string> {
  return (await files.exists(path)) ? files.readFile(path, "utf8") : "";
}
