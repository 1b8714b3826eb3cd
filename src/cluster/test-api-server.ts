import type { UserInfo } from "../api/user.ts";
import type { apiServerFlags } from "../apiserver/options.ts";
import { runApiServer } from "../apiserver/run.ts";
import type { ApiServer } from "../apiserver/server.ts";
import type { FlagValues } from "../base/flags.ts";
import type { Logger } from "../base/logger.ts";
import type { Machine } from "../base/machine.ts";
import { client as apiClient } from "../client/api-client.ts";
import { schedulerFlags } from "../scheduler/options.ts";
import { memoryStore } from "../store/memory.ts";
import { runControllerManager } from "./controller-manager.ts";
import { readDescriptions } from "./descriptions.ts";
import { defaultValues } from "./flag-defaults.ts";
import { SIMULATOR, simulatorRole } from "./simulator-role.ts";

export interface TestApiServerOptions {
  machine: Machine;
  logger: Logger;
  flags: FlagValues<typeof apiServerFlags>;
  /** As `--controllers`; none where empty, as with envtest. */
  controllers: readonly string[];
  /** Simulated nodes, with the scheduler; 0: neither. */
  nodes: number;
}

const SCHEDULER: UserInfo = { name: "system:kube-scheduler", groups: ["system:authenticated"] };

/**
 * An API server for a test in another process: as kube-apiserver, but with its objects in memory; on request with the
 * controllers, the scheduler and simulated nodes of a whole cluster. Runs until `signal` is aborted.
 */
export async function runTestApiServer(options: TestApiServerOptions, signal: AbortSignal): Promise<void> {
  const { machine, logger, flags } = options;
  const failed = new AbortController();
  const until = AbortSignal.any([signal, failed.signal]);
  const parts: Promise<void>[] = [];
  const onServing = (server: ApiServer) => {
    const running = clusterParts(server, options, until);
    running.catch((error) => {
      if (!until.aborted) failed.abort(error);
    });
    parts.push(running);
  };
  await runApiServer(
    {
      ...machine,
      logger,
      flags,
      openStore: async () => memoryStore(),
      descriptions: () => readDescriptions(machine.files),
      advertised: false,
      soleServer: true,
      onServing,
    },
    until,
  );
  await Promise.allSettled(parts);
  if (failed.signal.aborted) throw failed.signal.reason;
}

/** Everything beside the server, each part as its own user. */
async function clusterParts(server: ApiServer, options: TestApiServerOptions, signal: AbortSignal): Promise<void> {
  const { machine, controllers, nodes, logger } = options;
  const { clock, random } = machine;
  if (controllers.length === 0 && nodes === 0) return;
  await server.ready;
  const asUser = (user: UserInfo, userAgent: string) =>
    apiClient(server.transport(user), { userAgent, clock, local: true });
  const runs: Promise<void>[] = [];
  if (controllers.length > 0) {
    const named = logger.with({}, "kube-controller-manager");
    runs.push(runControllerManager({ clock, random, asUser, logger: named, names: controllers }, signal));
  }
  if (nodes > 0) {
    const [{ chooseLives, runSimulator }, { runScheduler }] = await Promise.all([
      import("../simulator/run.ts"),
      import("../scheduler/run.ts"),
    ]);
    await simulatorRole.run(asUser({ name: "system:apiserver", groups: ["system:masters"] }, "kube-apiserver"), signal);
    const simulated = { nodes, namePrefix: "node-", stages: chooseLives("fast"), keep: true };
    const scheduler = { ...defaultValues(schedulerFlags), "leader-elect": false };
    runs.push(
      runSimulator({ clock, random, client: asUser(SIMULATOR, "kubelet"), logger, ...simulated }, signal),
      runScheduler(
        {
          clock,
          random,
          client: asUser(SCHEDULER, "kube-scheduler"),
          logger: logger.with({}, "kube-scheduler"),
          identity: "test",
          flags: scheduler,
        },
        signal,
      ),
    );
  }
  await Promise.all(runs);
}
