import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import type { EtcdConnection } from "./connection.ts";
import { leaseGrant } from "./schema.ts";

/** As upstream: one lease serves the writes of a minute (but at most 5% of its time), and at most so many. */
const REUSE_MS = 60_000;
const REUSE_SHARE = 0.05;
const REUSE_COUNT = 1000;

interface Lease {
  id: number;
  /** When it runs out, on the monotonic clock. */
  until: number;
  uses: number;
}

/**
 * Leases for entries with a time to live. As a lease costs etcd more than a key, entries written shortly after each
 * other share one, and live a little longer than asked for.
 */
export function leases(options: { connection: EtcdConnection; clock: Clock; random: Random }) {
  const { connection, clock, random } = options;
  const latest = new Map<number, Promise<Lease>>();

  const grant = async (ttlMs: number): Promise<Lease> => {
    const seconds = Math.ceil((ttlMs + reuseOf(ttlMs)) / 1000);
    const asked = clock.monotonic();
    // An id of our own choice, as one of etcd's may not be a number that JavaScript can hold.
    const id = 1 + Math.floor(random.next() * (Number.MAX_SAFE_INTEGER - 1));
    const answer = await connection.write(leaseGrant, { TTL: seconds, ID: id });
    if (answer.error) throw new Error(answer.error);
    return { id, until: asked + answer.TTL * 1000, uses: 0 };
  };

  return {
    /** The id of a lease that lasts for at least `ttlMs` from now. */
    async lease(ttlMs: number): Promise<number> {
      for (;;) {
        let found = latest.get(ttlMs);
        if (!found) {
          found = grant(ttlMs);
          latest.set(ttlMs, found);
          found.catch(() => latest.delete(ttlMs));
        }
        const granted = await found;
        if (granted.uses < REUSE_COUNT && clock.monotonic() + ttlMs <= granted.until) {
          granted.uses++;
          return granted.id;
        }
        if (latest.get(ttlMs) === found) latest.delete(ttlMs);
      }
    },
    /** etcd does not know a lease any more: somebody has revoked it. */
    forget: (ttlMs: number) => void latest.delete(ttlMs),
  };
}

const reuseOf = (ttlMs: number) => Math.max(1000, Math.min(REUSE_MS, ttlMs * REUSE_SHARE));
