import { dirname } from "node:path";
import type { StorePlace } from "../apiserver/store-flags.ts";
import type { Files } from "../base/files.ts";
import type { Logger } from "../base/logger.ts";
import type { Machine } from "../base/machine.ts";
import { readSnapshot, type SnapshotSummary, writeSnapshot } from "../store/snapshot.ts";
import type { Store, StoreStatus } from "../store/store.ts";
import { connectStore, storeFile } from "./store.ts";

/** What people do to a store beside using it: on one that runs in this process, in another one, or in none. */
export interface StoreOperations {
  status(): Promise<StoreStatus & { entries: number }>;
  /** All of the store at one revision, as lines of a snapshot. */
  snapshot(write: (chunk: Buffer) => unknown): Promise<void>;
  defragment(): Promise<void>;
  close(): Promise<void>;
}

export function storeOperations(store: Store, clock: Machine["clock"]): StoreOperations {
  return {
    status: async () => ({ ...(await store.status()), entries: await store.count("") }),
    async snapshot(write) {
      await writeSnapshot(store, new Date(clock.now()).toISOString(), write);
    },
    defragment: () => store.defragment(),
    close: () => store.close(),
  };
}

/** Writes a snapshot to a file, for its owner alone, and reads it back. The file is there whole or not at all. */
export async function saveSnapshot(operations: StoreOperations, path: string, files: Files): Promise<SnapshotSummary> {
  const temporary = `${path}.partial`;
  const handle = await files.open(temporary, "w", 0o600);
  try {
    await operations.snapshot((chunk) => handle.writeFile(chunk));
    await handle.sync();
  } catch (error) {
    await files.rm(temporary, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  const summary = await readSnapshot(files.createReadStream(temporary), () => {});
  await files.rename(temporary, path);
  return summary;
}

/** The Events of a snapshot live for so long where the store removes them by itself, as upstream's default. */
const EVENT_TTL_MS = 3_600_000;
/** Who is alive is for those to say who are. */
const PASSING = "/registry/masterleases/";
const WRITES_AT_ONCE = 64;

/**
 * Fills an empty store from a snapshot, after that was found to be whole. `replace`: a store that is there already is put
 * aside, beside the new one. Returns where to, if so. Throws an Error that says what to do.
 */
export async function restoreSnapshot(
  path: string,
  place: StorePlace,
  options: { replace: boolean },
  effects: Pick<Machine, "clock" | "random" | "files"> & { logger: Logger },
): Promise<{ summary: SnapshotSummary; revision: number; aside?: string }> {
  const { files } = effects;
  const summary = await readSnapshot(files.createReadStream(path), () => {});
  if ("directory" in place) return restoreEmbedded(path, place.directory, summary, options.replace, effects);
  if (options.replace)
    throw new Error("what is in etcd is not replaced: delete it first, or use another --etcd-prefix");
  const store = await connectStore(place, effects);
  try {
    const present = await store.count("");
    if (present > 0) throw new Error(`there are ${present} keys below ${place.etcdPrefix} in etcd already`);
    await fill(store, files.createReadStream(path));
    return { summary, revision: await store.revision() };
  } finally {
    await store.close();
  }
}

/** Writes the entries of a snapshot. Where that fails, what was written is removed again. */
async function fill(store: Store, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const running = new Set<Promise<void>>();
  const written: { key: string; revision: number }[] = [];
  let failure: { error: unknown } | undefined;
  const write = async (key: string, value: Uint8Array) => {
    const lifetime = key.startsWith("/registry/events/") ? { timeToLiveMs: EVENT_TTL_MS } : {};
    const { swapped, revision } = await store.compareAndSwap(key, 0, value, lifetime);
    if (!swapped) throw new Error(`somebody else has written ${key} meanwhile`);
    written.push({ key, revision });
  };
  try {
    await readSnapshot(chunks, async ({ key, value }) => {
      if (failure) throw failure.error;
      if (key.startsWith(PASSING)) return;
      const one: Promise<void> = write(key, value)
        .catch((error) => {
          failure ??= { error };
        })
        .finally(() => running.delete(one));
      running.add(one);
      if (running.size >= WRITES_AT_ONCE) await Promise.race(running);
    });
    await Promise.all(running);
    if (failure) throw failure.error;
  } catch (error) {
    await Promise.all(running);
    // Whatever stands in the way of this stands in the way of the next attempt too, which says so.
    await Promise.allSettled(written.map(({ key, revision }) => store.compareAndSwap(key, revision, null)));
    throw error;
  }
}

async function restoreEmbedded(
  path: string,
  directory: string,
  summary: SnapshotSummary,
  replace: boolean,
  { files, clock }: Pick<Machine, "clock" | "files">,
): Promise<{ summary: SnapshotSummary; revision: number; aside?: string }> {
  const target = storeFile(directory);
  const present = await files.exists(target);
  if (present && !replace) throw new Error(`there is a store in ${directory} already; --replace puts it aside`);
  await files.mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const { restoreInto } = await import("../store/embedded/restore.ts");
  const temporary = `${target}.restoring`;
  for (const suffix of JOURNALS) await files.rm(temporary + suffix, { force: true });
  await (await files.open(temporary, "ax", 0o600)).close();
  const restoration = restoreInto(temporary);
  let revision: number;
  try {
    await readSnapshot(files.createReadStream(path), (entry) => {
      if (!entry.key.startsWith(PASSING)) restoration.add(entry);
    });
    revision = restoration.finish(summary.revision);
    restoration.close();
  } catch (error) {
    restoration.close();
    for (const suffix of JOURNALS) await files.rm(temporary + suffix, { force: true });
    throw error;
  }
  let aside: string | undefined;
  if (present) {
    aside = `${target}.before-${new Date(clock.now()).toISOString().replaceAll(":", "-")}`;
    // The journal first: without it the file would be an older state of itself.
    for (const suffix of [...JOURNALS].reverse()) {
      if (await files.exists(target + suffix)) await files.rename(target + suffix, aside + suffix);
    }
  }
  await files.rename(temporary, target);
  return { summary, revision, ...(aside ? { aside } : {}) };
}

/** The files of an embedded store, and what SQLite keeps beside it. */
const JOURNALS = ["", "-wal", "-shm"];
