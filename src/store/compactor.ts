import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Store } from "./store.ts";

/**
 * Keeps the store's history short: at each interval it compacts to the revision of the interval before, so the last 5 to
 * 10 minutes (by default) can be read and watched from. A failure is logged and tried again at the next interval.
 */
export function compactor(options: { store: Store; clock: Clock; logger: Logger; intervalMs?: number }): {
  stop(): void;
} {
  const { store, clock, logger, intervalMs = 5 * 60_000 } = options;
  /** The store's revision at the last tick; 0 before the first. */
  let remembered = 0;
  let compacted = 0;
  let running = false;
  let stopped = false;

  const tick = async () => {
    if (running || stopped) return;
    running = true;
    try {
      const revision = await store.revision();
      // An idle store has nothing new to drop.
      if (remembered > 1 && !stopped && remembered !== compacted) {
        await store.compact(remembered);
        compacted = remembered;
        logger.debug("compacted the store", { revision: compacted });
      }
      remembered = revision;
    } catch (error) {
      if (!stopped) logger.warn("could not compact the store", { error });
    } finally {
      running = false;
    }
  };
  const timer = clock.every(intervalMs, () => void tick());
  return {
    stop() {
      stopped = true;
      timer.cancel();
    },
  };
}
