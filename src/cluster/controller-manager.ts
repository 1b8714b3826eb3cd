import type { UserInfo } from "../api/user.ts";
import type { Logger } from "../base/logger.ts";
import type { Machine } from "../base/machine.ts";
import type { Client } from "../client/client.ts";
import { startControllerManager } from "../controllers/manager.ts";
import type { ClusterCertificates } from "./certificates.ts";

export interface ControllerManagerContext extends Pick<Machine, "clock" | "random"> {
  certificates: ClusterCertificates;
  /** A client that acts as `user`. */
  asUser(user: UserInfo, userAgent: string): Client;
  logger: Logger;
}

const MANAGER: UserInfo = { name: "system:kube-controller-manager", groups: ["system:authenticated"] };

/** Runs the controllers in this process until `signal` is aborted, each with the rights of its own ServiceAccount. */
export async function runControllerManager(context: ControllerManagerContext, signal: AbortSignal): Promise<void> {
  const { clock, random, logger, asUser, certificates } = context;
  const manager = startControllerManager({
    client: asUser(MANAGER, "kube-controller-manager"),
    clientFor: (account) => asUser(serviceAccountUser(account), `kube-controller-manager/${account}`),
    clock,
    random,
    logger,
    settings: { rootCa: certificates.authority },
  });
  const stop = () => void manager.stop().catch(() => {});
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  manager.started.then(
    () => logger.info("controllers are at work"),
    () => {},
  );
  await manager.done;
}

function serviceAccountUser(name: string): UserInfo {
  return {
    name: `system:serviceaccount:kube-system:${name}`,
    groups: ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
  };
}
