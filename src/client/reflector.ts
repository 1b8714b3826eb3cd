import type { KubeObject } from "../api/object.ts";
import { isExpired, StatusError } from "../api/status-error.ts";
import { type Clock, sleep } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import { backoff } from "./backoff.ts";
import type { ResourceClient } from "./client.ts";
import { ConnectionError } from "./client.ts";

/** What a reflector keeps true. */
export interface ReflectorTarget<T> {
  /** The whole truth as of `version`. */
  replace(objects: T[], version: string): void;
  change(type: "ADDED" | "MODIFIED" | "DELETED", object: T): void;
  /** Nothing has changed up to `version`. */
  reached?(version: string): void;
}

export interface ReflectorOptions<T extends KubeObject> {
  resource: ResourceClient<T>;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  target: ReflectorTarget<T>;
  clock: Clock;
  random: Random;
  logger: Logger;
  signal: AbortSignal;
  /** Objects per page of a list. Default 500. */
  pageSize?: number;
}

const DEFAULT_PAGE_SIZE = 500;
/** A watch asks the server to end it after 5 to 10 minutes, so that load spreads over the servers again. */
const WATCH_TIMEOUT_SECONDS = 300;
/** A watch that ends within this time without an event counts as a failure. */
const SHORT_WATCH_MS = 1000;

/**
 * Lists a resource, then watches it from there on and hands each change to `target`; again and again until `signal` is
 * aborted. A watch that ends is taken up at the last seen resource version (bookmarks move it on); only when the server
 * no longer has that version is everything listed anew. Failures wait 0.8 s to 30 s as client-go's, except for the first.
 */
export async function reflect<T extends KubeObject>(options: ReflectorOptions<T>): Promise<void> {
  const { resource, target, clock, random, logger, signal } = options;
  const scope = {
    namespace: options.namespace,
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
  };
  const waits = backoff({
    clock,
    random,
    firstMs: 50,
    initialMs: 800,
    maxMs: 30_000,
    resetAfterMs: 120_000,
  });
  /** Where to watch from; undefined when a list is needed. */
  let version: string | undefined;
  /** Where to list from: "0" is whatever the server has at hand, undefined its newest state. */
  let listFrom: string | undefined = "0";

  const list = async () => {
    const limit = options.pageSize ?? DEFAULT_PAGE_SIZE;
    let page = await resource.list({ ...scope, limit, resourceVersion: listFrom, signal });
    let objects = page.items;
    while (page.metadata?.continue) {
      try {
        page = await resource.list({ ...scope, limit, continue: page.metadata.continue, signal });
        objects = objects.concat(page.items);
      } catch (error) {
        if (!isExpired(error)) throw error;
        // The list outlived the history it was read from: take it in one piece.
        page = await resource.list({ ...scope, signal });
        objects = page.items;
      }
    }
    version = page.metadata?.resourceVersion ?? "";
    listFrom = version;
    target.replace(objects, version);
  };

  const watch = async () => {
    const started = clock.monotonic();
    let events = 0;
    const timeoutSeconds = Math.round(WATCH_TIMEOUT_SECONDS * (1 + random.next()));
    const stream = resource.watch({
      ...scope,
      resourceVersion: version,
      allowWatchBookmarks: true,
      timeoutSeconds,
      signal,
    });
    for await (const event of stream) {
      if (event.type === "ERROR") throw new StatusError(event.object);
      events++;
      version = event.object.metadata?.resourceVersion ?? version;
      if (event.type !== "BOOKMARK") target.change(event.type, event.object);
      else target.reached?.(version ?? "");
      listFrom = version;
    }
    if (events === 0 && !signal.aborted && clock.monotonic() - started < SHORT_WATCH_MS) {
      throw new ConnectionError("very short watch: it ended at once, without an event");
    }
  };

  while (!signal.aborted) {
    try {
      if (version === undefined) await list();
      await watch();
    } catch (error) {
      if (signal.aborted) return;
      const fields = { resource: resource.type.resource, error };
      if (isExpired(error)) {
        // A list from an expired version fails as well; the newest state always works.
        if (version === undefined) listFrom = undefined;
        version = undefined;
        logger.debug("resource version expired, listing again", fields);
      } else if (isVersionTooLarge(error)) {
        // The server has gone back in time (restored from a backup): so must we.
        listFrom = undefined;
        version = undefined;
        logger.warn("the server is behind our resource version, listing anew", fields);
      } else if (error instanceof ConnectionError) logger.debug("connection lost, trying again", fields);
      else if (error instanceof StatusError && error.code === 429) logger.debug("sent away, trying again", fields);
      else {
        // Whatever the watch stumbled over, a fresh list gets past it.
        version = undefined;
        logger.warn("cannot list or watch, trying again", fields);
      }
      await sleep(clock, waits.next(), signal).catch(() => {});
    }
  }
}

const isVersionTooLarge = (error: unknown): boolean =>
  error instanceof StatusError &&
  (error.status.details?.causes ?? []).some((cause) => cause.reason === "ResourceVersionTooLarge");
