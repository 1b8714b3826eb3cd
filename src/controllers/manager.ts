import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import type { Client } from "../client/client.ts";
import { eventRecorder } from "../client/event-broadcaster.ts";
import { informerFactory } from "../client/informer-factory.ts";
import { type LeaderElectionOptions, leadWithLease } from "../client/leader-election.ts";
import { allControllers } from "./all-controllers.ts";
import type { ControllerContext, ControllerDefinition } from "./controller.ts";
import { type ControllerSettings, defaultSettings } from "./settings.ts";

export interface ControllerManagerOptions {
  /** Watches for all controllers, and works for those that `clientFor` gives no client of their own. */
  client: Client;
  /** A client with the rights of a ServiceAccount in kube-system: `deployment-controller`. Default: `client`. */
  clientFor?(serviceAccount: string): Client;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** As `--controllers`: `*` for all that are on by default, `name` to add one, `-name` to leave one out. Default `["*"]`. */
  controllers?: readonly string[];
  settings?: Partial<ControllerSettings>;
  /** Work only while holding the lease kube-system/kube-controller-manager. Absent: work at once. */
  leaderElection?: Pick<LeaderElectionOptions, "identity" | "leaseDurationMs" | "renewDeadlineMs" | "retryPeriodMs"> & {
    namespace?: string;
    name?: string;
  };
  onReconciled?: ControllerContext["onReconciled"];
}

export interface ControllerManager {
  /** Resolves when the controllers are at work: leading, caches filled. Rejects where they end before. */
  readonly started: Promise<void>;
  /** Resolves when all have stopped after `stop`; rejects where they ended by themselves (leadership lost). */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

/** Starts the controllers. Throws a TypeError for a name in `controllers` that there is not. */
export function startControllerManager(options: ControllerManagerOptions): ControllerManager {
  const selected = selectControllers(options.controllers ?? ["*"], options.logger);
  const stopping = new AbortController();
  const started = Promise.withResolvers<void>();
  const work = (signal: AbortSignal) => runControllers(options, selected, signal, started.resolve);
  const { leaderElection: election } = options;
  const done = election
    ? leadWithLease(
        { namespace: "kube-system", name: "kube-controller-manager", ...options, ...election },
        stopping.signal,
        work,
      )
    : work(stopping.signal);
  done.then(
    () => started.reject(new Error("the controller manager was stopped")),
    (error) => started.reject(error),
  );
  // Whoever does not wait for the start shall not be told of its end as an unhandled rejection.
  started.promise.catch(() => {});
  return {
    started: started.promise,
    done,
    async stop() {
      stopping.abort();
      await done;
    },
  };
}

/** Upstream's rule: a name said outright wins, `*` stands for all others that are on by default. */
export function selectControllers(
  wanted: readonly string[],
  logger: Logger,
  known: readonly ControllerDefinition[] = allControllers,
): ControllerDefinition[] {
  const resolve = (name: string): string => {
    const definition = known.find((one) => one.name === name || one.alias === name);
    if (!definition) throw new TypeError(`${JSON.stringify(name)} is not in the list of known controllers`);
    if (definition.name !== name) {
      logger.warn("a controller was named by its deprecated alias", { alias: name, name: definition.name });
    }
    return definition.name;
  };
  const star = wanted.includes("*");
  const verdicts = new Map<string, boolean>();
  for (const entry of wanted) {
    if (entry === "*") continue;
    const on = !entry.startsWith("-");
    const name = resolve(on ? entry : entry.slice(1));
    if (!verdicts.has(name)) verdicts.set(name, on);
  }
  return known.filter((definition) => verdicts.get(definition.name) ?? (star && !definition.offByDefault));
}

async function runControllers(
  options: ControllerManagerOptions,
  definitions: readonly ControllerDefinition[],
  outer: AbortSignal,
  onStarted: () => void,
): Promise<void> {
  // One controller that fails for good ends the others with it: half a manager would look like a whole one.
  const failed = new AbortController();
  const signal = AbortSignal.any([outer, failed.signal]);
  const { client, clock, random, logger } = options;
  const informers = informerFactory({ client, clock, random, logger });
  const settings = { ...defaultSettings, ...options.settings };
  const controllers = definitions.map((definition) => {
    const account = definition.serviceAccount ?? definition.name;
    const own = definition.asManager ? client : (options.clientFor?.(account) ?? client);
    return definition.create({
      client: own,
      informers,
      clock,
      random,
      logger,
      settings,
      recorder: (component) => eventRecorder({ client: own, clock, random, logger, component, signal }),
      ...(options.onReconciled ? { onReconciled: options.onReconciled } : {}),
    });
  });
  try {
    informers.start();
    await informers.synced(signal).catch((error) => {
      if (!signal.aborted) throw error;
    });
    if (signal.aborted) return;
    logger.info("controllers started", { count: controllers.length });
    onStarted();
    const runs = controllers.map((controller) => controller.run(signal));
    for (const run of runs) run.catch((error) => failed.abort(error));
    await Promise.allSettled(runs);
    await Promise.all(runs);
  } finally {
    await informers.stop();
  }
}
