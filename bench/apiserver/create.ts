import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Http1Connection, http1Request } from "./http1-load.ts";
import { configMap, newPod } from "./objects.ts";
import { startProcess } from "./process.ts";
import { type Figure, median, percentile } from "./report.ts";
import type { KnarrServer } from "./servers.ts";

const CLIENTS = 100;
const BYTES = 2048;

/** Durable creates by many clients at once, beside what the store takes when nothing else is to be done. */
export async function createFigures(
  programs: string,
  knarr: KnarrServer,
  seconds: number,
  rounds: number,
): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), "knarr-bench-store-"));
  const store = await startProcess(join(programs, "bare-store.js"));
  await store.call("start", { directory });
  const connections = await Promise.all(
    Array.from({ length: CLIENTS }, () => Http1Connection.open(knarr.port, knarr.user)),
  );
  let made = 0;
  const create = async (path: string, make: (name: string) => object, ms: number): Promise<number[]> => {
    const end = performance.now() + ms;
    const latencies: number[] = [];
    const work = async (connection: Http1Connection) => {
      while (performance.now() < end) {
        const answer = await connection.send(http1Request("POST", path, { body: make(`made-${made++}`) }));
        if (answer.status !== 201) throw new Error(`status ${answer.status} of ${path}`);
        latencies.push(answer.ms);
      }
    };
    await Promise.all(connections.map(work));
    return latencies;
  };
  const kinds: [string, string, (name: string) => object][] = [
    ["ConfigMaps of 2 KB", "configmaps", (name) => configMap("bench", name, BYTES)],
    ["pods", "pods", (name) => newPod("bench", name)],
  ];
  const figures: Figure[] = [];
  for (const [name, resource, make] of kinds) {
    const path = `/api/v1/namespaces/bench/${resource}`;
    const rates: { ours: number[]; cpu: number[]; store: number[]; latencies: number[] } = {
      ours: [],
      cpu: [],
      store: [],
      latencies: [],
    };
    for (let round = -1; round < rounds; round++) {
      const ms = (round < 0 ? 2 : seconds) * 1000;
      await knarr.process.usage();
      const latencies = await create(path, make, ms);
      const { cpuMs } = await knarr.process.usage();
      const direct = await store.call<number[]>("create", { writers: CLIENTS, bytes: BYTES, ms });
      if (round < 0) continue;
      rates.ours.push((latencies.length / ms) * 1000);
      rates.cpu.push((cpuMs * 1000) / latencies.length);
      rates.store.push((direct.length / ms) * 1000);
      rates.latencies.push(...latencies);
    }
    const ceiling = median(rates.store);
    const ratio = median(rates.ours.map((rate, round) => rate / rates.store[round]!));
    const target = resource === "configmaps" ? { atLeast: 0.5 } : {};
    figures.push(
      {
        name: `durable creates of ${name}, ${CLIENTS} clients`,
        value: ratio * ceiling,
        unit: "per s",
        ceiling,
        ...target,
      },
      { name: `durable creates of ${name}, processor time of one`, value: median(rates.cpu), unit: "µs" },
      { name: `durable creates of ${name}, p99`, value: percentile(rates.latencies, 0.99), unit: "ms", atMost: 50 },
    );
  }
  for (const connection of connections) connection.close();
  await store.stop();
  await rm(directory, { recursive: true });
  return figures;
}
