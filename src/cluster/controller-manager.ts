import type { UserInfo } from "../api/user.ts";
import type { Logger } from "../base/logger.ts";
import type { Machine } from "../base/machine.ts";
import type { Client } from "../client/client.ts";
import type { ClusterCertificates } from "./certificates.ts";
import type { Cluster } from "./cluster.ts";

export interface ManagerContext {
  machine: Machine;
  cluster: Cluster;
  certificates: ClusterCertificates;
  asUser(user: UserInfo, userAgent: string): Client;
  identity: string;
  logger: Logger;
}

export async function runManager(_context: ManagerContext, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
}
