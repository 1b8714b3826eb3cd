/** The ceiling of durable writes: the store by itself, with as many writers as the server has clients. */
import type { Store } from "../../src/store/store.ts";
import { serveCommands } from "./process.ts";
import { openStore } from "./store.ts";

let store: Store;
let written = 0;

serveCommands({
  async start({ directory }: { directory: string }) {
    store = await openStore(directory);
    store.watch("", 0, { onEvents() {}, onError: (error) => console.error(error) }, { previous: false });
  },
  /** Creates for `ms`; how many were written, and how long each took. */
  async create({ writers, bytes, ms }: { writers: number; bytes: number; ms: number }) {
    const end = performance.now() + ms;
    const latencies: number[] = [];
    const write = async () => {
      while (performance.now() < end) {
        const before = performance.now();
        const value = new Uint8Array(bytes).fill(120);
        await store.compareAndSwap(`/registry/configmaps/bench/store-${written++}`, 0, value);
        latencies.push(performance.now() - before);
      }
    };
    await Promise.all(Array.from({ length: writers }, write));
    return latencies;
  },
});
process.on("SIGTERM", async () => {
  await store.close();
  process.exit(0);
});
