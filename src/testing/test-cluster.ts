import { generateKeyPairSync } from "node:crypto";
import { nodes } from "../api/resource-types.ts";
import type { Node } from "../api/types/core.v1.ts";
import type { UserInfo } from "../api/user.ts";
import { type Clock, sleep, systemClock } from "../base/clock.ts";
import { type Logger, silentLogger } from "../base/logger.ts";
import { systemNetwork } from "../base/network.ts";
import { seededRandom, systemRandom } from "../base/random.ts";
import { type VirtualClock, virtualClock } from "../base/virtual-clock.ts";
import { type ObjectClient, objectClient } from "../client/object-client.ts";
import { IN_PROCESS_COMPONENTS, type InProcess, type InProcessComponent, inProcess } from "../cluster/in-process.ts";
import { kubeconfig } from "../cluster/kubeconfig-file.ts";
import type { ControllerSettings } from "../controllers/settings.ts";
import { type Manager, startManager } from "../operator/manager.ts";
import type { Reconciler } from "../operator/reconciler.ts";
import { type NodeShape, simulatedNode } from "../simulator/simulated-node.ts";
import type { Stage } from "../simulator/stage.ts";
import { nodeStages } from "../simulator/stages/node.ts";
import { podStages } from "../simulator/stages/pod.ts";
import { withoutDelays } from "../simulator/stages/stage-data.ts";
import type { ListResult } from "../store/store.ts";
import { Activity } from "./activity.ts";
import { type Duration, milliseconds } from "./durations.ts";
import { ClusterUseError } from "./errors.ts";
import { type Faults, faults } from "./faults.ts";
import { type SkewedClock, skewedClock } from "./skewed-clock.ts";
import { type TestCertificates, testCertificates } from "./test-certificates.ts";
import { WorkMeter } from "./work-meter.ts";

export interface ClusterOptions {
  /** How many nodes, named `node-1` and so on, or what they are like. Default 1. */
  nodes?: number | readonly Partial<Omit<NodeShape, "index">>[];
  /** `virtual` (the default): time stands still until the test moves it. `real`: the machine's. */
  clock?: "virtual" | "real";
  /** When virtual time begins: a Date, or RFC 3339. Default 2026-01-01T00:00:00Z. */
  startTime?: Date | string;
  /** Replays a run: names, jitter, fault draws. Default: a new one, which `cluster.seed` tells. */
  seed?: number;
  /** How pods and nodes live. `fast`: all happens at once. `realistic`: with delays. Or stages of one's own. Default `fast`. */
  lives?: "fast" | "realistic" | readonly Stage[];
  /** As `--controllers` of kube-controller-manager. Default: all that are on by default. */
  controllers?: readonly string[];
  controllerSettings?: Partial<ControllerSettings>;
  /** Components that are not started: a test can start them later. */
  without?: readonly Exclude<InProcessComponent, "kube-apiserver">[];
  /** Where the components log. Default: nowhere. */
  logger?: Logger;
}

/** A Kubernetes cluster in this process: no child process, no files, no sockets unless asked for. */
export interface Cluster extends AsyncDisposable {
  /** As the administrator. */
  readonly client: ObjectClient;
  /** As somebody else: what the API shows and allows to that user. */
  clientAs(user: UserInfo): ObjectClient;
  readonly clock: ClusterClock;
  readonly seed: number;
  readonly faults: Faults;
  /**
   * Resolves when nothing is left to do: when nothing but signs of life (leases, events) has been written for `quiet`.
   * Virtual time is moved as far as that takes. Rejects with a ClusterUseError after `within`.
   */
  settled(options?: { quiet?: Duration; within?: Duration }): Promise<void>;
  addNode(shape?: Partial<Omit<NodeShape, "index">>): Promise<Node>;
  /** The node falls silent, as if its plug were pulled. */
  stopNode(name: string): void;
  /** A silent node comes back, with its pods as they were. */
  startNode(name: string): void;
  /** Stops a component in the middle of what it does. */
  kill(component: InProcessComponent): Promise<void>;
  /** Starts a component that was killed, or left out at first. Faults may hold it up until the clock is moved. */
  start(component: InProcessComponent): Promise<void>;
  /** `kill` and `start`. */
  crash(component: InProcessComponent): Promise<void>;
  /** Starts controllers of one's own, on the cluster's clock; they end with the cluster, or when they are stopped. */
  startManager(reconcilers: readonly Reconciler[]): Promise<Manager>;
  /** Puts a component's clock ahead (or, below zero, behind) by so many ms. */
  skewClock(component: InProcessComponent, ms: number): void;
  /** Serves the API over TLS on a free port of 127.0.0.1; returns a kubeconfig of the administrator for it. */
  kubeconfig(): Promise<string>;
  dispose(): Promise<void>;
}

export interface ClusterClock {
  /** Wall time in ms. */
  now(): number;
  /** Moves time forward, and runs everything that falls due on the way, in order. With a real clock: waits. */
  advance(by: Duration): Promise<void>;
}

const ADMIN: UserInfo = { name: "kubernetes-admin", groups: ["system:masters", "system:authenticated"] };
/**
 * Of the nodes' leases. They are renewed each quarter of it, which is soon enough for a node to count as lost after 50 s;
 * and a third as often as kubelets do, which is most of what an idle cluster costs.
 */
const LEASE_SECONDS = 120;
const DEFAULT_QUIET = "10s";
const REAL_QUIET_MS = 200;
const DEFAULT_WITHIN = "24h";
const REAL_WITHIN_MS = 60_000;

/** What is made once in a process: a key costs more than a cluster. */
let certificates: TestCertificates | undefined;
let signingKey: string | undefined;
/** What a cluster holds after its start, by when its time began: the next one begins with it. */
const beginnings = new Map<string, Pick<ListResult, "entries" | "revision">>();

/** Starts a cluster. Rejects with a ClusterUseError or a StageError for options that can't be used. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const plan = checkOptions(options);
  const { seed } = plan;
  const random = seededRandom(seed);
  const realTime = systemClock();
  const activity = new Activity(realTime);
  const moved: VirtualClock | undefined =
    plan.start === undefined ? undefined : virtualClock(plan.start, { quiescent: () => activity.quiescent() });
  const clock: Clock = moved ?? systemClock();
  const clocks = new Map<InProcessComponent, SkewedClock>(
    IN_PROCESS_COMPONENTS.map((component) => [component, skewedClock(clock)]),
  );
  signingKey ??= generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
    type: "pkcs8",
    format: "pem",
  }) as string;
  let parts: InProcess;
  const injected = faults({
    clock,
    random,
    activity,
    expireHistory: async () => parts.store.compact(await parts.store.revision()),
  });
  const logger = options.logger ?? silentLogger;
  const beginning = beginnings.get(plan.key);
  parts = inProcess({
    clockFor: (component) => clocks.get(component)!,
    random,
    loggerFor: (component) => logger.with({}, component),
    between: (transport, caller) => injected.between(activity.watch(transport), caller),
    network: systemNetwork,
    security: { serviceAccounts: { issuers: ["https://kubernetes.default.svc"], signingKey } },
    simulator: { stages: plan.stages, leaseDurationSeconds: LEASE_SECONDS },
    controllers: {
      ...(options.controllers ? { names: options.controllers } : {}),
      ...(options.controllerSettings ? { settings: options.controllerSettings } : {}),
    },
    ...(beginning ? { contents: beginning } : {}),
  });
  const meter = new WorkMeter(parts.store, clock);
  const admin = objectClient(parts.client(ADMIN, "test"));
  let disposing: Promise<void> | undefined;
  let served: { port: number } | undefined;
  let nodeCount = 0;
  const managers: Manager[] = [];

  const usable = () => {
    if (disposing) throw new ClusterUseError("disposed", "the cluster was disposed: start another one");
  };
  const serve = (port: number) => {
    certificates ??= testCertificates(Date.now);
    return parts.server.listen({ host: "127.0.0.1", port, ...certificates.server, clientCa: certificates.authority });
  };
  /** Waits for a start as far as it gets at the present time: what is held up by faults goes on as the clock moves. */
  const atOnce = (start: Promise<void>): Promise<unknown> => {
    start.catch((error) => logger.warn("a component did not start", { error }));
    return Promise.race(moved ? [start, activity.quiescent()] : [start]);
  };
  const addNode = (shape: Partial<Omit<NodeShape, "index">> = {}): Promise<Node> => {
    const index = nodeCount++;
    return admin.create(simulatedNode({ name: `node-${index + 1}`, ...shape, index }));
  };

  const cluster: Cluster = {
    client: guarded(admin, usable),
    clientAs: (user) => guarded(objectClient(parts.client(user, "test")), usable),
    seed,
    faults: injected,
    clock: {
      now: () => clock.now(),
      async advance(by) {
        usable();
        const ms = milliseconds(by);
        await (moved ? moved.advance(ms) : sleep(systemClock({ keepAlive: true }), ms));
      },
    },
    async settled({ quiet, within } = {}) {
      usable();
      const quietMs = milliseconds(quiet ?? (moved ? DEFAULT_QUIET : REAL_QUIET_MS));
      const withinMs = milliseconds(within ?? (moved ? DEFAULT_WITHIN : REAL_WITHIN_MS));
      const began = clock.now();
      meter.restart();
      for (;;) {
        await activity.quiescent();
        const idleFrom = meter.lastWorkAt + quietMs;
        const next = moved ? moved.nextDue : clock.now() + 5;
        if (next === undefined || (moved ? next > idleFrom : clock.now() >= idleFrom)) return;
        if (clock.now() - began > withinMs) {
          throw new ClusterUseError(
            "unsettled",
            `still at work after ${withinMs} ms, last on ${meter.lastKeys.join(", ")}`,
          );
        }
        await (moved ? moved.advance(next - clock.now()) : sleep(systemClock({ keepAlive: true }), next - clock.now()));
      }
    },
    async addNode(shape) {
      usable();
      return addNode(shape);
    },
    stopNode(name) {
      usable();
      parts.simulator.stopNode(name);
    },
    startNode(name) {
      usable();
      parts.simulator.startNode(name);
    },
    async kill(component) {
      usable();
      await parts.kill(component);
    },
    async start(component) {
      usable();
      await atOnce(parts.start(component));
      if (component === "kube-apiserver" && served) await serve(served.port);
    },
    async crash(component) {
      await cluster.kill(component);
      await cluster.start(component);
    },
    async startManager(reconcilers) {
      usable();
      const manager = startManager({ client: parts.client(ADMIN, "test-manager"), clock, random, logger, reconcilers });
      managers.push(manager);
      await atOnce(manager.started);
      return manager;
    },
    skewClock(component, ms) {
      usable();
      clocks.get(component)!.skewMs = ms;
    },
    async kubeconfig() {
      usable();
      served ??= { port: (await serve(0)).port };
      const { authority, admin: user } = certificates!;
      return kubeconfig({ name: "knarr-test", server: `https://127.0.0.1:${served.port}`, authority, ...user });
    },
    dispose() {
      disposing ??= (async () => {
        meter.stop();
        for (const manager of managers) await manager.stop();
        await parts.stop();
      })();
      return disposing;
    },
    [Symbol.asyncDispose]: () => cluster.dispose(),
  };

  try {
    await parts.start("kube-apiserver");
    const without = new Set<InProcessComponent>(options.without);
    const others = IN_PROCESS_COMPONENTS.filter((one) => one !== "kube-apiserver" && !without.has(one));
    await Promise.all(others.map((component) => parts.start(component)));
    if (!beginning) {
      await activity.quiescent();
      if (others.includes("kube-controller-manager")) beginnings.set(plan.key, await parts.store.list(""));
    }
    await Promise.all(plan.nodes.map(addNode));
    await activity.quiescent();
    if (!without.has("simulator")) await nodesReady(admin, plan.nodes.length);
  } catch (error) {
    await cluster.dispose();
    throw error;
  }
  return cluster;
}

/** Waits for the first nodes: their first stage has no delay. */
async function nodesReady(client: ObjectClient, count: number): Promise<void> {
  const { items, metadata } = await client.resource(nodes).list();
  const ready = new Set(items.filter(isReady).map((node) => node.metadata!.name));
  if (ready.size >= count) return;
  for await (const event of client.resource(nodes).watch({ resourceVersion: metadata?.resourceVersion ?? "" })) {
    if (event.type === "ERROR" || event.type === "BOOKMARK") continue;
    if (isReady(event.object)) ready.add(event.object.metadata!.name);
    if (ready.size >= count) return;
  }
}

const isReady = (node: Node): boolean =>
  node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;

interface Plan {
  readonly seed: number;
  /** Undefined: real time. */
  readonly start: number | undefined;
  readonly nodes: readonly Partial<Omit<NodeShape, "index">>[];
  readonly stages: readonly Stage[];
  /** Clusters of the same key begin alike. */
  readonly key: string;
}

const OPTIONS: Readonly<Record<keyof ClusterOptions, true>> = {
  nodes: true,
  clock: true,
  startTime: true,
  seed: true,
  lives: true,
  controllers: true,
  controllerSettings: true,
  without: true,
  logger: true,
};
const MOST_NODES = 10_000;
const DEFAULT_START = "2026-01-01T00:00:00Z";

function checkOptions(options: ClusterOptions): Plan {
  const wrong = (message: string) => new ClusterUseError("option", message);
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(OPTIONS, name)) {
      throw wrong(`there is no option ${name}: the options are ${Object.keys(OPTIONS).join(", ")}`);
    }
  }
  const { nodes: wanted = 1, clock = "virtual", lives = "fast" } = options;
  if (clock !== "virtual" && clock !== "real")
    throw wrong(`clock must be "virtual" or "real", not ${JSON.stringify(clock)}`);
  if (options.startTime !== undefined && clock === "real") throw wrong("startTime needs a virtual clock");
  const shapes = typeof wanted === "number" ? Array.from({ length: checkCount(wanted) }, () => ({})) : wanted;
  const seed = options.seed ?? Math.floor(systemRandom().next() * 2 ** 32);
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
    throw wrong("seed must be a whole number from 0 to 4294967295");
  const start = clock === "real" ? undefined : Date.parse(String(asText(options.startTime ?? DEFAULT_START)));
  if (Number.isNaN(start))
    throw wrong(`startTime ${JSON.stringify(options.startTime)} is no time: give a Date or RFC 3339`);
  for (const name of options.without ?? []) {
    if (!IN_PROCESS_COMPONENTS.includes(name)) throw wrong(`there is no component ${JSON.stringify(name)}`);
  }
  const pods = lives === "fast" ? withoutDelays(podStages) : podStages;
  if (typeof lives === "string" && lives !== "fast" && lives !== "realistic") {
    throw wrong(`lives must be "fast", "realistic" or a list of stages, not ${JSON.stringify(lives)}`);
  }
  return {
    seed,
    start,
    nodes: shapes,
    stages: typeof lives === "string" ? [...nodeStages, ...pods] : lives,
    key: JSON.stringify([start ?? "real", options.controllers ?? "*"]),
  };
}

function checkCount(count: number): number {
  if (Number.isInteger(count) && count >= 0 && count <= MOST_NODES) return count;
  throw new ClusterUseError("option", `nodes must be a whole number from 0 to ${MOST_NODES}, not ${count}`);
}

const asText = (time: Date | string): string => (typeof time === "string" ? time : time.toISOString());

/** The client, refusing to work once the cluster is gone. */
function guarded(client: ObjectClient, usable: () => void): ObjectClient {
  return new Proxy(client, {
    get(target, name, receiver) {
      usable();
      return Reflect.get(target, name, receiver);
    },
  });
}
