import { leases } from "../api/resource-types.ts";
import { isAlreadyExists, isNotFound } from "../api/status-error.ts";
import type { Lease, LeaseSpec } from "../api/types/coordination.v1.ts";
import { type Clock, deadline, sleep } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import type { Client } from "./client.ts";
import { microTime } from "./timestamps.ts";

export interface LeaderElectionOptions {
  client: Client;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** The Lease that candidates compete for. */
  namespace: string;
  name: string;
  /** Unique to this candidate. */
  identity: string;
  /** How long the others wait after the last renewal that they saw. Default 15 s. */
  leaseDurationMs?: number;
  /** The leader gives up when it could not renew for so long. Default 10 s. */
  renewDeadlineMs?: number;
  /** Between two tries. Default 2 s. */
  retryPeriodMs?: number;
  /** Let the next candidate in at once when `signal` is aborted. Default true. */
  releaseOnCancel?: boolean;
  /** Told of each new leader, oneself included. */
  onNewLeader?(identity: string): void;
}

/** Waits between tries to become leader are stretched by up to this factor, so that candidates do not march in step. */
const JITTER = 1.2;

/**
 * Waits until this candidate leads, then runs `lead` with a signal that is aborted when leadership ends. Resolves when
 * `lead` has ended after `signal` was aborted; rejects with LeadershipLostError when the lease could not be renewed.
 * Client-go's rules: only time by one's own clock since one last saw the lease change counts, so clocks may differ.
 */
export async function leadWithLease(
  options: LeaderElectionOptions,
  signal: AbortSignal,
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { clock, random, logger, identity } = options;
  const retryPeriodMs = options.retryPeriodMs ?? 2000;
  const renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
  const candidate = leaseCandidate(options);

  while (!(await candidate.tryOnce(signal).catch(logFailure(logger)))) {
    if (signal.aborted) return;
    await sleep(clock, retryPeriodMs * (1 + random.next() * JITTER), signal).catch(() => {});
    if (signal.aborted) return;
  }
  logger.info("became leader", { lease: `${options.namespace}/${options.name}`, identity });

  const leading = new AbortController();
  const stop = () => leading.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  let lost: LeadershipLostError | undefined;
  const renew = async () => {
    let renewed = clock.monotonic();
    while (!leading.signal.aborted) {
      await sleep(clock, retryPeriodMs, leading.signal).catch(() => {});
      if (leading.signal.aborted) return;
      const left = renewed + renewDeadlineMs - clock.monotonic();
      const limit = deadline(clock, Math.max(0, left), leading.signal);
      const held = await candidate.tryOnce(limit.signal).catch(logFailure(logger));
      limit.dispose();
      if (held) renewed = clock.monotonic();
      else if (candidate.holder !== identity || clock.monotonic() - renewed >= renewDeadlineMs) {
        if (leading.signal.aborted) return;
        lost = new LeadershipLostError(`lost the lease ${options.namespace}/${options.name}`);
        leading.abort(lost);
      }
    }
  };
  const renewing = renew();
  try {
    await lead(leading.signal);
  } finally {
    signal.removeEventListener("abort", stop);
    leading.abort();
    await renewing;
    if (!lost && options.releaseOnCancel !== false) await candidate.release().catch(logFailure(logger));
  }
  if (lost) throw lost;
}

/** The lease could not be renewed in time: another may lead now, so whatever was led must end. */
export class LeadershipLostError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "LeadershipLostError";
  }
}

const logFailure = (logger: Logger) => (error: unknown) => {
  logger.debug("cannot take or renew the lease", { error });
  return false;
};

function leaseCandidate(options: LeaderElectionOptions) {
  const { client, clock, namespace, name, identity, leaseDurationMs = 15_000 } = options;
  const resource = client.resource(leases);
  let observed: Lease | undefined;
  let observedAt = 0;
  let reported: string | undefined;

  const observe = (lease: Lease) => {
    if (JSON.stringify(lease.spec) !== JSON.stringify(observed?.spec)) observedAt = clock.monotonic();
    observed = lease;
    const holder = lease.spec?.holderIdentity ?? "";
    if (holder !== reported) {
      reported = holder;
      if (holder) options.onNewLeader?.(holder);
    }
  };
  const spec = (old: LeaseSpec | undefined): LeaseSpec => {
    const now = microTime(clock.now());
    const mine = old?.holderIdentity === identity;
    return {
      ...old,
      holderIdentity: identity,
      leaseDurationSeconds: Math.round(leaseDurationMs / 1000),
      acquireTime: mine ? old.acquireTime : now,
      renewTime: now,
      leaseTransitions: old ? (old.leaseTransitions ?? 0) + (mine ? 0 : 1) : 0,
    };
  };
  const heldByOther = (): boolean => {
    const holder = observed?.spec?.holderIdentity;
    if (!holder || holder === identity) return false;
    const duration = (observed?.spec?.leaseDurationSeconds ?? leaseDurationMs / 1000) * 1000;
    return clock.monotonic() < observedAt + duration;
  };

  return {
    get holder() {
      return observed?.spec?.holderIdentity;
    },
    /** Whether the lease is ours after one try to get or renew it. */
    async tryOnce(signal: AbortSignal): Promise<boolean> {
      if (observed && !heldByOther() && observed.spec?.holderIdentity === identity) {
        // Leaders save the read: a conflict says that the lease has changed.
        try {
          observe(await resource.update({ ...observed, spec: spec(observed.spec) }, { signal }));
          return true;
        } catch (error) {
          if (signal.aborted) throw error;
        }
      }
      try {
        observe(await resource.get(name, namespace, { signal }));
      } catch (error) {
        if (!isNotFound(error)) throw error;
        try {
          observe(await resource.create({ metadata: { name, namespace }, spec: spec(undefined) }, { signal }));
          return true;
        } catch (failure) {
          if (isAlreadyExists(failure)) return false;
          throw failure;
        }
      }
      if (heldByOther()) return false;
      observe(await resource.update({ ...observed!, spec: spec(observed!.spec) }, { signal }));
      return true;
    },
    async release(): Promise<void> {
      if (observed?.spec?.holderIdentity !== identity) return;
      const now = microTime(clock.now());
      const released = {
        ...observed.spec,
        holderIdentity: "",
        leaseDurationSeconds: 1,
        acquireTime: now,
        renewTime: now,
      };
      const limit = deadline(clock, options.renewDeadlineMs ?? 10_000);
      try {
        observe(await resource.update({ ...observed, spec: released }, { signal: limit.signal }));
      } finally {
        limit.dispose();
      }
    },
  };
}
