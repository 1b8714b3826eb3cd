import { join } from "node:path";
import { DEFAULT_ETCD_PREFIX, type StorePlace, type StoreSettings } from "../apiserver/store-flags.ts";
import type { Logger } from "../base/logger.ts";
import type { Machine } from "../base/machine.ts";
import { compactor } from "../store/compactor.ts";
import type { Store } from "../store/store.ts";

/** In a bundle the store's worker lies beside the program. */
const bundledWorker = import.meta.url.endsWith(".ts") ? undefined : new URL("./store-worker.js", import.meta.url);

type Effects = Pick<Machine, "clock" | "random" | "files"> & { logger: Logger };

/** The file of an embedded store. */
export const storeFile = (directory: string) => join(directory, "state.db");

/** Opens a store, with its history kept short until it is closed. */
export async function openStore({ place, compactionIntervalMs }: StoreSettings, effects: Effects): Promise<Store> {
  const store = await connectStore(place, effects);
  if (compactionIntervalMs === 0) return store;
  const compaction = compactor({ store, intervalMs: compactionIntervalMs, ...effects });
  return {
    ...store,
    async close() {
      compaction.stop();
      await store.close();
    },
  };
}

/** Opens a store as it is. */
export async function connectStore(place: StorePlace, { clock, random, files, logger }: Effects): Promise<Store> {
  if ("directory" in place) {
    const { embeddedStore } = await import("../store/embedded/embedded-store.ts");
    return embeddedStore({
      path: storeFile(place.directory),
      clock,
      logger,
      ...(bundledWorker ? { workerUrl: bundledWorker } : {}),
    });
  }
  const read = async (path: string | undefined) => (path === undefined ? undefined : files.readFile(path, "utf8"));
  const [{ etcdStore }, ca, certificate, key] = await Promise.all([
    import("../store/etcd/etcd-store.ts"),
    read(place.etcdCaFile),
    read(place.etcdCertificateFile),
    read(place.etcdKeyFile),
  ]);
  return etcdStore({
    endpoints: place.etcdServers,
    tls: { ...(ca ? { ca } : {}), ...(certificate && key ? { certificate, key } : {}) },
    root: DEFAULT_ETCD_PREFIX,
    prefix: place.etcdPrefix,
    clock,
    random,
    logger,
  });
}
