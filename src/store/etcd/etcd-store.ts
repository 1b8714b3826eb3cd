import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Random } from "../../base/random.ts";
import { compareBytes } from "../../base/sorted-map.ts";
import {
  CompactedError,
  type Entry,
  FutureRevisionError,
  type ListOptions,
  type ListResult,
  type Store,
  StoreUnavailableError,
  type SwapOptions,
  type SwapResult,
} from "../store.ts";
import { type EtcdConnectionOptions, etcdConnection } from "./connection.ts";
import { explain, isCompacted, isFuture, isLeaseGone } from "./failure.ts";
import { EVERYTHING, keySpace, NO_END } from "./key-space.ts";
import { leases } from "./leases.ts";
import * as etcd from "./schema.ts";
import { Watching } from "./watching.ts";

export interface EtcdStoreOptions extends EtcdConnectionOptions {
  /** The beginning of all keys as the callers write them, and what stands in its place in etcd (`--etcd-prefix`). */
  root: string;
  prefix: string;
  clock: Clock;
  random: Random;
  logger: Logger;
}

/** Large enough that a page's overhead does not count, small enough that one of large objects fits into memory. */
const PAGE_ENTRIES = 1000;
const DEFRAGMENT_TIMEOUT_MS = 300_000;

/**
 * The store of several API servers: an etcd v3 cluster, with keys and revisions as upstream's API server has them, so
 * that either can take over from the other. Works with etcd 3.4 and later.
 *
 * Rejects where etcd can't be reached or does not let this server in.
 */
export async function etcdStore(options: EtcdStoreOptions): Promise<Store> {
  const { clock, random, logger } = options;
  const keys = keySpace(options.root, options.prefix);
  const connection = etcdConnection(options);
  const watches = new Set<Watching>();
  const leasing = leases({ connection, clock, random });
  /** Watches "from now on" that do not know yet when that is: writes wait for them. */
  const beginning = new Set<Promise<unknown>>();
  /** A key that is never there, to ask for revisions by: the least that permissions have to allow. */
  const probe = keys.range("").key;
  let closed = false;

  const assertOpen = () => {
    if (closed) throw new Error("the store is closed");
  };
  const reached = (revision: number, atOnce: boolean) => {
    for (const watch of watches) watch.expect(revision, atOnce);
    return revision;
  };

  /** A read whose errors are those of the contract. `at` is the revision that was asked for. */
  const range = async (request: Parameters<(typeof etcd.range)["request"]["encode"]>[0]) => {
    assertOpen();
    try {
      return await connection.read(etcd.range, request);
    } catch (error) {
      if (isCompacted(error)) throw new CompactedError(await oldestRevision());
      if (isFuture(error)) throw new FutureRevisionError(await newestRevision());
      throw explain(error, connection.endpoint);
    }
  };
  const newestRevision = async (): Promise<number> => {
    const { header } = await range({ key: probe, count_only: true });
    return header!.revision;
  };
  const sharedRevision = shared(newestRevision);
  /** etcd tells it only to a watch that begins too early. */
  const oldestRevision = async (): Promise<number> => {
    const stream = connection.stream(etcd.watch);
    try {
      await stream.write({ create_request: { key: probe, start_revision: 1 } });
      for await (const { compact_revision } of stream.responses) if (compact_revision > 0) return compact_revision;
    } finally {
      stream.cancel();
    }
    throw new Error("etcd ended a watch without saying why");
  };
  const assertKept = async (after: number): Promise<void> => {
    try {
      await range({ key: probe, count_only: true, revision: after });
    } catch (error) {
      if (!(error instanceof FutureRevisionError)) throw error;
    }
  };

  const assertMayWatchAll = async () => {
    const { key, end } = EVERYTHING;
    try {
      await range({ key, range_end: end, limit: 1, keys_only: true });
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      throw new StoreUnavailableError(`${error.message}; before 3.4.25 and 3.5.8 it has to let it read all keys`, {
        cause: error,
      });
    }
  };

  let version: string;
  let asksProgress: boolean;
  try {
    ({ version } = await connection.read(etcd.status, {}));
    await newestRevision();
    asksProgress = tellsProgress(version);
    if (!asksProgress) await assertMayWatchAll();
  } catch (error) {
    connection.close();
    throw explain(error, connection.endpoint);
  }
  logger.debug("connected to etcd", { endpoint: connection.endpoint, version });
  const context = { connection, keys, clock, logger, asksProgress, revision: sharedRevision, assertKept };

  const swap = async (
    key: string,
    expected: number,
    value: Uint8Array | null,
    { timeToLiveMs }: SwapOptions,
  ): Promise<SwapResult> => {
    const name = keys.toEtcd(key);
    const lease = value && timeToLiveMs !== undefined ? await leasing.lease(timeToLiveMs) : 0;
    let answer: ReturnType<(typeof etcd.txn)["response"]["decode"]>;
    try {
      answer = await connection.write(etcd.txn, {
        compare: [{ result: "EQUAL", target: "MOD", key: name, mod_revision: expected }],
        success: value
          ? // The answer to a put does not tell when the key was created.
            [{ request_put: { key: name, value, lease } }, { request_range: { key: name, keys_only: true } }]
          : expected > 0
            ? [{ request_delete_range: { key: name } }]
            : [],
        failure: [{ request_range: { key: name } }],
      });
    } catch (error) {
      if (timeToLiveMs !== undefined && isLeaseGone(error)) {
        leasing.forget(timeToLiveMs);
        return swap(key, expected, value, { timeToLiveMs });
      }
      throw explain(error, connection.endpoint);
    }
    const { revision } = answer.header!;
    if (!answer.succeeded) {
      const found = answer.responses[0]?.response_range?.kvs[0];
      return { swapped: false, revision, current: found && keys.entry(found) };
    }
    if (value || expected > 0) reached(revision, false);
    if (!value) return { swapped: true, revision, entry: undefined };
    const createRevision = answer.responses[1]!.response_range!.kvs[0]!.create_revision;
    return { swapped: true, revision, entry: { key, value, createRevision, modRevision: revision } };
  };

  return {
    async revision() {
      return reached(await sharedRevision(), true);
    },
    async get(key, atRevision = 0) {
      const { header, kvs } = await range({ key: keys.toEtcd(key), revision: atRevision });
      return { entry: kvs[0] && keys.entry(kvs[0]), revision: reached(header!.revision, false) };
    },
    async list(prefix: string, { atRevision = 0, limit = 0, from = "" }: ListOptions = {}): Promise<ListResult> {
      const { key, end } = keys.range(prefix);
      let start = compareBytes(from, prefix) > 0 ? keys.toEtcd(from) : key;
      const entries: Entry[] = [];
      let count: number | undefined;
      for (let at = atRevision; ; ) {
        const wanted = limit > 0 ? Math.min(limit - entries.length, PAGE_ENTRIES) : PAGE_ENTRIES;
        const page = await range({ key: start, range_end: end, revision: at, limit: wanted });
        at ||= page.header!.revision;
        count ??= page.count;
        for (const found of page.kvs) entries.push(keys.entry(found));
        if (!page.more || (limit > 0 && entries.length >= limit)) {
          return { entries, revision: at, more: page.more, count };
        }
        start = Buffer.concat([page.kvs.at(-1)!.key, NO_END]);
      }
    },
    async count(prefix) {
      const { key, end } = keys.range(prefix);
      return (await range({ key, range_end: end, count_only: true })).count;
    },
    async compareAndSwap(key, expected, value, asked = {}) {
      assertOpen();
      if (beginning.size > 0) await Promise.allSettled(beginning);
      return swap(key, expected, value, asked);
    },
    watch(prefix, after, handlers, { previous = true } = {}) {
      assertOpen();
      keys.range(prefix); // refuses what lies outside
      const from = after > 0 ? after : newestRevision();
      const watching = new Watching(context, prefix, from, handlers, {
        previous,
        onEnd: () => void watches.delete(watching),
      });
      watches.add(watching);
      if (typeof from !== "number") {
        beginning.add(from);
        const known = () => void beginning.delete(from);
        from.then(known, known);
      }
      return watching;
    },
    async compact(revision) {
      assertOpen();
      try {
        await connection.write(etcd.compact, { revision });
      } catch (error) {
        if (isCompacted(error)) return; // as far, or further, by another server
        if (isFuture(error)) throw new FutureRevisionError(await newestRevision());
        throw explain(error, connection.endpoint);
      }
    },
    expires: true,
    async status() {
      assertOpen();
      const { endpoint } = connection;
      const [answer, revision] = await Promise.all([connection.read(etcd.status, {}), newestRevision()]);
      return {
        revision,
        bytes: answer.dbSize,
        bytesInUse: answer.dbSizeInUse,
        backend: `etcd ${answer.version} at ${endpoint}`,
      };
    },
    /** One member after another: each stands still meanwhile. */
    async defragment() {
      assertOpen();
      for (const endpoint of connection.endpoints) {
        await connection.member(endpoint, etcd.defragment, {}, DEFRAGMENT_TIMEOUT_MS);
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      for (const watch of [...watches]) watch.close();
      connection.close();
    },
  };
}

/** Whether RequestProgress can be trusted; see WatchingContext.asksProgress. */
export function tellsProgress(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  if (major !== 3) return major > 3;
  if (minor === 4) return patch >= 25;
  if (minor === 5) return patch >= 8;
  return minor > 5;
}

/**
 * Lets callers that come at about the same time share one call. One that has begun before a caller came is not for it:
 * its answer may be older than what the caller knows.
 */
function shared<T>(call: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> | undefined;
  let next: Promise<T> | undefined;
  const start = (): Promise<T> => {
    const started = call();
    running = started;
    const done = () => {
      if (running === started) running = undefined;
    };
    started.then(done, done);
    return started;
  };
  return () => {
    if (!running) return start();
    next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  };
}
