import type { Credentials } from "./credentials.ts";
import { Http1Connection, http1Request } from "./http1-load.ts";
import { Http2Connection, http2Get } from "./http2-load.ts";
import { runningPod } from "./objects.ts";
import { type Figure, median } from "./report.ts";
import type { KnarrServer, Server } from "./servers.ts";

const CONNECTIONS = 32;
const STREAMS = 25;
const SESSIONS = 4;
const POD = `/api/v1/namespaces/bench/pods/${runningPod("bench", 7).metadata!.name}`;

/** GET of one pod, beside a server that has nothing to do but to send the same bytes. */
export async function getFigures(knarr: KnarrServer, bare: Server, ms: number, rounds: number): Promise<Figure[]> {
  const connection = await Http1Connection.open(knarr.port, knarr.user);
  const { status, body } = await connection.send(http1Request("GET", POD), true);
  if (status !== 200) throw new Error(`${POD}: ${body}`);
  connection.close();
  await bare.process.call("body", { path: POD, bytes: body!.toString("base64") });
  const figures: Figure[] = [];
  for (const [name, open] of [
    ["HTTP/1.1", openHttp1],
    ["HTTP/2", openHttp2],
  ] as const) {
    const loads = { knarr: await open(knarr, knarr.user), bare: await open(bare, knarr.user) };
    const rates: Record<keyof typeof loads, number[]> = { knarr: [], bare: [] };
    for (let round = -1; round < rounds; round++) {
      for (const [which, load] of Object.entries(loads) as [keyof typeof loads, Load][]) {
        const { process } = which === "knarr" ? knarr : bare;
        await process.usage();
        const count = await load.run(round < 0 ? 3000 : ms);
        const { cpuMs } = await process.usage();
        if (round >= 0) rates[which].push((count / cpuMs) * 1000);
      }
    }
    for (const load of Object.values(loads)) load.close();
    const ratio = median(rates.knarr.map((rate, round) => rate / rates.bare[round]!));
    const ceiling = median(rates.bare);
    const unit = "req/cpu-s";
    figures.push({
      name: `GET of one pod (${body!.length} bytes), ${name}`,
      value: ratio * ceiling,
      unit,
      ceiling,
      atLeast: 0.6,
    });
  }
  return figures;
}

/** Requests without end. */
export interface Load {
  /** How many were answered in so long. */
  run(ms: number): Promise<number>;
  close(): void;
}

export async function openHttp1({ port }: Server, credentials: Credentials): Promise<Load> {
  const open = () => Http1Connection.open(port, credentials);
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, open));
  const request = http1Request("GET", POD);
  return {
    async run(ms) {
      const end = performance.now() + ms;
      let count = 0;
      const work = async (connection: Http1Connection) => {
        while (performance.now() < end) {
          const { status } = await connection.send(request);
          if (status !== 200) throw new Error(`status ${status}`);
          count++;
        }
      };
      await Promise.all(connections.map(work));
      return count;
    },
    close: () => connections.forEach((connection) => void connection.close()),
  };
}

export async function openHttp2({ http2Port }: Server, credentials: Credentials): Promise<Load> {
  const open = () => Http2Connection.open(http2Port, credentials);
  const connections = await Promise.all(Array.from({ length: SESSIONS }, open));
  const request = http2Get(POD);
  return {
    async run(ms) {
      const end = performance.now() + ms;
      let count = 0;
      const work = async (index: number) => {
        const connection = connections[index % SESSIONS]!;
        for (; performance.now() < end; count++) await connection.get(request);
      };
      await Promise.all(Array.from({ length: SESSIONS * STREAMS }, (_, index) => work(index)));
      return count;
    },
    close: () => connections.forEach((connection) => void connection.close()),
  };
}
