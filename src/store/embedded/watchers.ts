import type { StoreEvent, Watch, WatchHandlers } from "../store.ts";
import type { Calls } from "./protocol.ts";
import type { HistoryQuery } from "./revision-log.ts";

interface Watching {
  readonly prefix: string;
  readonly handlers: WatchHandlers;
  readonly withPrevious: boolean;
  /** Everything up to this revision has been delivered. */
  delivered: number;
  /** Whether it has caught up, so that commits reach it as they happen. */
  live: boolean;
}

export interface Watchers {
  add(prefix: string, after: number, handlers: WatchHandlers, withPrevious: boolean): Watch;
  /** Whether the events of the next commit must carry the state before. */
  readonly wantPrevious: boolean;
  /** Hands the events of one commit to the watchers that have caught up. */
  publish(events: readonly StoreEvent[]): void;
  /** Ends all with an error. */
  fail(error: Error): void;
  /** Ends all in silence. */
  end(): void;
}

/**
 * The watches of an embedded store. A new one first reads pages of history from the worker, until a page reaches the
 * present. As the worker answers in order, every commit before that page has been published by then and every later one
 * has not: from there on the watch takes the commits.
 */
export function watchers(source: {
  history(query: HistoryQuery): Promise<Calls["history"]["answer"]>;
  revision(): number;
}): Watchers {
  const all = new Set<Watching>();

  const deliver = (watching: Watching, events: readonly StoreEvent[], through: number) => {
    const fresh = events.filter((event) => event.revision > watching.delivered);
    watching.delivered = Math.max(watching.delivered, through);
    if (fresh.length > 0) watching.handlers.onEvents(fresh);
    else watching.handlers.onProgress?.(through);
  };
  const fail = (watching: Watching, error: Error) => {
    if (all.delete(watching)) watching.handlers.onError(error);
  };
  const catchUp = async (watching: Watching) => {
    const { prefix, withPrevious } = watching;
    while (all.has(watching) && !watching.live) {
      const page = await source.history({ prefix, after: watching.delivered, withPrevious });
      if (!all.has(watching)) return;
      watching.live = page.through === page.revision;
      deliver(watching, page.events, page.through);
    }
  };

  return {
    add(prefix, after, handlers, withPrevious) {
      const delivered = after === 0 ? source.revision() : after;
      const watching: Watching = { prefix, handlers, withPrevious, delivered, live: false };
      all.add(watching);
      catchUp(watching).catch((error: Error) => fail(watching, error));
      return { close: () => void all.delete(watching) };
    },
    get wantPrevious() {
      for (const watching of all) if (watching.withPrevious) return true;
      return false;
    },
    publish(events) {
      const through = events.at(-1)?.revision;
      if (through === undefined) return;
      for (const watching of all) {
        if (!watching.live) continue;
        const { prefix } = watching;
        deliver(watching, prefix === "" ? events : events.filter((event) => event.key.startsWith(prefix)), through);
      }
    },
    fail: (error) => {
      for (const watching of all) fail(watching, error);
    },
    end: () => all.clear(),
  };
}
