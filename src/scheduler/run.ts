import type { FlagValues } from "../base/flags.ts";
import type { Logger } from "../base/logger.ts";
import type { Machine } from "../base/machine.ts";
import type { Client } from "../client/client.ts";
import { eventRecorder } from "../client/event-broadcaster.ts";
import { informerFactory } from "../client/informer-factory.ts";
import { leadWithLease } from "../client/leader-election.ts";
import { leaderElectionSettings } from "../client/leader-election-flags.ts";
import type { schedulerFlags } from "./options.ts";
import { DEFAULT_SCHEDULER_NAME, scheduler } from "./scheduler.ts";

export interface RunSchedulerOptions extends Pick<Machine, "clock" | "random"> {
  client: Client;
  logger: Logger;
  /** Unique to this process among those that may lead. */
  identity: string;
  flags: Omit<FlagValues<typeof schedulerFlags>, "kubeconfig">;
}

/** Schedules (as the leader, where election is on) until `signal` is aborted; rejects where leadership is lost. */
export async function runScheduler(options: RunSchedulerOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, random, logger, flags } = options;
  const schedule = async (until: AbortSignal) => {
    const informers = informerFactory({ client, clock, random, logger });
    const recorder = eventRecorder({ client, clock, random, logger, component: DEFAULT_SCHEDULER_NAME, signal: until });
    const subject = scheduler({ client, informers, recorder, clock, random, logger });
    informers.start();
    try {
      await informers.synced(until);
      logger.info("scheduling");
      await subject.run(until);
    } catch (error) {
      if (!until.aborted) throw error;
    } finally {
      await informers.stop();
    }
  };
  if (!flags["leader-elect"]) return schedule(signal);
  const election = {
    client,
    clock,
    random,
    logger,
    identity: options.identity,
    ...leaderElectionSettings(flags),
  };
  await leadWithLease(election, signal, schedule);
}
