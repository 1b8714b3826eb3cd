import { type Clock, sleep } from "../../base/clock.ts";
import type { DuplexCall } from "../../base/grpc.ts";
import type { Logger } from "../../base/logger.ts";
import { CompactedError, type StoreEvent, StoreUnavailableError, type Watch, type WatchHandlers } from "../store.ts";
import type { EtcdConnection } from "./connection.ts";
import { EVERYTHING, type KeySpace } from "./key-space.ts";
import { type EtcdWatchResponse, watch as watchMethod } from "./schema.ts";

export interface WatchingContext {
  connection: EtcdConnection;
  keys: KeySpace;
  clock: Clock;
  logger: Logger;
  /**
   * Whether etcd can be asked how far a watch has come. Before 3.4.25 and 3.5.8 its answer may overtake events that it
   * claims to be after (etcd issue 15220). Then all keys are watched: every revision has an event of some key.
   */
  asksProgress: boolean;
  /** The newest revision, by agreement of the members. */
  revision(): Promise<number>;
  /** Throws a CompactedError where `after` is not kept any more. */
  assertKept(after: number): Promise<void>;
}

type WatchStream = DuplexCall<Parameters<(typeof watchMethod)["request"]["encode"]>[0], EtcdWatchResponse>;

const RETRY_MS = { first: 100, most: 5_000 };
/** How long a revision that was written or read may take to show in the watch by itself; as upstream. */
const PROGRESS_WAIT_MS = 100;

/** One watch of the store. It is taken up again, at the next member, where the stream breaks. */
export class Watching implements Watch {
  readonly #context: WatchingContext;
  readonly #prefix: string;
  readonly #handlers: WatchHandlers;
  readonly #withPrevious: boolean;
  readonly #ended = new AbortController();
  #delivered = 0;
  /** A revision that others know of. */
  #expected = 0;
  #stream: WatchStream | undefined;
  #timer: { cancel(): void } | undefined;

  constructor(
    context: WatchingContext,
    prefix: string,
    after: number | Promise<number>,
    handlers: WatchHandlers,
    options: { previous: boolean; onEnd(): void },
  ) {
    this.#context = context;
    this.#prefix = prefix;
    this.#handlers = handlers;
    this.#withPrevious = options.previous;
    this.#ended.signal.addEventListener("abort", options.onEnd, { once: true });
    void this.#run(after);
  }

  close(): void {
    this.#timer?.cancel();
    this.#ended.abort(new Error("the watch is closed"));
    this.#stream?.cancel();
  }

  /** Somebody has seen `revision`: the watch has to get there, also where nothing of interest happened. */
  expect(revision: number, atOnce: boolean): void {
    if (!this.#context.asksProgress || revision <= this.#delivered) return;
    this.#expected = Math.max(this.#expected, revision);
    if (atOnce) this.#ask();
    this.#timer ??= this.#context.clock.after(PROGRESS_WAIT_MS, () => {
      this.#timer = undefined;
      if (this.#delivered >= this.#expected) return;
      this.#ask();
      this.expect(this.#expected, false);
    });
  }

  #ask(): void {
    // A stream that breaks meanwhile says so to its reader.
    this.#stream?.write({ progress_request: {} }).catch(() => {});
  }

  async #run(after: number | Promise<number>): Promise<void> {
    const { connection, clock, logger } = this.#context;
    const { signal } = this.#ended;
    try {
      this.#delivered = await after;
    } catch (error) {
      if (!signal.aborted) this.#fail(error as Error);
      return;
    }
    let retryMs = RETRY_MS.first;
    while (!signal.aborted) {
      const { endpoint } = connection;
      const before = this.#delivered;
      try {
        await this.#follow();
        throw new Error("etcd ended the stream");
      } catch (error) {
        if (signal.aborted) return;
        if (isFinal(error)) return this.#fail(error);
        if (this.#delivered > before) retryMs = RETRY_MS.first;
        logger.warn("lost a watch of etcd", { endpoint, error, retryMs });
        connection.giveUp(endpoint);
        await sleep(clock, retryMs, signal).catch(() => {});
        retryMs = Math.min(retryMs * 2, RETRY_MS.most);
      }
    }
  }

  #fail(error: Error): void {
    this.close();
    this.#handlers.onError(error);
  }

  /** Watches from what was delivered last, until the stream breaks. */
  async #follow(): Promise<void> {
    const { connection, keys, asksProgress } = this.#context;
    await this.#assertSameHistory();
    if (this.#ended.signal.aborted) return;
    const { key, end } = asksProgress ? keys.range(this.#prefix) : EVERYTHING;
    const stream: WatchStream = connection.stream(watchMethod);
    try {
      const created = stream.write({
        create_request: {
          key,
          range_end: end,
          start_revision: this.#delivered + 1,
          progress_notify: true,
          prev_kv: this.#withPrevious,
          fragment: true,
        },
      });
      // The reader is told why.
      created.catch(() => {});
      let parts: EtcdWatchResponse["events"] = [];
      for await (const response of stream.responses) {
        if (this.#ended.signal.aborted) return;
        if (response.canceled) throw this.#cancelled(response);
        if (response.created) {
          this.#stream = stream;
          if (this.#expected > this.#delivered) this.#ask();
          continue;
        }
        if (response.events.length === 0) {
          this.#progress(response.header?.revision ?? 0);
          continue;
        }
        parts = parts.length === 0 ? response.events : [...parts, ...response.events];
        // What belongs together is sent in portions where it is large.
        if (response.fragment) continue;
        this.#deliver(parts);
        parts = [];
      }
    } finally {
      if (this.#stream === stream) this.#stream = undefined;
      stream.cancel();
    }
  }

  /** Also an etcd whose data were replaced by older ones is not one to go on with. */
  async #assertSameHistory(): Promise<void> {
    const { revision, assertKept, connection } = this.#context;
    const newest = await revision();
    if (newest < this.#delivered) {
      const what = `etcd at ${connection.endpoint} is at revision ${newest}, but was at ${this.#delivered} before`;
      throw new StoreUnavailableError(`${what}: it was restored from a backup; restart this server`);
    }
    await assertKept(this.#delivered);
  }

  #cancelled({ compact_revision, cancel_reason }: EtcdWatchResponse): Error {
    if (compact_revision > 0) return new CompactedError(compact_revision);
    if (/permission denied/.test(cancel_reason)) {
      const wide = "; before 3.4.25 and 3.5.8 etcd has to let this server watch all keys";
      const hint = this.#context.asksProgress ? "" : wide;
      return new ForbiddenWatchError(`etcd does not let this server watch: ${cancel_reason}${hint}`);
    }
    return new Error(`etcd ended the watch: ${cancel_reason}`);
  }

  #deliver(received: EtcdWatchResponse["events"]): void {
    const { keys } = this.#context;
    const events: StoreEvent[] = [];
    let newest = this.#delivered;
    for (const { type, kv, prev_kv } of received) {
      if (!kv || kv.mod_revision <= this.#delivered) continue;
      newest = Math.max(newest, kv.mod_revision);
      if (!keys.contains(kv.key)) continue;
      const key = keys.key(kv.key);
      if (!key.startsWith(this.#prefix)) continue;
      events.push({
        revision: kv.mod_revision,
        key,
        entry: type === "DELETE" ? undefined : keys.entry(kv),
        previous: prev_kv ? keys.entry(prev_kv) : undefined,
      });
    }
    const last = events.at(-1);
    if (last) {
      this.#delivered = last.revision;
      this.#handlers.onEvents(events);
    }
    if (!this.#ended.signal.aborted) this.#progress(newest);
  }

  #progress(revision: number): void {
    if (revision <= this.#delivered) return;
    this.#delivered = revision;
    this.#handlers.onProgress?.(revision);
  }
}

class ForbiddenWatchError extends StoreUnavailableError {}

const isFinal = (error: unknown): error is Error =>
  error instanceof CompactedError || error instanceof ForbiddenWatchError;
