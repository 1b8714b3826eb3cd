import type { StoreEvent } from "../../store/store.ts";
import type { CacheParts, Loaded } from "./resource-cache.ts";
import { Change } from "./selection.ts";
import { Version } from "./version.ts";

/** How long the store may take to tell the past. */
const WAIT_MS = 10_000;

/**
 * Prolongs the history of a cache that was loaded only lately into the time before, from the store's own history: after a
 * restart of the server, watches go on from where they were instead of beginning anew. False where the store has
 * dropped that, or it is more than a cache may keep.
 */
export async function reachBack(parts: CacheParts, state: Loaded, after: number): Promise<boolean> {
  const { history } = state;
  if (history.trimmed) return false;
  const found = await eventsBetween(parts, after, history.oldest);
  // Others may have been faster, in one way or the other.
  if (after >= history.oldest) return true;
  if (!found || history.trimmed) return false;
  const events = found.filter(({ revision }) => revision <= history.oldest);
  const { reading, clock } = parts;
  const version = (entry: StoreEvent["entry"]) => entry && new Version(reading, entry);
  const changes = events.flatMap(({ revision, key, entry, previous }) =>
    entry || previous ? [new Change(revision, key, version(previous), version(entry))] : [],
  );
  history.prepend(changes, after, clock.monotonic());
  return true;
}

/** The events after `after` up to `to`; undefined where they can't be had. */
async function eventsBetween(parts: CacheParts, after: number, to: number): Promise<StoreEvent[] | undefined> {
  const { store, clock, resource, historyLimits, logger } = parts;
  const events: StoreEvent[] = [];
  let bytes = 0;
  const { promise, resolve } = Promise.withResolvers<StoreEvent[] | undefined>();
  const watch = store.watch(resource.prefix, after, {
    onEvents(batch) {
      for (const event of batch) {
        if (event.revision > to) break;
        events.push(event);
        bytes += (event.entry ?? event.previous)?.value.length ?? 0;
      }
      if (events.length > historyLimits.maxChanges || bytes > historyLimits.maxBytes) resolve(undefined);
      else if (batch.at(-1)!.revision >= to) resolve(events);
    },
    onProgress(revision) {
      if (revision >= to) resolve(events);
    },
    onError(error) {
      logger.debug("the store does not tell the past", { resource: resource.resource, after, error });
      resolve(undefined);
    },
  });
  const timer = clock.after(WAIT_MS, () => resolve(undefined));
  try {
    // Some stores tell how far a watch has come only when somebody has asked for the newest revision.
    await store.revision();
    return await promise;
  } finally {
    timer.cancel();
    watch.close();
  }
}
