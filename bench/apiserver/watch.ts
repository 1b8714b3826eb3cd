import { Http1Connection, http1Request } from "./http1-load.ts";
import { Http2Connection, http2Get } from "./http2-load.ts";
import { configMap } from "./objects.ts";
import { type Figure, median, percentile } from "./report.ts";
import type { KnarrServer, Server } from "./servers.ts";

const WATCHERS = 1000;
const CONNECTIONS = 4;
const BYTES = 1024;
const PATH = "/api/v1/namespaces/bench/configmaps";
const WATCH = http2Get(`${PATH}?watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan`);

/** Notes when each of many watchers gets what. */
class Watchers {
  delivered = 0;
  latencies: number[] = [];
  readonly connections: Http2Connection[];

  constructor(connections: Http2Connection[]) {
    this.connections = connections;
  }

  static async open(port: number, knarr: KnarrServer, headers: Buffer): Promise<Watchers> {
    const open = () => Http2Connection.open(port, knarr.user);
    const connections = await Promise.all(Array.from({ length: CONNECTIONS }, open));
    const all = new Watchers(connections);
    for (let index = 0; index < WATCHERS; index++) {
      const take = (data: Buffer) => all.#take(data);
      connections[index % CONNECTIONS]!.get(headers, take).catch(() => {});
    }
    return all;
  }

  /** Every event ends in a newline, and all those of a test are equally long. */
  #take(data: Buffer): void {
    const now = performance.now();
    for (let at = data.indexOf(MARKER); at >= 0; at = data.indexOf(MARKER, at + 1)) {
      this.delivered++;
      const begin = at + MARKER.length;
      this.latencies.push(now - Number(data.toString("latin1", begin, begin + MARK_DIGITS)) / 1000);
    }
  }

  reset(): void {
    this.delivered = 0;
    this.latencies = [];
  }

  close(): void {
    for (const connection of this.connections) connection.close();
  }
}
/** In front of the time when an event was caused. */
const MARKER = Buffer.from('"marker":"');
const MARK_DIGITS = 12;
const mark = () => String(Math.round(performance.now() * 1000)).padStart(MARK_DIGITS, "0");

/** How fast changes reach a thousand watchers, and what that costs; beside a server that writes the same bytes to as many streams. */
export async function watchFigures(
  knarr: KnarrServer,
  bare: Server,
  seconds: number,
  rounds: number,
): Promise<Figure[]> {
  const writers = await Promise.all(Array.from({ length: 8 }, () => Http1Connection.open(knarr.port, knarr.user)));
  const object = (name: string) => configMap("bench", name, BYTES, mark());
  const write = async (connection: Http1Connection, index: number) => {
    const name = `watched-${index}`;
    const answer = await connection.send(http1Request("PUT", `${PATH}/${name}`, { body: object(name) }));
    if (answer.status !== 200) throw new Error(`status ${answer.status} of an update`);
  };
  for (const [index, connection] of writers.entries()) {
    await connection.send(http1Request("POST", PATH, { body: object(`watched-${index}`) }));
  }
  const ours = await Watchers.open(knarr.port, knarr, WATCH);
  const theirs = await Watchers.open(bare.http2Port, knarr, http2Get("/watch"));
  await settle();

  /** Causes `perSecond` changes, evenly, for a while; `cause` gets the number of each. */
  const atRate = async (perSecond: number, ms: number, cause: (index: number) => Promise<unknown>) => {
    const begin = performance.now();
    const total = Math.round((perSecond * ms) / 1000);
    const waiting: Promise<unknown>[] = [];
    for (let index = 0; index < total; ) {
      const due = Math.min(total, Math.floor(((performance.now() - begin) * perSecond) / 1000));
      for (; index < due; index++) waiting.push(cause(index));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(waiting);
    return { total, ms: performance.now() - begin };
  };
  const busy = writers.map(() => Promise.resolve());
  const update = (index: number) => {
    const slot = index % writers.length;
    busy[slot] = busy[slot]!.then(() => write(writers[slot]!, slot));
    return busy[slot]!;
  };
  const event = (): string => {
    const shown = object("watched-0");
    return `${JSON.stringify({ type: "MODIFIED", object: { ...shown, metadata: { ...shown.metadata, uid: "b0dd37c0-5c3b-4d7e-af12-511b35ad771c", resourceVersion: "123456" } } })}\n`;
  };
  const publish = () => bare.process.call("publish", event());

  const figures: Figure[] = [];
  for (const rate of [10, 100]) {
    const cores = { ours: [] as number[], theirs: [] as number[] };
    const latencies: number[] = [];
    const ceilings: number[] = [];
    for (let round = -1; round < rounds; round++) {
      const ms = round < 0 ? 1500 : seconds * 1000;
      ours.reset();
      await knarr.process.usage();
      const run = await atRate(rate, ms, update);
      await arrived(ours, run.total);
      const usage = await knarr.process.usage();
      theirs.reset();
      await bare.process.usage();
      const bareRun = await atRate(rate, ms, publish);
      await arrived(theirs, bareRun.total);
      const bareUsage = await bare.process.usage();
      if (round < 0) continue;
      cores.ours.push(usage.cpuMs / run.ms);
      cores.theirs.push(bareUsage.cpuMs / bareRun.ms);
      for (const one of ours.latencies) latencies.push(one);
      for (const one of theirs.latencies) ceilings.push(one);
    }
    const what = `${rate} changes/s to ${WATCHERS} watchers`;
    const isLatency = rate === 10;
    figures.push(
      {
        name: `${what}, from the request to the watcher, p50`,
        value: percentile(latencies, 0.5),
        unit: "ms",
        ceiling: percentile(ceilings, 0.5),
      },
      { name: `${what}, from the request to the watcher, p99`, value: percentile(latencies, 0.99), unit: "ms" },
      { name: `${what}, p99 of the bare server`, value: percentile(ceilings, 0.99), unit: "ms" },
      { name: `${what}, processor`, value: median(cores.ours), unit: "cores", ceiling: median(cores.theirs) },
    );
    if (isLatency)
      figures.push({
        name: `a change reaches ${WATCHERS} watchers, p99`,
        value: percentile(latencies, 0.99),
        unit: "ms",
        atMost: 20,
      });
    else
      figures.push({
        name: `${(rate * WATCHERS).toLocaleString("en")} deliveries/s`,
        value: median(cores.ours),
        unit: "cores",
        atMost: 0.5,
      });
  }
  ours.close();
  theirs.close();
  for (const connection of writers) connection.close();
  return figures;
}

/** Waits until every watcher has got every change. */
async function arrived(watchers: Watchers, changes: number): Promise<void> {
  const until = performance.now() + 10_000;
  while (watchers.delivered < changes * WATCHERS) {
    if (performance.now() > until) throw new Error(`${watchers.delivered} of ${changes * WATCHERS} changes arrived`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 500));
