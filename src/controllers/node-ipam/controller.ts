import { nodes } from "../../api/resource-types.ts";
import { isNotFound, StatusError } from "../../api/status-error.ts";
import type { Node } from "../../api/types/core.v1.ts";
import { type IpRange, parseRange } from "../../base/ip-range.ts";
import { type Controller, type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { saidOnce } from "../said-once.ts";
import { blockPool } from "./block-pool.ts";

const NAME = "node-ipam-controller";
const WORKERS = 30;

/**
 * Gives each node a block of pod addresses of its own, one of each family that the cluster has. What a node has, it
 * keeps. Runs only where --allocate-node-cidrs is set.
 */
export const nodeIpamController: ControllerDefinition = {
  name: NAME,
  alias: "nodeipam",
  serviceAccount: "node-controller",
  create,
};

/** The blocks of a node as ranges; what can't be read occupies nothing. */
export function blocksOf({ spec }: Node): IpRange[] {
  const texts = spec?.podCIDRs?.length ? spec.podCIDRs : spec?.podCIDR ? [spec.podCIDR] : [];
  return texts.flatMap((text) => {
    try {
      return [parseRange(text)];
    } catch {
      return []; // a block of no address, which nobody can be given
    }
  });
}

const hasBlocks = ({ spec }: Node): boolean => Boolean(spec?.podCIDR || spec?.podCIDRs?.length);

function create(context: ControllerContext): Controller {
  const { client, informers, logger, settings } = context;
  const { nodeCidrs } = settings;
  if (!nodeCidrs) return { run: async () => {} };
  const resource = client.resource(nodes);
  const informer = informers.informer(nodes);
  const events = saidOnce(context.recorder("cidrAllocator"));
  const controller = keyedController(context, { name: NAME, workers: WORKERS, reconcile });
  const pools = nodeCidrs.ranges.map(blockPool);
  // Services and pods may share a range; no address may be both.
  for (const service of nodeCidrs.serviceRanges) for (const pool of pools) pool.occupy(service);

  /** Chosen for nodes, but not yet seen on them. */
  const reserved = new Map<string, { readonly blocks: readonly string[]; written: boolean }>();
  /** Nodes for which there was no block. */
  const waiting = new Set<string>();
  const occupy = (blocks: readonly IpRange[]) => {
    for (const block of blocks) for (const pool of pools) pool.occupy(block);
  };
  const release = (blocks: readonly IpRange[]) => {
    for (const block of blocks) for (const pool of pools) pool.release(block);
    if (blocks.length > 0) for (const name of waiting) controller.queue.add(name);
  };
  const unreserve = (name: string) => {
    const reservation = reserved.get(name);
    reserved.delete(name);
    if (reservation) release(reservation.blocks.map(parseRange));
  };
  const seen = (node: Node) => {
    const name = node.metadata?.name ?? "";
    if (hasBlocks(node)) {
      unreserve(name);
      waiting.delete(name);
      events.forget(node);
    } else {
      controller.queue.add(name);
    }
  };
  informer.on({
    add(node) {
      occupy(blocksOf(node));
      seen(node);
    },
    update(old, node) {
      // First taken, then given back: what stays the same is free at no time.
      occupy(blocksOf(node));
      release(blocksOf(old));
      // Another node of the same name: what was written was written on the first.
      if (old.metadata?.uid !== node.metadata?.uid) unreserve(node.metadata?.name ?? "");
      seen(node);
    },
    delete(node) {
      const name = node.metadata?.name ?? "";
      waiting.delete(name);
      events.forget(node);
      release(blocksOf(node));
      unreserve(name);
    },
  });

  /** One block of each pool, or none at all. */
  const choose = (): string[] | undefined => {
    const chosen: string[] = [];
    for (const pool of pools) {
      const block = pool.next();
      if (block === undefined) return undefined;
      chosen.push(block);
    }
    return chosen;
  };

  async function reconcile(name: string, signal: AbortSignal): Promise<undefined> {
    const node = informer.get(name);
    if (!node || hasBlocks(node) || node.metadata?.deletionTimestamp) return undefined;
    let reservation = reserved.get(name);
    if (reservation?.written) return undefined; // the copy of the node lags behind
    if (!reservation) {
      const blocks = choose();
      if (!blocks) {
        waiting.add(name);
        events.say(node, "Normal", "CIDRNotAvailable", `Node ${name} status is now: CIDRNotAvailable`);
        return undefined;
      }
      reservation = { blocks, written: false };
      reserved.set(name, reservation);
      occupy(blocks.map(parseRange));
    }
    waiting.delete(name);
    const { blocks } = reservation;
    const patch = { metadata: { uid: node.metadata?.uid }, spec: { podCIDR: blocks[0], podCIDRs: blocks } };
    try {
      await resource.patch(name, undefined, "strategic", patch, { signal });
      reservation.written = true;
      logger.info("a node got its pod addresses", { node: name, blocks: blocks.join(",") });
    } catch (error) {
      // Without an answer it may have been done: then the same blocks are tried again.
      if (error instanceof StatusError && error.code < 500) unreserve(name);
      if (isNotFound(error)) return undefined;
      events.say(node, "Normal", "CIDRAssignmentFailed", `Node ${name} status is now: CIDRAssignmentFailed`);
      throw error;
    }
    return undefined;
  }
  return controller;
}
