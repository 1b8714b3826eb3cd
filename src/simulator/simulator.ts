/**
 * Nodes without machines: the part of a kubelet and its runtime that the API sees, played from stages. One simulator
 * plays any number of nodes and the pods on them, and whatever other kinds its stages are about.
 */
import type { ResourceType, UnknownObject } from "../api/object.ts";
import { nodes, pods } from "../api/resource-types.ts";
import { servedResources } from "../api/schema/served-resources.ts";
import type { Node, Pod } from "../api/types/core.v1.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import type { Client } from "../client/client.ts";
import { eventRecorder } from "../client/event-broadcaster.ts";
import type { Informer } from "../client/informer.ts";
import { informerFactory } from "../client/informer-factory.ts";
import { keepNodeLease } from "../client/node-lease.ts";
import { time } from "../client/timestamps.ts";
import { type CompiledStage, compileStage } from "./lifecycle.ts";
import { type Player, player } from "./player.ts";
import { PodAddresses } from "./pod-addresses.ts";
import { type Stage, StageError } from "./stage.ts";
import { type StageFunctionsContext, stageFunctions } from "./template-functions.ts";

export interface SimulatorOptions {
  /** Must be allowed to change nodes, pods, leases and events, and whatever else the stages are about. */
  client: Client;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** The lives of nodes, pods and other objects: see stages/. */
  stages: readonly Stage[];
  /** Which nodes are played. Default: those that carry the annotation SIMULATED_NODE. */
  plays?(node: Node): boolean;
  /** Of each node's lease, in seconds; 0: no leases are kept. Default 40. */
  leaseDurationSeconds?: number;
  /** Where the nodes' kubelet API is served, if anywhere. */
  kubeletPort?: number;
  version?: string;
}

export interface Simulator {
  /** Resolves when the first listing has been taken in. */
  readonly started: Promise<void>;
  /** Resolves when all has stopped; rejects where it ended by itself. */
  readonly done: Promise<void>;
  /** The node falls silent: no lease, no status, its pods stay as they are; until `startNode`. */
  stopNode(name: string): void;
  startNode(name: string): void;
  stop(): Promise<void>;
}

/** The annotation of nodes that a simulator plays, as kwok's controller takes it. */
export const SIMULATED_NODE = { key: "kwok.x-k8s.io/node", value: "fake" } as const;
const DEFAULT_LEASE_SECONDS = 40;

/** Starts to play. Throws a StageError for stages that can't be used. */
export function startSimulator(options: SimulatorOptions): Simulator {
  const { client, clock, random, logger } = options;
  const plays = options.plays ?? isSimulated;
  const stopping = new AbortController();
  const informers = informerFactory({ client, clock, random, logger });
  const silent = new Set<string>();
  const addresses = new PodAddresses();
  const nodeInformer = informers.informer(nodes);
  const played = (name: string | undefined): Node | undefined => {
    const node = name ? nodeInformer.get(name) : undefined;
    return node && plays(node) && !silent.has(node.metadata!.name!) ? node : undefined;
  };

  const context: StageFunctionsContext = {
    now: () => time(clock.now()),
    startTime: time(clock.now()),
    version: options.version ?? "knarr",
    ...(options.kubeletPort === undefined ? {} : { nodePort: options.kubeletPort }),
    nodeIp: (name) => nodeAddress(nodeInformer.get(name)),
    podIp: (name, uid) => addresses.of(name, nodeInformer.get(name)?.spec?.podCIDR, uid),
  };
  const functions = stageFunctions(context);
  const stages = Map.groupBy(
    options.stages.map((stage) => compileStage(stage, functions)),
    ({ apiVersion, kind }) => `${apiVersion}/${kind}`,
  );
  const recorder = eventRecorder({
    client,
    clock,
    random,
    logger,
    component: "kubelet",
    signal: stopping.signal,
  });

  const players = new Map<string, Player>();
  for (const [key, ofKind] of stages) {
    const type = typeOf(ofKind[0]!);
    const informer = informers.informer(type) as Informer<UnknownObject>;
    const shared = { type, stages: ofKind, informer, client, recorder, clock, random, logger };
    players.set(
      key,
      player({
        ...shared,
        plays: (object) => {
          if (type.kind === "Node") return played(object.metadata?.name) !== undefined;
          if (type.kind === "Pod") return played((object as Pod).spec?.nodeName) !== undefined;
          return true;
        },
        functionsFor: (object) =>
          type.kind === "Node" ? stageFunctions({ ...context, nodeName: object.metadata?.name ?? "" }) : {},
      }),
    );
  }

  const podInformer = informers.informer(pods);
  podInformer.addIndex("node", (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
  podInformer.on({
    add: ({ metadata, spec, status }) => {
      const name = spec?.nodeName;
      if (name && status?.podIP && !spec.hostNetwork) {
        addresses.keep(name, nodeInformer.get(name)?.spec?.podCIDR, metadata?.uid ?? "", status.podIP);
      }
    },
    delete: ({ metadata, spec }) => addresses.release(spec?.nodeName ?? "", metadata?.uid ?? ""),
  });

  const leases = new Map<string, AbortController>();
  const leaseDurationSeconds = options.leaseDurationSeconds ?? DEFAULT_LEASE_SECONDS;
  /** Keeps the lease of each node that is played, and of no other. */
  const settleLease = (name: string) => {
    const wanted = leaseDurationSeconds > 0 && played(name) !== undefined;
    const keeping = leases.get(name);
    if (wanted && !keeping) {
      const ending = new AbortController();
      leases.set(name, ending);
      const nodeUid = () => nodeInformer.get(name)?.metadata?.uid;
      const signal = AbortSignal.any([ending.signal, stopping.signal]);
      void keepNodeLease(
        { client, clock, logger, nodeName: name, durationSeconds: leaseDurationSeconds, nodeUid },
        signal,
      );
    } else if (!wanted && keeping) {
      keeping.abort();
      leases.delete(name);
    }
  };
  const reconsider = (name: string) => {
    settleLease(name);
    const node = nodeInformer.get(name);
    if (node) players.get("v1/Node")?.reconsider(node as UnknownObject);
    for (const pod of podInformer.byIndex("node", name)) players.get("v1/Pod")?.reconsider(pod as UnknownObject);
  };
  nodeInformer.on({
    add: ({ metadata }) => reconsider(metadata!.name!),
    update: (old, node) => {
      if (plays(old) !== plays(node)) reconsider(node.metadata!.name!);
    },
    delete: ({ metadata }) => {
      settleLease(metadata!.name!);
      silent.delete(metadata!.name!);
      addresses.removeNode(metadata!.name!);
    },
  });

  informers.start();
  const started = informers.synced(stopping.signal);
  const done = started
    .then(() => Promise.all([...players.values()].map((one) => one.run(stopping.signal))))
    .then(() => {})
    .catch((error) => {
      if (!stopping.signal.aborted) throw error;
    });
  done.catch(() => {});
  return {
    started,
    done,
    stopNode(name) {
      silent.add(name);
      settleLease(name);
    },
    startNode(name) {
      silent.delete(name);
      reconsider(name);
    },
    async stop() {
      stopping.abort();
      await informers.stop();
      await done;
    },
  };
}

export const isSimulated = (node: Node): boolean =>
  node.metadata?.annotations?.[SIMULATED_NODE.key] === SIMULATED_NODE.value;

const nodeAddress = (node: Node | undefined): string | undefined =>
  node?.status?.addresses?.find(({ type }) => type === "InternalIP")?.address;

function typeOf({ apiVersion, kind, name }: CompiledStage): ResourceType {
  const found = servedResources(true).find(
    (one) => one.kind === kind && (one.group === "" ? one.version : `${one.group}/${one.version}`) === apiVersion,
  );
  if (!found) throw new StageError(`stage ${name}: there is no built-in kind ${kind} in ${apiVersion}`);
  const { group, version, resource, namespaced } = found;
  return { group, version, resource, kind, namespaced };
}
