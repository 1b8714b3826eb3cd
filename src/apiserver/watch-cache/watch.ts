import { StatusError } from "../../api/status-error.ts";
import type { Timer } from "../../base/clock.ts";
import { candidates, prepareIndex, type ReadContext } from "./list.ts";
import { reachBack } from "./reach-back.ts";
import type { Loaded } from "./resource-cache.ts";
import { tooOldToWatch } from "./version-errors.ts";
import type { Watcher, WatchOptions } from "./watch-cache.ts";
import { WatchQueue } from "./watch-queue.ts";

/** A watcher that asked for bookmarks gets the last one so long before its timeout; as upstream. */
const BEFORE_TIMEOUT_MS = 2_000;

export async function startWatch(context: ReadContext, options: WatchOptions): Promise<Watcher> {
  const { parts } = context;
  const asked = options.resourceVersion;
  const withPresent = options.sendInitialEvents ?? !asked;
  let state: Loaded;
  let revision: number;
  let after: number;
  for (;;) {
    try {
      const notOlderThan = withPresent || !asked ? asked : 0;
      state = await context.read(notOlderThan);
      if (withPresent && (await prepareIndex(state, parts, options))) state = await context.read(notOlderThan);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return failed(options, error);
    }
    revision = context.revisionOf(state);
    after = withPresent || !asked ? revision : asked;
    if (after >= state.history.oldest) break;
    const reached = await reachBack(parts, state, after);
    if (!reached) return failed(options, tooOldToWatch(after, state.history.oldest));
  }
  const { resource, clock, logger } = parts;

  const initial = withPresent ? candidates(state, parts, options) : [];
  const timers: Timer[] = [];
  const onAbort = () => queue.close();
  const queue: WatchQueue = new WatchQueue({
    selection: options,
    after,
    limit: parts.watchBuffer,
    onEnd(reason) {
      for (const timer of timers) timer.cancel();
      options.signal?.removeEventListener("abort", onAbort);
      state.dispatcher.remove(queue);
      if (reason === "slow") logger.info("ended a watch that was not read in time", { resource: resource.resource });
    },
  });

  const bookmark = () => {
    const reached = context.revisionOf(state);
    if (reached >= after) queue.push({ type: "BOOKMARK", revision: reached, initialEventsEnd: false });
  };
  if (options.bookmarks) timers.push(parts.bookmarks.add(bookmark));
  if (options.timeoutMs !== undefined) {
    if (options.bookmarks) timers.push(clock.after(options.timeoutMs - BEFORE_TIMEOUT_MS, bookmark));
    timers.push(clock.after(options.timeoutMs, () => queue.end("timeout")));
  }
  options.signal?.addEventListener("abort", onAbort, { once: true });

  state.dispatcher.add(queue);
  // Nothing was awaited since the state was read: what is put in front now leaves no gap to the changes that follow.
  queue.begin(initial);
  if (withPresent && options.sendInitialEvents && options.bookmarks) {
    queue.push({ type: "BOOKMARK", revision, initialEventsEnd: true });
  }
  if (!withPresent) queue.replay(state.history.after(after));
  if (options.signal?.aborted) queue.close();
  return queue;
}

/** A watch that says why it can't be, and ends. */
function failed(selection: WatchOptions, error: StatusError): Watcher {
  const queue = new WatchQueue({ selection, after: 0, limit: 1, onEnd: () => {} });
  queue.push({ type: "ERROR", error });
  queue.end("error");
  return queue;
}
