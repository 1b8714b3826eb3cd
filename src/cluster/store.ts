import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { compactor } from "../store/compactor.ts";
import { embeddedStore } from "../store/embedded/embedded-store.ts";
import type { Store } from "../store/store.ts";

/** In a bundle the store's worker lies beside the program. */
const bundledWorker = import.meta.url.endsWith(".ts") ? undefined : new URL("./store-worker.js", import.meta.url);

/** Opens the durable store in `directory`, with its history kept short until it is closed. */
export async function openStore(
  directory: string,
  { clock, logger }: { clock: Clock; logger: Logger },
): Promise<Store> {
  const store = await embeddedStore({
    path: join(directory, "state.db"),
    clock,
    logger,
    ...(bundledWorker ? { workerUrl: bundledWorker } : {}),
  });
  const compaction = compactor({ store, clock, logger });
  return {
    ...store,
    async close() {
      compaction.stop();
      await store.close();
    },
  };
}
