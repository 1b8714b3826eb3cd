import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Http1Connection, http1Request } from "./http1-load.ts";
import { type Figure, median, percentile } from "./report.ts";
import type { KnarrServer, Server } from "./servers.ts";

const LIST = "/api/v1/pods";
const TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1";
const PROTOBUF = "application/vnd.kubernetes.protobuf";

/** LIST of all pods, beside a server that sends the same bytes; and the other forms of it, for how long they hold the loop. */
export async function listFigures(knarr: KnarrServer, bare: Server, rounds: number): Promise<Figure[]> {
  const connection = await Http1Connection.open(knarr.port, knarr.user);
  const request = http1Request("GET", LIST);
  const { status, body } = await connection.send(request, true);
  if (status !== 200) throw new Error(`${LIST}: ${body}`);
  const file = join(knarr.directory, "list.json");
  await writeFile(file, body!);
  await bare.process.call("bodyFile", { path: LIST, file });
  const { items } = JSON.parse(body!.toString()) as { items: unknown[] };
  const megabytes = body!.length / 1e6;

  const servers = [
    { process: knarr.process, connection, cpu: [] as number[], first: [] as number[], held: [] as number[] },
    {
      process: bare.process,
      connection: await Http1Connection.open(bare.port, knarr.user),
      cpu: [] as number[],
      first: [] as number[],
      held: [] as number[],
    },
  ];
  for (let round = -2; round < rounds; round++) {
    for (const server of servers) {
      await server.process.usage();
      const { firstMs } = await server.connection.send(request);
      const { cpuMs, heldMs } = await server.process.usage();
      if (round < 0) continue;
      server.cpu.push(megabytes / (cpuMs / 1000));
      server.first.push(firstMs);
      server.held.push(heldMs);
    }
  }
  const [ours, theirs] = servers as [(typeof servers)[0], (typeof servers)[0]];
  const ceiling = median(theirs.cpu);
  const ratio = median(ours.cpu.map((rate, round) => rate / theirs.cpu[round]!));
  const name = `LIST of ${items.length} pods (${megabytes.toFixed(0)} MB)`;
  const figures: Figure[] = [
    { name, value: ratio * ceiling, unit: "MB/cpu-s", ceiling, atLeast: 0.8 },
    { name: `${name}, first byte`, value: median(ours.first), unit: "ms", atMost: 20 },
    { name: `${name}, first byte of the bare server`, value: median(theirs.first), unit: "ms" },
    { name: `${name}, loop held`, value: percentile(ours.held, 1), unit: "ms", atMost: 50 },
  ];
  const forms: [string, Record<string, string>, string][] = [
    ["as JSON with gzip", { "accept-encoding": "gzip" }, ""],
    ["as protobuf", { accept: PROTOBUF }, ""],
    ["as a table", { accept: TABLE }, ""],
    ["by a label selector (1%)", {}, "?labelSelector=shard%3D7"],
    ["by a field selector (1%)", {}, "?fieldSelector=spec.nodeName%3Dnode-7"],
  ];
  for (const [form, headers, query] of forms) {
    const asked = http1Request("GET", LIST + query, { headers });
    const times: number[] = [];
    const firsts: number[] = [];
    let held = 0;
    for (let round = 0; round < Math.max(3, rounds >> 1); round++) {
      await knarr.process.usage();
      const answer = await connection.send(asked, headers["accept-encoding"] !== undefined && round === 0);
      if (answer.status !== 200) throw new Error(`${form}: ${answer.status}`);
      if (answer.body && gunzipSync(answer.body).length !== body!.length) throw new Error("gzip changed the list");
      held = Math.max(held, (await knarr.process.usage()).heldMs);
      times.push(answer.ms);
      firsts.push(answer.firstMs);
    }
    figures.push({ name: `LIST ${form}`, value: median(times), unit: "ms" });
    figures.push({ name: `LIST ${form}, first byte`, value: median(firsts), unit: "ms" });
    figures.push({ name: `LIST ${form}, loop held`, value: held, unit: "ms", atMost: 50 });
  }
  for (const server of servers) server.connection.close();
  return figures;
}
