import { nodes } from "../api/resource-types.ts";
import { isNotFound } from "../api/status-error.ts";
import type { Node } from "../api/types/core.v1.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "./controller.ts";

const NAME = "ttl-controller";
const ANNOTATION = "node.alpha.kubernetes.io/ttl";

/** Tells the kubelets how long to keep Secrets and ConfigMaps before they ask again: the longer, the larger the cluster. */
export const ttlController: ControllerDefinition = { name: NAME, alias: "ttl", create };

/** Sizes of clusters, in nodes, and the seconds that go with them. They overlap, so that no size makes them alternate. */
const SIZES = [
  { from: 0, to: 100, seconds: 0 },
  { from: 90, to: 500, seconds: 15 },
  { from: 450, to: 1000, seconds: 30 },
  { from: 900, to: 2000, seconds: 60 },
  { from: 1800, to: Number.POSITIVE_INFINITY, seconds: 300 },
] as const;

/** The size (an index) of a cluster of `count` nodes that had `size` before. */
export function sizeOf(count: number, size: number): number {
  let next = size;
  while (count > SIZES[next]!.to) next++;
  while (count < SIZES[next]!.from) next--;
  return next;
}

/** The seconds that go with a size. */
export const secondsOf = (size: number): number => SIZES[size]!.seconds;

function create(context: ControllerContext) {
  const { client, informers, settings } = context;
  const resource = client.resource(nodes);
  const informer = informers.informer(nodes);
  const controller = keyedController(context, { name: NAME, workers: settings.concurrentSyncs, reconcile });
  const enqueue = ({ metadata }: Node) => controller.queue.add(metadata?.name ?? "");
  let count = 0;
  let size = 0;
  const counted = (change: 1 | -1) => {
    count += change;
    const before = size;
    size = sizeOf(count, size);
    if (size !== before) informer.list().forEach(enqueue);
  };
  informer.on({
    add(node) {
      counted(1);
      enqueue(node);
    },
    update: (_, node) => enqueue(node),
    delete: () => counted(-1),
  });

  async function reconcile(name: string, signal: AbortSignal): Promise<undefined> {
    const node = informer.get(name);
    const wanted = String(secondsOf(size));
    if (!node || node.metadata?.annotations?.[ANNOTATION] === wanted) return undefined;
    const patch = { metadata: { annotations: { [ANNOTATION]: wanted } } };
    await resource.patch(name, undefined, "strategic", patch, { signal }).catch((error) => {
      if (!isNotFound(error)) throw error;
    });
    return undefined;
  }
  return controller;
}
