import { hostname } from "node:os";
import type { UserInfo } from "../api/user.ts";
import { servedApi } from "../apiserver/served-api.ts";
import { createApiServer } from "../apiserver/server.ts";
import { COMPACTION_INTERVAL_MS } from "../apiserver/store-flags.ts";
import { sleep } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Machine } from "../base/machine.ts";
import { client as apiClient } from "../client/api-client.ts";
import { schedulerFlags } from "../scheduler/options.ts";
import { runScheduler } from "../scheduler/run.ts";
import type { Store } from "../store/store.ts";
import { clusterAddons } from "./addons.ts";
import { FRONT_PROXY } from "./certificates.ts";
import type { Cluster } from "./cluster.ts";
import { runControllerManager } from "./controller-manager.ts";
import { readDescriptions } from "./descriptions.ts";
import { defaultValues } from "./flag-defaults.ts";
import { SIMULATOR, simulatorRole } from "./simulator-role.ts";
import { openStore } from "./store.ts";

const SCHEDULER: UserInfo = { name: "system:kube-scheduler", groups: ["system:authenticated"] };
/** How long the address on the nodes' network is waited for. */
const ADDRESS_WAIT_MS = 10_000;
const ADDRESS_POLL_MS = 10;
/** As the components' own processes do: one holder of each lease. */
const ELECTION_OFF = { "leader-elect": false } as const;

/**
 * Runs the control plane of a cluster in this process until `signal` is aborted: store, API server, controllers and
 * scheduler, which call the server in-process as the users that they are. `logger` names the component of each line.
 */
export async function runControlPlane(
  machine: Machine,
  cluster: Cluster,
  logger: (component: string) => Logger,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, network, files } = machine;
  const { record, plan } = cluster;
  const certificates = await cluster.certificates();
  const [serviceAccountKey, authorityKey, store] = await Promise.all([
    files.readFile(certificates.serviceAccountKeyFile, "utf8"),
    files.readFile(certificates.authorityKeyFile, "utf8"),
    openStore(
      { place: cluster.store, compactionIntervalMs: COMPACTION_INTERVAL_MS },
      { ...machine, logger: logger("store") },
    ),
  ]);
  const issuer = "https://kubernetes.default.svc.cluster.local";
  const server = createApiServer({
    store,
    clock,
    random,
    network,
    logger: logger("kube-apiserver"),
    hostname: hostname(),
    externalAddress: `${cluster.apiAddresses[1]}:${record.apiPort}`,
    security: {
      serviceAccounts: { issuers: [issuer], signingKey: serviceAccountKey },
      requestHeader: {
        ca: certificates.frontProxyAuthority,
        allowedNames: [FRONT_PROXY],
        usernameHeaders: ["X-Remote-User"],
        uidHeaders: ["X-Remote-Uid"],
        groupHeaders: ["X-Remote-Group"],
        extraHeaderPrefixes: ["X-Remote-Extra-"],
      },
    },
    descriptions: () => readDescriptions(files),
    ...servedApi(record.servedApi ?? {}),
    kubeletClient: {
      certificate: certificates.kubeletClient.certificate,
      key: certificates.kubeletClient.key,
      ca: certificates.authority,
    },
    proxyClient: certificates.frontProxyClient,
    clientCa: certificates.authority,
    serviceClusterIpRanges: [plan.serviceCidr],
    advertise: { address: cluster.apiAddresses[1]!, port: record.apiPort },
    // Without it a kubelet could write other nodes and their pods.
    admissionPlugins: { enable: ["NodeRestriction"] },
    postStartHooks: [clusterAddons(cluster), ...(record.simulateNodes ? [simulatorRole] : [])],
  });
  const listen = async (host: string) => {
    const giveUp = clock.monotonic() + ADDRESS_WAIT_MS;
    for (;;) {
      try {
        return await server.listen({
          host,
          port: record.apiPort,
          certificate: certificates.apiserver.certificate,
          key: certificates.apiserver.key,
          clientCa: certificates.authority,
          requestHeaderCa: certificates.frontProxyAuthority,
        });
      } catch (error) {
        // The nodes' network is put in place while this process starts.
        const absent = (error as NodeJS.ErrnoException).code === "EADDRNOTAVAIL";
        if (!absent || clock.monotonic() > giveUp) throw error;
        await sleep(clock, ADDRESS_POLL_MS, signal);
      }
    }
  };
  let storeService: { stop(): Promise<void> } | undefined;
  try {
    await Promise.all([...new Set(cluster.apiAddresses)].map(listen));
    logger("kube-apiserver").info("serving", { addresses: cluster.apiAddresses.join(","), port: record.apiPort });
    // Before the bootstrap roles are there, the components would only be turned away.
    await Promise.race([server.ready, aborted(signal)]);
    if (signal.aborted) return;
    // An embedded store can be opened by one process only; etcd can be asked by others itself.
    if ("directory" in cluster.store) storeService = await serveStore(machine, cluster, store, logger("store"));
    const identity = `${hostname()}_${random.uuid()}`;
    const asUser = (user: UserInfo, userAgent: string) => apiClient(server.transport(user), { userAgent, clock });
    const failed = new AbortController();
    const until = AbortSignal.any([signal, failed.signal]);
    const watchOver = (run: Promise<void>) =>
      run.catch((error) => {
        if (!until.aborted) failed.abort(error);
      });
    const playNodes = async (nodes: number) => {
      if (nodes === 0) return;
      const { chooseLives, runSimulator } = await import("../simulator/run.ts");
      const client = asUser(SIMULATOR, "kubelet");
      const simulated = { nodes, namePrefix: "simulated-", stages: chooseLives("realistic"), keep: true };
      await runSimulator({ clock, random, client, logger: logger("simulator"), ...simulated }, until);
    };
    await Promise.all([
      watchOver(
        runScheduler(
          {
            clock,
            random,
            client: asUser(SCHEDULER, "kube-scheduler"),
            logger: logger("kube-scheduler"),
            identity,
            flags: { ...defaultValues(schedulerFlags), ...ELECTION_OFF },
          },
          until,
        ),
      ),
      watchOver(
        runControllerManager(
          {
            clock,
            random,
            rootCa: certificates.authority,
            settings: {
              clusterSigning: { certificate: certificates.authority, key: authorityKey },
              serviceAccountPrivateKey: serviceAccountKey,
            },
            asUser,
            logger: logger("kube-controller-manager"),
          },
          until,
        ),
      ),
      watchOver(playNodes(record.simulateNodes ?? 0)),
    ]);
    if (failed.signal.aborted) throw failed.signal.reason;
  } finally {
    await storeService?.stop();
    await server.close();
    await store.close();
  }
}

async function serveStore(machine: Machine, cluster: Cluster, store: Store, logger: Logger) {
  const [{ serveStoreOperations, storeSocket }, { storeOperations }] = await Promise.all([
    import("./store-service.ts"),
    import("./store-operations.ts"),
  ]);
  const operations = storeOperations(store, machine.clock);
  return serveStoreOperations(operations, storeSocket(cluster.layout), { ...machine, logger });
}

/** Resolves when `signal` is aborted. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
