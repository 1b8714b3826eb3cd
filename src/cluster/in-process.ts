import type { UserInfo } from "../api/user.ts";
import { type ApiServer, type ApiServerOptions, createApiServer } from "../apiserver/server.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Network } from "../base/network.ts";
import type { Random } from "../base/random.ts";
import { client as apiClient } from "../client/api-client.ts";
import type { Client } from "../client/client.ts";
import type { Transport } from "../client/transport.ts";
import type { ControllerSettings } from "../controllers/settings.ts";
import { schedulerFlags } from "../scheduler/options.ts";
import { runScheduler } from "../scheduler/run.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "../simulator/simulator.ts";
import { memoryStore } from "../store/memory.ts";
import type { ListResult, Store } from "../store/store.ts";
import { runControllerManager } from "./controller-manager.ts";
import { defaultValues } from "./flag-defaults.ts";

/** The parts of a cluster that runs in one process, by upstream's names. */
export const IN_PROCESS_COMPONENTS = [
  "kube-apiserver",
  "kube-scheduler",
  "kube-controller-manager",
  "simulator",
] as const;
export type InProcessComponent = (typeof IN_PROCESS_COMPONENTS)[number];

export interface InProcessOptions {
  /** What each component is given; they may differ, so that clocks can be skewed and requests told apart. */
  clockFor(component: InProcessComponent): Clock;
  random: Random;
  loggerFor(component: InProcessComponent): Logger;
  /** Between each caller and the server. */
  between?(transport: Transport, caller: string): Transport;
  /** Needed to listen. */
  network?: Network;
  security: ApiServerOptions["security"];
  server?: Partial<
    Pick<ApiServerOptions, "admissionPlugins" | "eventTtlMs" | "serviceClusterIpRanges" | "clientCa" | "freeze">
  >;
  controllers?: { names?: readonly string[]; settings?: Partial<ControllerSettings> };
  simulator: Pick<SimulatorOptions, "stages" | "plays" | "leaseDurationSeconds">;
  /** What the store holds at first. */
  contents?: Pick<ListResult, "entries" | "revision">;
}

/** A control plane and simulated nodes in this process, over a store in memory. */
export interface InProcess {
  readonly store: Store;
  /** The server as it is now: a crash puts another one in its place. */
  readonly server: ApiServer;
  readonly simulator: Simulator;
  /** A way in that outlives crashes of the server. */
  transport(user: UserInfo, caller: string): Transport;
  client(user: UserInfo, userAgent: string): Client;
  /** Starts a component. Resolves when it is at work. */
  start(component: InProcessComponent): Promise<void>;
  /** Stops a component as if it had died: what it was about is left undone. */
  kill(component: InProcessComponent): Promise<void>;
  stop(): Promise<void>;
}

const SCHEDULER: UserInfo = { name: "system:kube-scheduler", groups: ["system:authenticated"] };
/** Stands for all kubelets, their machines, and whoever adds nodes. */
const SIMULATOR: UserInfo = { name: "system:knarr-simulator", groups: ["system:masters", "system:authenticated"] };

interface Running {
  /** Resolves when it is at work; rejects where it ends before. */
  readonly started: Promise<void>;
  stop(): Promise<void>;
}

/** Puts the parts together; none of them runs before `start`. */
export function inProcess(options: InProcessOptions): InProcess {
  const { random, between = (transport: Transport) => transport } = options;
  const store = memoryStore(options.contents ? { contents: options.contents } : {});
  const running = new Map<InProcessComponent, Running>();
  let server: ApiServer | undefined;
  let simulator: Simulator | undefined;

  const present = (): ApiServer => {
    if (!server) throw new Error("the API server is not running: start it first");
    return server;
  };
  const transport = (user: UserInfo, caller: string): Transport => {
    const direct: Transport = {
      request: (request) => present().transport(user).request(request),
      close: async () => {},
    };
    return between(direct, caller);
  };
  const clientOf = (user: UserInfo, userAgent: string, component?: InProcessComponent): Client =>
    apiClient(transport(user, userAgent), {
      userAgent,
      local: true,
      clock: options.clockFor(component ?? "kube-apiserver"),
    });

  const starts: Record<InProcessComponent, () => Running> = {
    "kube-apiserver"() {
      const clock = options.clockFor("kube-apiserver");
      server = createApiServer({
        ...options.server,
        ...(options.network ? { network: options.network } : {}),
        store,
        soleServer: true,
        clock,
        random,
        logger: options.loggerFor("kube-apiserver"),
        security: options.security,
        externalAddress: "127.0.0.1:6443",
      });
      const made = server;
      return {
        started: made.ready,
        async stop() {
          await made.close(0);
          if (server === made) server = undefined;
        },
      };
    },
    "kube-scheduler"() {
      const ending = new AbortController();
      const done = runScheduler(
        {
          clock: options.clockFor("kube-scheduler"),
          random,
          client: clientOf(SCHEDULER, "kube-scheduler", "kube-scheduler"),
          logger: options.loggerFor("kube-scheduler"),
          identity: "kube-scheduler",
          flags: { ...defaultValues(schedulerFlags), "leader-elect": false },
        },
        ending.signal,
      );
      return endedBy(ending, done, Promise.resolve());
    },
    "kube-controller-manager"() {
      const ending = new AbortController();
      const started = Promise.withResolvers<void>();
      const done = runControllerManager(
        {
          clock: options.clockFor("kube-controller-manager"),
          random,
          ...(options.server?.clientCa ? { rootCa: options.server.clientCa } : {}),
          asUser: (user, userAgent) => clientOf(user, userAgent, "kube-controller-manager"),
          logger: options.loggerFor("kube-controller-manager"),
          ...options.controllers,
          settings: {
            serviceAccountPrivateKey: options.security.serviceAccounts.signingKey.toString(),
            ...options.controllers?.settings,
          },
          onStarted: started.resolve,
        },
        ending.signal,
      );
      return endedBy(ending, done, started.promise);
    },
    simulator() {
      simulator = startSimulator({
        ...options.simulator,
        clock: options.clockFor("simulator"),
        random,
        logger: options.loggerFor("simulator"),
        client: clientOf(SIMULATOR, "kubelet", "simulator"),
      });
      return simulator;
    },
  };

  return {
    store,
    get server() {
      return present();
    },
    get simulator() {
      if (!simulator) throw new Error("the simulator is not running: start it first");
      return simulator;
    },
    transport,
    client: clientOf,
    async start(component) {
      if (running.has(component)) throw new Error(`${component} is running already`);
      const started = starts[component]();
      running.set(component, started);
      await started.started;
    },
    async kill(component) {
      const one = running.get(component);
      if (!one) throw new Error(`${component} is not running`);
      running.delete(component);
      await one.stop();
    },
    async stop() {
      const order: readonly InProcessComponent[] = [...IN_PROCESS_COMPONENTS].reverse();
      const present = order.flatMap((component) => running.get(component) ?? []);
      running.clear();
      // The server last: it ends what the others still ask of it.
      for (const one of present) await one.stop();
      await store.close();
    },
  };
}

/** A component that ends when `ending` is aborted. A failure before that is reported when it is stopped. */
function endedBy(ending: AbortController, done: Promise<void>, atWork: Promise<void>): Running {
  done.catch(() => {});
  const started = Promise.race([
    atWork,
    done.then(() => {
      throw new Error("the component was stopped before it was at work");
    }),
  ]);
  started.catch(() => {});
  return {
    started,
    async stop() {
      ending.abort();
      await done;
    },
  };
}
