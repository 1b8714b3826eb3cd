import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { systemClock } from "../src/base/clock.ts";
import { silentLogger } from "../src/base/logger.ts";
import { embeddedStore } from "../src/store/embedded/embedded-store.ts";
import { memoryStore } from "../src/store/memory.ts";
import type { Store } from "../src/store/store.ts";
import { startEtcd, withoutEtcd } from "../test/integration/etcd.fixture.ts";

/**
 * Compare-and-swap updates of 2 KB values, each writer on keys of its own and with one write under way, while one
 * watcher of everything listens, as the API server does; with etcd over TLS on the same disk as a peer, where it is
 * installed. Results: store.results.md. Run: node bench/store.bench.ts [seconds per figure]
 */
const SECONDS = Number(process.argv[2] ?? 1);
const WRITERS = [1, 10, 100];
const value = new Uint8Array(2048).fill(120);

const directory = await mkdtemp(join(tmpdir(), "knarr-bench-"));
const clock = systemClock({ keepAlive: true });
const etcd = withoutEtcd ? undefined : await startEtcd();
const stores: [string, () => Promise<Store>][] = [
  ["memory", async () => memoryStore()],
  ["embedded", () => embeddedStore({ path: join(directory, "store.db"), clock, logger: silentLogger })],
  ...(etcd ? [["etcd", () => etcd.store()] satisfies [string, () => Promise<Store>]] : []),
];
try {
  console.log("store     writers   writes/s   p50 ms   p99 ms   event loop p99 ms");
  for (const [name, open] of stores) {
    const store = await open();
    store.watch("", 0, { onEvents() {}, onError: (error) => console.error(error) }, { previous: false });
    for (const writers of WRITERS) report(name, writers, await measure(store, writers));
    await store.close();
  }
} finally {
  await etcd?.dispose();
  await rm(directory, { recursive: true });
}

async function measure(store: Store, writers: number) {
  const loop = monitorEventLoopDelay({ resolution: 1 });
  const start = clock.monotonic();
  const end = start + SECONDS * 1000;
  const latencies: number[] = [];
  let rested = start;
  let rest: Promise<void> | undefined;
  const write = async (writer: number) => {
    const revisions = new Map<string, number>();
    for (let i = 0; clock.monotonic() < end; i++) {
      const key = `/registry/bench/${writers}/${writer}/${i % 100}`;
      const before = clock.monotonic();
      const result = await store.compareAndSwap(key, revisions.get(key) ?? 0, value);
      const after = clock.monotonic();
      latencies.push(after - before);
      if (!result.swapped) throw new Error(`${key} was changed by somebody else`);
      revisions.set(key, result.revision);
      if (after - rested > 5) {
        // The memory store alone would never yield to the event loop.
        rest ??= new Promise((resolve) => setImmediate(resolve));
        await rest;
        rest = undefined;
        rested = clock.monotonic();
      }
    }
  };
  loop.enable();
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  loop.disable();
  const elapsed = clock.monotonic() - start;
  await store.compact(await store.revision());
  return { latencies: latencies.sort((a, b) => a - b), elapsed, loop: loop.percentile(99) };
}

function report(
  name: string,
  writers: number,
  { latencies, elapsed, loop }: Awaited<ReturnType<typeof measure>>,
): void {
  const percentile = (p: number) => (latencies[Math.floor(latencies.length * p)] ?? 0).toFixed(2).padStart(8);
  const rate = Math.round((latencies.length / elapsed) * 1000);
  console.log(
    `${name.padEnd(9)} ${String(writers).padStart(7)} ${String(rate).padStart(10)} ${percentile(0.5)} ${percentile(0.99)} ${(loop / 1e6).toFixed(1).padStart(19)}`,
  );
}
