import { nodes } from "../api/resource-types.ts";
import type { Machine } from "../base/machine.ts";
import type { ProcessIdentity } from "../base/processes.ts";
import { client as apiClient } from "../client/api-client.ts";
import { httpsTransport } from "../client/https-transport.ts";
import { type Cluster, openCluster } from "./cluster.ts";
import { backgroundProcesses } from "./processes.ts";
import { readRecord } from "./record.ts";

export interface ComponentStatus {
  readonly name: string;
  /** The process that it runs in; several components share one. */
  readonly process: string;
  /** 0 where it does not run. */
  readonly pid: number;
  readonly state: "Running" | "Ready" | "NotReady" | "Stopped";
  /** Of the whole process, in bytes. */
  readonly residentBytes: number;
  readonly uptimeMs: number;
}

export interface ClusterStatus {
  readonly name: string;
  readonly server: string;
  readonly kubeconfig: string;
  readonly context: string;
  readonly dataDir: string;
  readonly nodeAddress: string;
  readonly components: readonly ComponentStatus[];
}

/** Which components run in which process; `logs` finds their lines by these names. */
export const COMPONENTS: readonly { name: string; process: "control-plane" | "node" | "containerd" }[] = [
  { name: "kube-apiserver", process: "control-plane" },
  { name: "kube-controller-manager", process: "control-plane" },
  { name: "kube-scheduler", process: "control-plane" },
  { name: "kubelet", process: "node" },
  { name: "kube-proxy", process: "node" },
  { name: "dns", process: "node" },
  { name: "containerd", process: "containerd" },
];

/** How long the API may take to say how it is, in ms. */
const HEALTH_TIMEOUT_MS = 2000;

/** Looks at each component of a cluster; undefined where there is no such cluster. */
export async function clusterStatus(machine: Machine, name: string): Promise<ClusterStatus | undefined> {
  const record = await readRecord(machine.files, name);
  if (!record) return undefined;
  const cluster = await openCluster(machine, record);
  const found: Record<string, ProcessIdentity | undefined> = {
    "control-plane": await cluster.processes.find("control-plane"),
    node: await cluster.processes.find("node"),
    containerd: await backgroundProcesses(machine, cluster.layout.containerdState).find("containerd"),
  };
  const health = found["control-plane"] ? await askApi(machine, cluster) : { api: false, node: false };
  const components = await Promise.all(
    COMPONENTS.map(async ({ name, process }): Promise<ComponentStatus> => {
      const identity = found[process];
      const usage = identity && (await machine.processes.usage(identity.pid));
      if (!usage) return { name, process, pid: 0, state: "Stopped", residentBytes: 0, uptimeMs: 0 };
      let state: ComponentStatus["state"] = "Running";
      if (name === "kube-apiserver") state = health.api ? "Ready" : "NotReady";
      if (name === "kubelet") state = health.node ? "Ready" : "NotReady";
      return {
        name,
        process,
        pid: identity.pid,
        state,
        residentBytes: usage.residentBytes,
        uptimeMs: Math.round(usage.ageMs),
      };
    }),
  );
  return {
    name,
    server: cluster.serverForHost,
    kubeconfig: record.kubeconfig,
    context: cluster.context,
    dataDir: cluster.layout.data,
    nodeAddress: cluster.node.address,
    components,
  };
}

async function askApi(machine: Machine, cluster: Cluster): Promise<{ api: boolean; node: boolean }> {
  const certificates = await cluster.certificates();
  const transport = httpsTransport({
    network: machine.network,
    clock: machine.clock,
    server: cluster.serverForHost,
    ca: certificates.authority,
    certificate: certificates.admin.certificate,
    key: certificates.admin.key,
  });
  const limit = new AbortController();
  const timer = machine.clock.after(HEALTH_TIMEOUT_MS, () => limit.abort());
  const client = apiClient(transport, { userAgent: "knarr-status" });
  const succeeds = async (ask: Promise<boolean>) => ask.catch(() => false);
  try {
    const [api, node] = await Promise.all([
      succeeds(client.raw("/readyz", { signal: limit.signal }).then(() => true)),
      succeeds(
        client
          .resource(nodes)
          .get(cluster.node.name, undefined, { signal: limit.signal })
          .then(
            (found) =>
              found.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false,
          ),
      ),
    ]);
    return { api, node };
  } finally {
    timer.cancel();
    await transport.close();
  }
}
