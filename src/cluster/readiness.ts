import { leases, nodes } from "../api/resource-types.ts";
import { isNotFound } from "../api/status-error.ts";
import type { Node } from "../api/types/core.v1.ts";
import { deadline, sleep } from "../base/clock.ts";
import type { Machine } from "../base/machine.ts";
import { client as apiClient } from "../client/api-client.ts";
import { type Client, ConnectionError } from "../client/client.ts";
import { httpsTransport } from "../client/https-transport.ts";
import { resolvesName } from "../dns/probe.ts";
import type { ClusterCertificates } from "./certificates.ts";
import { CLUSTER_DOMAIN, type Cluster, DNS_PORT } from "./cluster.ts";

/** What waiting tells of its progress. */
export interface Progress {
  step(text: string): { done(outcome?: string): void; failed(): void };
}

export interface ReadinessOptions {
  machine: Machine;
  cluster: Cluster;
  certificates: ClusterCertificates;
  progress: Progress;
  /** When the node's process was started, in wall ms: what the node said before does not count. Absent: it was running. */
  nodeSince?: number;
  /** Rejects where waiting is of no use any more. */
  ended: Promise<unknown>;
}

/** How long each part may take to become ready. Generous: a slow disk or a busy machine is no failure. */
const READY_DEADLINE_MS = 90_000;
const POLL_MS = 15;

/** Resolves when the API is ready, the node is Ready and DNS answers. Rejects with what to do where one does not come. */
export async function waitUntilReady(options: ReadinessOptions): Promise<void> {
  const { machine, cluster, certificates, progress, ended, nodeSince } = options;
  const { clock, network } = machine;
  const transport = httpsTransport({
    network,
    clock,
    server: cluster.serverForHost,
    ca: certificates.authority,
    certificate: certificates.admin.certificate,
    key: certificates.admin.key,
  });
  const client = apiClient(transport, { userAgent: "knarr-up" });
  const wait = async (text: string, outcome: string, check: (signal: AbortSignal) => Promise<boolean>) => {
    const step = progress.step(text);
    const limit = deadline(clock, READY_DEADLINE_MS);
    try {
      const poll = async () => {
        while (!(await check(limit.signal))) await sleep(clock, POLL_MS, limit.signal);
      };
      await Promise.race([poll(), ended]);
      step.done(outcome);
    } catch (error) {
      step.failed();
      if (!limit.signal.aborted) throw error;
      throw new Error(
        `${text}: not after ${READY_DEADLINE_MS / 1000} s; see the logs with: knarr logs --name ${cluster.record.name}`,
      );
    } finally {
      limit.dispose();
    }
  };
  try {
    await wait("starting the control plane", `the API answers at ${cluster.serverForHost}`, () => apiReady(client));
    await wait("starting the node", `node ${cluster.node.name} is Ready`, (signal) =>
      nodeReady(client, cluster.node.name, nodeSince, signal),
    );
    await wait("starting DNS", "DNS answers", () =>
      resolvesName(
        { network, clock },
        { address: cluster.node.address, port: DNS_PORT },
        `kubernetes.default.svc.${CLUSTER_DOMAIN}`,
        cluster.plan.apiServiceAddress,
      ),
    );
  } finally {
    await transport.close();
  }
}

async function apiReady(client: Client): Promise<boolean> {
  try {
    await client.raw("/readyz");
    return true;
  } catch (error) {
    if (error instanceof ConnectionError) return false;
    if ((error as { code?: number }).code === 500 || (error as { code?: number }).code === 503) return false;
    throw error;
  }
}

const isReady = (node: Node) =>
  node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;

async function nodeReady(
  client: Client,
  name: string,
  since: number | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const node = await unlessAbsent(client.resource(nodes).get(name));
  if (node && isReady(node)) return since === undefined || (await hasRenewed(client, name, since));
  // Woken by the change itself; a cut watch just leads to another look.
  const watch = client.resource(nodes).watch({ fieldSelector: `metadata.name=${name}`, timeoutSeconds: 10, signal });
  for await (const event of watch) {
    if ((event.type === "ADDED" || event.type === "MODIFIED") && isReady(event.object)) break;
  }
  return false;
}

/** Whether the kubelet has renewed its lease since: a node that went away stays Ready for a while. */
async function hasRenewed(client: Client, name: string, since: number): Promise<boolean> {
  const lease = await unlessAbsent(client.resource(leases).get(name, "kube-node-lease"));
  return lease?.spec?.renewTime !== undefined && Date.parse(lease.spec.renewTime) >= since;
}

async function unlessAbsent<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
