import type { Random } from "../../base/random.ts";
import type { Store } from "../../store/store.ts";
import {
  decodeAllocation,
  encodeAllocation,
  freePort,
  type PortAllocation,
  type PortRange,
  showPortRange,
} from "./port-allocation.ts";

/** Where upstream keeps it. */
const KEY = "/registry/ranges/servicenodeports";

/** What one caller does to the ports that are taken; it must not change anything where it throws. */
type Edit<T> = (taken: Set<number>) => T;

interface PendingEdit {
  edit: Edit<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** What a Service wants of the ports: numbers that it chose, `undefined` for any. */
export type WantedPort = number | undefined;

/** Why the port at `index` of what was wanted can't be had, in upstream's words. */
export class PortError extends Error {
  readonly index: number;
  constructor(index: number, message: string) {
    super(message);
    this.name = "PortError";
    this.index = index;
  }
}

/**
 * The node ports of the cluster, in one entry of the store that all servers change by compare-and-swap. Edits that come
 * while a swap is under way go together into the next one.
 */
export class NodePorts {
  readonly range: PortRange;
  readonly #store: Store;
  readonly #random: Random;
  /** The ports of the stored Services, for a store that has no entry yet, or one of another range. */
  readonly #inUse: () => Promise<Iterable<number>>;
  /** What was stored last, as far as this server knows; it may be outdated, which the next swap finds out. */
  #known: { revision: number; allocation: PortAllocation } | undefined;
  #queue: PendingEdit[] = [];
  #working = false;

  constructor(options: { range: PortRange; store: Store; random: Random; inUse: () => Promise<Iterable<number>> }) {
    this.range = options.range;
    this.#store = options.store;
    this.#random = options.random;
    this.#inUse = options.inUse;
  }

  /** Takes all that is wanted, or nothing. Throws a PortError. */
  take(wanted: readonly WantedPort[]): Promise<number[]> {
    return this.edit((taken) => {
      const any = (all: ReadonlySet<number>) => freePort(this.range, all, this.#random.next());
      const result = this.#choose(wanted, taken, any);
      for (const port of result) taken.add(port);
      return result;
    });
  }

  /** What `take` would say; numbers that were not chosen are made up, as upstream's. */
  async pretend(wanted: readonly WantedPort[]): Promise<number[]> {
    const { taken } = (await this.#read()).allocation;
    let madeUp = MADE_UP;
    return this.#choose(wanted, taken, () => ++madeUp);
  }

  /** What is taken now, by whichever server. */
  async taken(): Promise<ReadonlySet<number>> {
    this.#known = undefined;
    return (await this.#read()).allocation.taken;
  }

  release(ports: readonly number[]): Promise<void> {
    if (ports.length === 0) return Promise.resolve();
    return this.edit((taken) => {
      for (const port of ports) taken.delete(port);
    });
  }

  /** Changes what is taken, once it is known; may be called again where another server was faster. */
  edit<T>(edit: Edit<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ edit, resolve: resolve as (value: unknown) => void, reject });
      if (!this.#working) void this.#work();
    });
  }

  #choose(
    wanted: readonly WantedPort[],
    taken: ReadonlySet<number>,
    any: (taken: ReadonlySet<number>) => number | undefined,
  ): number[] {
    const { range } = this;
    const all = new Set(taken);
    const choose = (index: number, port: number | undefined, problem: string): number => {
      if (port === undefined || all.has(port)) throw new PortError(index, problem);
      all.add(port);
      return port;
    };
    // Those that were chosen first, so that none of them is given away.
    const result = wanted.map((port, index) => {
      if (port !== undefined && (port < range.first || port > range.last)) {
        const valid = `The range of valid ports is ${showPortRange(range)}`;
        throw new PortError(index, `provided port is not in the valid range. ${valid}`);
      }
      return port === undefined ? undefined : choose(index, port, "provided port is already allocated");
    });
    return result.map((port, index) => port ?? choose(index, any(all), "range is full"));
  }

  async #work(): Promise<void> {
    this.#working = true;
    // Not at once, so that what comes in the same turn goes together.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      try {
        await this.#commit(batch);
      } catch (error) {
        this.#known = undefined;
        for (const one of batch) one.reject(error);
      }
    }
    this.#working = false;
  }

  async #commit(batch: readonly PendingEdit[]): Promise<void> {
    for (;;) {
      const { revision, allocation } = await this.#read();
      const taken = new Set(allocation.taken);
      const settled = batch.map(({ edit, resolve, reject }) => {
        try {
          const value = edit(taken);
          return () => resolve(value);
        } catch (error) {
          return () => reject(error);
        }
      });
      const next: PortAllocation = { range: this.range, taken };
      if (revision > 0 && same(taken, allocation.taken)) {
        // Nothing to write; but what was refused may have been so by outdated knowledge.
        const { entry } = await this.#store.get(KEY);
        if (entry?.modRevision === revision) {
          for (const settle of settled) settle();
          return;
        }
        this.#known = undefined;
        continue;
      }
      const result = await this.#store.compareAndSwap(KEY, revision, encodeAllocation(next));
      if (result.swapped) {
        this.#known = { revision: result.revision, allocation: next };
        for (const settle of settled) settle();
        return;
      }
      this.#known = undefined;
    }
  }

  async #read(): Promise<{ revision: number; allocation: PortAllocation }> {
    if (this.#known) return this.#known;
    const { entry } = await this.#store.get(KEY);
    const stored = entry && decodeAllocation(entry.value, this.range);
    if (stored) {
      this.#known = { revision: entry.modRevision, allocation: stored };
      return this.#known;
    }
    const { first, last } = this.range;
    const taken = new Set([...(await this.#inUse())].filter((port) => port >= first && port <= last));
    // Not remembered: another server may be at the same.
    return { revision: entry?.modRevision ?? 0, allocation: { range: this.range, taken } };
  }
}

/** Upstream's guess at a port for a dry run. */
const MADE_UP = 32768;

const same = (a: ReadonlySet<number>, b: ReadonlySet<number>) =>
  a.size === b.size && [...a].every((port) => b.has(port));
