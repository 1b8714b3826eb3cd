import type { Endpoints } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Store } from "../../store/store.ts";

/** Where upstream keeps them: one entry for each API server, by the address that it advertises. */
const PREFIX = "/registry/masterleases/";
/** As upstream: after so long without a renewal a server counts as gone. */
const LEASE_MS = 15_000;

/**
 * Which API servers are alive, as they tell each other through the store. A store that keeps time removes the entries of
 * those that fell silent; elsewhere each server judges by its own clock, from when it saw an entry change last.
 */
export interface MasterLeases {
  /** Says that `address` is alive. */
  renew(address: string): Promise<void>;
  remove(address: string): Promise<void>;
  /** The addresses of those alive, sorted. */
  list(): Promise<string[]>;
}

export function masterLeases(store: Store, clock: Clock): MasterLeases {
  const seen = new Map<string, { revision: number; since: number }>();
  const swap = async (address: string, change: (present: Endpoints | undefined) => Endpoints | null) => {
    const key = PREFIX + address;
    let { entry } = await store.get(key);
    for (;;) {
      const wanted = change(entry && decode(entry.value));
      const value = wanted && Buffer.from(JSON.stringify(wanted));
      const options = value && store.expires ? { timeToLiveMs: LEASE_MS } : {};
      const result = await store.compareAndSwap(key, entry?.modRevision ?? 0, value, options);
      if (result.swapped) return;
      entry = result.current;
    }
  };
  return {
    renew: (address) =>
      swap(address, (present) => ({
        kind: "Endpoints",
        apiVersion: "v1",
        metadata: { generation: (present?.metadata?.generation ?? 0) + 1 },
        subsets: [{ addresses: [{ ip: address }] }],
      })),
    remove: (address) => swap(address, () => null),
    async list() {
      const { entries } = await store.list(PREFIX);
      const now = clock.monotonic();
      const alive: string[] = [];
      for (const { key, modRevision, value } of entries) {
        const known = seen.get(key);
        const since = known?.revision === modRevision ? known.since : now;
        seen.set(key, { revision: modRevision, since });
        if (now - since < LEASE_MS) {
          const address = decode(value).subsets?.[0]?.addresses?.[0]?.ip;
          if (address) alive.push(address);
        } else if (!store.expires) {
          // Whoever renews it meanwhile is alive.
          const { swapped } = await store.compareAndSwap(key, modRevision, null);
          if (swapped) seen.delete(key);
        }
      }
      return alive.sort();
    },
  };
}

const decode = (value: Uint8Array): Endpoints => JSON.parse(Buffer.from(value).toString("utf8"));
