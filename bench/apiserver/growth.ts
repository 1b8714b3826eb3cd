import { Http1Connection, http1Request } from "./http1-load.ts";
import { configMap } from "./objects.ts";
import { type Figure, median } from "./report.ts";
import { type KnarrServer, knarrServer } from "./servers.ts";

const SMALL = 100;
const LARGE = 100_000;
const BYTES = 600;
const CLIENTS = 16;
const PATH = "/api/v1/namespaces/bench/configmaps";

/** What requests cost a server that holds many objects, beside one that holds few. */
export async function growthFigures(programs: string, ms: number, rounds: number): Promise<Figure[]> {
  const servers: KnarrServer[] = [];
  for (const configMaps of [SMALL, LARGE]) {
    servers.push(await knarrServer(programs, { configMaps, configMapBytes: BYTES }));
  }
  const connections = await Promise.all(
    servers.map(({ port, user }) =>
      Promise.all(Array.from({ length: CLIENTS }, () => Http1Connection.open(port, user))),
    ),
  );
  let made = 0;
  const requests: [string, () => Buffer, number][] = [
    ["GET", () => http1Request("GET", `${PATH}/seed-7`), 200],
    ["LIST with a limit of 50", () => http1Request("GET", `${PATH}?limit=50`), 200],
    ["LIST of one by name", () => http1Request("GET", `${PATH}?fieldSelector=metadata.name%3Dseed-7`), 200],
    ["create", () => http1Request("POST", PATH, { body: configMap("bench", `made-${made++}`, BYTES) }), 201],
    [
      "update",
      () => {
        const name = `seed-${made++ % SMALL}`;
        return http1Request("PUT", `${PATH}/${name}`, { body: configMap("bench", name, BYTES, String(made)) });
      },
      200,
    ],
  ];
  const figures: Figure[] = [];
  for (const [name, request, expected] of requests) {
    const costs: [number[], number[]] = [[], []];
    for (let round = -1; round < rounds; round++) {
      for (const [index, server] of servers.entries()) {
        const end = performance.now() + ms;
        let count = 0;
        await server.process.usage();
        const work = async (connection: Http1Connection) => {
          for (; performance.now() < end; count++) {
            const { status } = await connection.send(request());
            if (status !== expected) throw new Error(`status ${status} of ${name}`);
          }
        };
        await Promise.all(connections[index]!.map(work));
        if (round >= 0) costs[index]!.push(((await server.process.usage()).cpuMs * 1000) / count);
      }
    }
    const ceiling = median(costs[0]);
    const ratio = median(costs[1].map((cost, round) => cost / costs[0][round]!));
    figures.push({
      name: `${name} with ${LARGE} objects, beside ${SMALL}`,
      value: ratio * ceiling,
      unit: "µs",
      ceiling,
      atMost: 1.3,
    });
  }
  for (const all of connections) for (const connection of all) connection.close();
  for (const server of servers) await server.process.stop();
  return figures;
}
