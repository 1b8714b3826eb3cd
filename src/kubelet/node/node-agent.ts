import { jsonEqual } from "../../api/json-equal.ts";
import { nodes } from "../../api/resource-types.ts";
import { isAlreadyExists, isNotFound } from "../../api/status-error.ts";
import type { Node, NodeCondition, NodeStatus } from "../../api/types/core.v1.ts";
import { type Clock, sleep, type Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Client } from "../../client/client.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";

/**
 * The node's object in the API: registers it, and keeps its status true. The status is computed every
 * `updateFrequencyMs`, and written when it says something new or was not written for `reportFrequencyMs`.
 */
export interface NodeAgent {
  /** Resolves when the node is registered. */
  readonly registered: Promise<Node>;
  /** The node as last seen. */
  node(): Node | undefined;
  /** Looks now instead of at the next time, and waits for the write if there is one. */
  update(): Promise<void>;
  start(): void;
  stop(): void;
}

export interface NodeAgentOptions {
  client: Client;
  clock: Clock;
  logger: Logger;
  events: EventRecorder;
  nodeName: string;
  /** Makes the object when there is none; otherwise one that is there is used. */
  register: boolean;
  /** The object as this kubelet would register it, without a status. */
  desired: Node;
  status(old: NodeStatus): Promise<NodeStatus>;
  updateFrequencyMs: number;
  reportFrequencyMs: number;
}

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 7000;
/** A write that fails is tried so often before the next regular time. */
const TRIES = 5;

export function nodeAgent(options: NodeAgentOptions): NodeAgent {
  const { client, clock, logger } = options;
  const resource = client.resource(nodes);
  const registered = Promise.withResolvers<Node>();
  const stopped = new AbortController();
  let node: Node | undefined;
  let reportedAt = Number.NEGATIVE_INFINITY;
  let timer: Timer | undefined;
  let updating: Promise<void> | undefined;

  const register = async (): Promise<void> => {
    for (let delayMs = FIRST_RETRY_MS; !stopped.signal.aborted; delayMs = Math.min(delayMs * 2, LONGEST_RETRY_MS)) {
      try {
        node = await findOrMake();
        registered.resolve(node);
        return;
      } catch (error) {
        logger.warn("cannot register the node, trying again", { node: options.nodeName, error });
      }
      await sleep(clock, delayMs, stopped.signal).catch(() => {});
    }
  };

  const findOrMake = async (): Promise<Node> => {
    const { desired } = options;
    if (options.register) {
      try {
        return await resource.create({ ...desired, status: await options.status({}) });
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
      }
    }
    const present = await resource.get(options.nodeName);
    const patch = reconcile(present, desired);
    return patch ? resource.patch(options.nodeName, undefined, "merge", patch) : present;
  };

  const update = async (): Promise<void> => {
    if (!node) return;
    for (let attempt = 1; ; attempt++) {
      try {
        return await writeStatus();
      } catch (error) {
        if (isNotFound(error)) {
          // Somebody deleted it: a kubelet that registers comes back.
          node = undefined;
          if (options.register) await register();
          return;
        }
        logger.warn("cannot write the node's status", { attempt, error });
        if (attempt === TRIES) return;
        // What we know may be old.
        node = await resource.get(options.nodeName).catch(() => node);
      }
    }
  };

  const writeStatus = async (): Promise<void> => {
    const old = node!.status ?? {};
    const status = await options.status(old);
    const due = clock.monotonic() - reportedAt >= options.reportFrequencyMs;
    if (!due && !says(old, status)) return;
    announce(old.conditions ?? [], status.conditions ?? []);
    const patch = statusPatch(old, status);
    node = await resource.patch(options.nodeName, undefined, "strategic", { status: patch }, { subresource: "status" });
    reportedAt = clock.monotonic();
  };

  const announce = (old: readonly NodeCondition[], now: readonly NodeCondition[]) => {
    for (const { type, status } of now) {
      const before = old.find((condition) => condition.type === type)?.status;
      if (before === status) continue;
      const [whenTrue, whenFalse] = TRANSITIONS[type] ?? [];
      const reason = status === "True" ? whenTrue : whenFalse;
      if (!reason || (before === undefined && type === "Ready" && status !== "True")) continue;
      options.events.event(reference(), "Normal", reason, `Node ${options.nodeName} status is now: ${reason}`);
    }
  };
  const reference = () => ({ kind: "Node", name: options.nodeName, uid: options.nodeName, apiVersion: "v1" });

  const updateNow = () => {
    updating ??= update().finally(() => {
      updating = undefined;
    });
    return updating;
  };

  return {
    registered: registered.promise,
    node: () => node,
    update: updateNow,
    start() {
      options.events.event(reference(), "Normal", "Starting", "Starting kubelet.");
      void register().then(updateNow);
      timer = clock.every(options.updateFrequencyMs, () => void updateNow());
    },
    stop() {
      stopped.abort();
      timer?.cancel();
    },
  };
}

/** The events that tell of a condition's change, to True and to False. */
const TRANSITIONS: Record<string, [string, string]> = {
  Ready: ["NodeReady", "NodeNotReady"],
  MemoryPressure: ["NodeHasInsufficientMemory", "NodeHasSufficientMemory"],
  DiskPressure: ["NodeHasDiskPressure", "NodeHasNoDiskPressure"],
  PIDPressure: ["NodeHasInsufficientPID", "NodeHasSufficientPID"],
};

/** Labels and annotations that a kubelet sets on a node that is there already, as a merge patch. */
function reconcile(present: Node, desired: Node): object | undefined {
  const changed = (field: "labels" | "annotations") => {
    const have = present.metadata?.[field] ?? {};
    const want = Object.entries(desired.metadata?.[field] ?? {}).filter(([key, value]) => have[key] !== value);
    return want.length > 0 ? { [field]: Object.fromEntries(want) } : {};
  };
  const metadata = { ...changed("labels"), ...changed("annotations") };
  return Object.keys(metadata).length > 0 ? { metadata } : undefined;
}

/** Whether `status` says more than that time has passed. */
function says(old: NodeStatus, status: NodeStatus): boolean {
  const plain = (one: NodeStatus) => ({
    ...one,
    conditions: (one.conditions ?? [])
      .filter(({ type }) => OWNED.has(type))
      .map(({ lastHeartbeatTime: _, ...rest }) => rest),
  });
  const before = plain(old) as Record<string, unknown>;
  return Object.entries(plain(status)).some(([field, value]) => !jsonEqual(before[field], value));
}
const OWNED = new Set(["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"]);

/** Strategic: conditions and addresses are merged by type; an address that is no longer ours must be taken away. */
function statusPatch(old: NodeStatus, status: NodeStatus): Record<string, unknown> {
  const patch: Record<string, unknown> = { conditions: status.conditions };
  for (const [field, value] of Object.entries(status)) {
    if (field !== "conditions" && !jsonEqual(old[field as keyof NodeStatus], value)) patch[field] = value;
  }
  if (patch["addresses"]) patch["addresses"] = [...(status.addresses ?? []), { $patch: "replace" }];
  return patch;
}
