import type { Logger } from "../base/logger.ts";
import type { Machine } from "../base/machine.ts";
import { openCluster } from "./cluster.ts";
import { unmountBelow } from "./containerd/remains.ts";
import { removeContainerd } from "./containerd.ts";
import { exclusively } from "./exclusive.ts";
import { removeFromKubeconfig } from "./kubeconfig-file.ts";
import { checkName, layout } from "./layout.ts";
import { nodeNetwork } from "./network/node-network.ts";
import { removeHostNetwork } from "./network/pod-network.ts";
import { readRecord, removeRecord } from "./record.ts";

export interface DownOptions {
  name: string;
  /** Delete the data too. */
  purge: boolean;
  /** This process. */
  pid: number;
}

/** How long a process may take to stop by itself, in ms, before it is killed. */
const STOP_GRACE_MS = 10_000;

/**
 * Stops a cluster and takes away what it put on this machine: processes, containers, mounts, namespaces, links, routes, nft
 * tables. The data stays unless `purge`. False where there is no such cluster. Safe to repeat after a failure.
 */
export async function down(machine: Machine, logger: Logger, options: DownOptions): Promise<boolean> {
  checkName(options.name);
  const record = await readRecord(machine.files, options.name);
  if (!record) return false;
  const place = layout(record.name, record.dataDir);
  const removed = await exclusively(machine, place.run, options.pid, async () => {
    const cluster = await openCluster(machine, record);
    // The node first, so that no controller mourns pods which are only being switched off.
    await cluster.processes.stop("node", STOP_GRACE_MS);
    await cluster.processes.stop("control-plane", STOP_GRACE_MS);
    await removeContainerd({
      machine,
      logger,
      dataDir: place.containerdData,
      stateDir: place.containerdState,
      purge: options.purge,
      releaseNetwork: record.onHost,
      cgroupRoot: `/knarr-${record.name}`,
    });
    await unmountBelow(machine, [place.kubelet, place.run]);
    if (record.onHost) await removeHostNetwork(machine.exec);
    else
      await nodeNetwork({ exec: machine.exec, files: machine.files, name: record.name, plan: cluster.plan }).remove();
    await removeFromKubeconfig(machine.files, record.kubeconfig, cluster.context);
    if (options.purge) {
      await machine.files.rm(place.data, { recursive: true, force: true });
      await removeRecord(machine.files, record.name);
    }
    return true;
  });
  await machine.files.rm(place.run, { recursive: true, force: true });
  return removed;
}
