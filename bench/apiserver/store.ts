import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { embeddedStore } from "../../src/store/embedded/embedded-store.ts";
import type { Store } from "../../src/store/store.ts";

/** The store that `knarr kube-apiserver --data-dir` keeps in `directory`. */
export function openStore(directory: string): Promise<Store> {
  const clock = systemClock({ keepAlive: true });
  const workerUrl = new URL("./store-worker.js", import.meta.url);
  return embeddedStore({ path: join(directory, "state.db"), clock, logger: silentLogger, workerUrl });
}
