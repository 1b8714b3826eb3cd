import type { UserInfo } from "../api/user.ts";
import type { Logger } from "../base/logger.ts";
import type { Machine } from "../base/machine.ts";
import type { Client } from "../client/client.ts";
import { startControllerManager } from "../controllers/manager.ts";
import type { ControllerSettings } from "../controllers/settings.ts";

export interface ControllerManagerContext extends Pick<Machine, "clock" | "random"> {
  /** The cluster's authority as PEM, for pods to know. */
  rootCa?: string;
  /** A client that acts as `user`. */
  asUser(user: UserInfo, userAgent: string): Client;
  logger: Logger;
  /** As `--controllers`. Default: all that are on by default. */
  names?: readonly string[];
  settings?: Partial<ControllerSettings>;
  /** Called when the controllers are at work. */
  onStarted?(): void;
}

const MANAGER: UserInfo = { name: "system:kube-controller-manager", groups: ["system:authenticated"] };

/** Runs the controllers in this process until `signal` is aborted, each with the rights of its own ServiceAccount. */
export async function runControllerManager(context: ControllerManagerContext, signal: AbortSignal): Promise<void> {
  const { clock, random, logger, asUser, rootCa } = context;
  const manager = startControllerManager({
    client: asUser(MANAGER, "kube-controller-manager"),
    clientFor: (account) => asUser(serviceAccountUser(account), `kube-controller-manager/${account}`),
    clock,
    random,
    logger,
    ...(context.names ? { controllers: context.names } : {}),
    settings: { ...context.settings, ...(rootCa ? { rootCa } : {}) },
  });
  const stop = () => void manager.stop().catch(() => {});
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  manager.started.then(
    () => {
      logger.info("controllers are at work");
      context.onStarted?.();
    },
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
