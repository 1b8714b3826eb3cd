import type { Clock, Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { ContainerStatus, Runtime, SandboxStatus } from "../runtime.ts";
import { type PodContainer, type PodState, podContainer } from "./pod-state.ts";
import { POD_UID_LABEL } from "./runtime-labels.ts";

/**
 * The kubelet's copy of the runtime's sandboxes and containers, by pod (upstream's PLEG and its cache in one):
 *
 * - The runtime's events name what changed; that one thing is looked at again.
 * - A slow relist finds what an event missed, and is what `healthy` speaks of.
 * - Whoever changes something through the runtime calls `refresh…` or `forget…` for it, so that the next look is true.
 * - An answer never replaces one that was asked for later.
 */
export interface RuntimeCache {
  /** What the runtime has of the pod, as last seen. */
  state(podUid: string): PodState;
  hasSandbox(id: string): boolean;
  /** The uids of all pods that have something in the runtime. */
  pods(): string[];
  refreshSandbox(id: string): Promise<SandboxStatus | undefined>;
  refreshContainer(id: string): Promise<ContainerStatus | undefined>;
  forgetSandbox(id: string): void;
  forgetContainer(id: string): void;
  /** Looks at everything now. Rejects with the runtime's error. */
  relist(): Promise<void>;
  /** Whether a relist succeeded within upstream's threshold of three minutes; a message where not. */
  healthy(): string | undefined;
  start(): void;
  stop(): void;
}

export interface RuntimeCacheOptions {
  runtime: Runtime;
  clock: Clock;
  logger: Logger;
  /** Called with a pod's uid after its state changed. */
  onChange(podUid: string): void;
  relistPeriodMs?: number;
}

/** A relist costs two listings, some 3 ms: the runtime's events do the work, this only repairs. */
const RELIST_PERIOD_MS = 20_000;
const UNHEALTHY_AFTER_MS = 180_000;

interface Entry<T> {
  /** The number of the question whose answer this is. */
  asked: number;
  status: T | undefined;
}

export function runtimeCache(options: RuntimeCacheOptions): RuntimeCache {
  const { runtime, clock, logger } = options;
  const sandboxes = new Map<string, Entry<SandboxStatus>>();
  const containers = new Map<string, Entry<ContainerStatus>>();
  const states = new Map<string, PodState>();
  let questions = 0;
  let relistedAt: number | undefined;
  let relisting: Promise<void> | undefined;
  let subscription: { close(): void } | undefined;
  let timer: Timer | undefined;
  let startedAt = clock.monotonic();

  const uidOf = (status: { labels: Record<string, string> } | undefined) => status?.labels[POD_UID_LABEL];

  /** Takes an answer in; returns the pod it belongs to where that pod's state is another now. */
  const take = <T extends { id: string; labels: Record<string, string> }>(
    table: Map<string, Entry<T>>,
    id: string,
    asked: number,
    status: T | undefined,
  ): string | undefined => {
    const known = table.get(id);
    if (known && known.asked > asked) return undefined;
    if (status === undefined) {
      // Kept as a tombstone for answers still under way; a relist sweeps it.
      if (known) table.set(id, { asked, status: undefined });
      return uidOf(known?.status);
    }
    table.set(id, { asked, status });
    const uid = uidOf(status);
    return uid !== undefined && !sameStatus(known?.status, status) ? uid : undefined;
  };

  const changed = (uid: string | undefined) => {
    if (uid === undefined) return;
    states.delete(uid);
    options.onChange(uid);
  };

  const askSandbox = async (id: string) => {
    const asked = ++questions;
    // From now on an event about this id means something: the answer under way may be older than it.
    if (!sandboxes.has(id)) sandboxes.set(id, { asked, status: undefined });
    const status = await runtime.sandboxStatus(id);
    changed(take(sandboxes, id, asked, status));
    return status;
  };
  const askContainer = async (id: string) => {
    const asked = ++questions;
    if (!containers.has(id)) containers.set(id, { asked, status: undefined });
    const status = await runtime.containerStatus(id);
    changed(take(containers, id, asked, status));
    return status;
  };

  const build = (uid: string): PodState => {
    const ofPod = <T extends { createdAt: number; labels: Record<string, string> }>(table: Map<string, Entry<T>>) => {
      const found: T[] = [];
      for (const { status } of table.values()) if (status && uidOf(status) === uid) found.push(status);
      return found.sort((a, b) => b.createdAt - a.createdAt);
    };
    const own = ofPod(containers).map(podContainer);
    own.sort(newestFirst);
    return { uid, sandboxes: ofPod(sandboxes), containers: own };
  };

  const list = async () => {
    const asked = ++questions;
    const [allSandboxes, allContainers] = await Promise.all([runtime.listSandboxes(), runtime.listContainers()]);
    const changes = new Set<string>();
    const note = (uid: string | undefined) => {
      if (uid !== undefined) changes.add(uid);
    };
    // Listings lack details (addresses, exit codes): whatever is in another state than known is looked at itself.
    const differs = <T extends { id: string; state: string }>(table: Map<string, Entry<T>>, listed: T) => {
      const known = table.get(listed.id);
      return !known || (known.asked < asked && known.status?.state !== listed.state);
    };
    const look: Promise<unknown>[] = [];
    for (const listed of allSandboxes) {
      if (uidOf(listed) !== undefined && differs(sandboxes, listed)) look.push(askSandbox(listed.id));
    }
    for (const listed of allContainers) {
      if (uidOf(listed) !== undefined && differs(containers, listed)) look.push(askContainer(listed.id));
    }
    const sweep = <T extends { id: string; labels: Record<string, string> }>(
      table: Map<string, Entry<T>>,
      listed: readonly T[],
    ) => {
      const present = new Set(listed.map(({ id }) => id));
      for (const [id, entry] of table) {
        if (present.has(id) || entry.asked > asked) continue;
        note(uidOf(entry.status));
        table.delete(id);
      }
    };
    sweep(sandboxes, allSandboxes);
    sweep(containers, allContainers);
    await Promise.all(look);
    relistedAt = clock.monotonic();
    for (const uid of changes) changed(uid);
  };

  const relist = () => {
    relisting ??= list().finally(() => {
      relisting = undefined;
    });
    return relisting;
  };

  const onEvent = (id: string) => {
    if (id === "") {
      relist().catch((error) => logger.warn("cannot list what runs", { error }));
      return;
    }
    const known = sandboxes.has(id) ? askSandbox(id) : containers.has(id) ? askContainer(id) : undefined;
    // An unknown id is a container or sandbox being made right now; whoever makes it looks at it. The relist finds others.
    known?.catch((error) => logger.warn("cannot look at what changed in the runtime", { id, error }));
  };

  return {
    state(uid) {
      let state = states.get(uid);
      if (!state) {
        state = build(uid);
        states.set(uid, state);
      }
      return state;
    },
    pods() {
      const uids = new Set<string>();
      for (const table of [sandboxes, containers]) {
        for (const { status } of table.values()) {
          const uid = uidOf(status);
          if (uid !== undefined) uids.add(uid);
        }
      }
      return [...uids];
    },
    hasSandbox: (id) => sandboxes.get(id)?.status !== undefined,
    refreshSandbox: askSandbox,
    refreshContainer: askContainer,
    forgetSandbox: (id) => changed(take(sandboxes, id, ++questions, undefined)),
    forgetContainer: (id) => changed(take(containers, id, ++questions, undefined)),
    relist,
    healthy() {
      const since = clock.monotonic() - (relistedAt ?? startedAt);
      if (since < UNHEALTHY_AFTER_MS) return undefined;
      return `PLEG is not healthy: pleg was last seen active ${Math.round(since / 1000)}s ago; threshold is 3m0s`;
    },
    start() {
      startedAt = clock.monotonic();
      subscription = runtime.subscribe(onEvent);
      timer = clock.every(options.relistPeriodMs ?? RELIST_PERIOD_MS, () => {
        relist().catch((error) => logger.warn("cannot list what runs", { error }));
      });
    },
    stop() {
      subscription?.close();
      timer?.cancel();
    },
  };
}

/** By attempt where the creation times are the same, as they can be on a coarse clock. */
function newestFirst(a: PodContainer, b: PodContainer): number {
  return b.status.createdAt - a.status.createdAt || b.restartCount - a.restartCount;
}

function sameStatus(a: object | undefined, b: object): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}
