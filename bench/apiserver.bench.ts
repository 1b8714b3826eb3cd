/**
 * What the API server does with full authentication and authorization, each figure beside its ceiling in the same run:
 * `node bench/apiserver.bench.ts [SECONDS] [FIGURE ...]` with the figures get, list, create, watch, memory and growth.
 * Prints, asserts nothing. Server and load are processes of their own, each on one processor where there are two; rounds of the
 * server and of its ceiling take turns. Rates are per second of the server's processor time, so that others on the machine
 * matter little. Medians.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { NODE_FLAGS } from "../src/cluster/up.ts";
import { bundle } from "./apiserver/bundle.ts";
import { createFigures } from "./apiserver/create.ts";
import { getFigures } from "./apiserver/get.ts";
import { growthFigures } from "./apiserver/growth.ts";
import { Http1Connection, http1Request } from "./apiserver/http1-load.ts";
import { listFigures } from "./apiserver/list.ts";
import { PINNED, pinLoad } from "./apiserver/process.ts";
import { type Figure, show } from "./apiserver/report.ts";
import { bareServer, type KnarrServer, knarrServer } from "./apiserver/servers.ts";
import { watchFigures } from "./apiserver/watch.ts";

const PODS = 10_000;
const ROUNDS = 5;
/** Of what is held against a ceiling: short rounds, as others on the machine come and go. */
const SHORT_ROUNDS = 15;
const args = process.argv.slice(2);
const seconds = Number(args.find((argument) => /^[\d.]+$/.test(argument)) ?? 1);
const wanted = args.filter((argument) => !/^[\d.]+$/.test(argument));
const wants = (figure: string) => wanted.length === 0 || wanted.includes(figure);

const load = () =>
  loadavg()
    .map((one) => one.toFixed(1))
    .join(" ");
console.log(
  `${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, load ${load()}, ${PINNED ? "pinned" : "not pinned"}`,
);
const report = (figures: readonly Figure[]) => figures.forEach((figure) => void console.log(show(figure)));
pinLoad();
const programs = await mkdtemp(join(tmpdir(), "knarr-bench-"));
try {
  await bundle(programs);
  if (wants("memory")) report(await memoryFigures());
  if (["get", "list", "watch"].some(wants)) {
    const knarr = await knarrServer(programs, { pods: PODS });
    const bare = await bareServer(programs, knarr.directory);
    if (wants("get")) report(await getFigures(knarr, bare, seconds * 300, SHORT_ROUNDS));
    if (wants("list")) report(await listFigures(knarr, bare, ROUNDS * 2));
    if (wants("watch")) report(await watchFigures(knarr, bare, seconds * 2, ROUNDS));
    await bare.process.stop();
    await knarr.process.stop();
  }
  if (wants("create")) {
    const knarr = await knarrServer(programs);
    report(await createFigures(programs, knarr, seconds, ROUNDS));
    await knarr.process.stop();
  }
  if (wants("growth")) report(await growthFigures(programs, seconds * 500, ROUNDS));
  console.log(`load at the end ${load()}`);
} finally {
  await rm(programs, { recursive: true });
}

/** What the server holds with many pods in it, with Node's flags in a cluster: at rest, and after it has sent them. */
async function memoryFigures(): Promise<Figure[]> {
  const empty = await knarrServer(programs, {}, NODE_FLAGS);
  const before = await resident(empty);
  await empty.process.stop();
  const full = await knarrServer(programs, { pods: PODS }, NODE_FLAGS);
  const list = async (query: string) => {
    const connection = await Http1Connection.open(full.port, full.user);
    const { status } = await connection.send(http1Request("GET", `/api/v1/pods${query}`));
    if (status !== 200) throw new Error(`status ${status} of a list`);
    connection.close();
  };
  await list("?limit=1");
  const loaded = await resident(full);
  for (let round = 0; round < 5; round++) await list("");
  await list("?labelSelector=shard%3D7");
  const listed = await resident(full);
  await full.process.stop();
  return [
    { name: "resident, no pods", value: before, unit: "MiB" },
    { name: `resident, ${PODS} pods of 4 KB loaded`, value: loaded, unit: "MiB", atMost: 150 },
    { name: `resident, ${PODS} pods of 4 KB after lists and selectors`, value: listed, unit: "MiB", atMost: 150 },
  ];
}

/** Once it has come to rest. */
async function resident({ process }: KnarrServer): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 3000));
  return (await process.usage()).residentMiB;
}
