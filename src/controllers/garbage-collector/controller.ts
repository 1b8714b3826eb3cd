import { apiVersionOf, type KubeObject, type ResourceType } from "../../api/object.ts";
import { apiServices, customResourceDefinitions } from "../../api/resource-types.ts";
import { deadline } from "../../base/clock.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import { reflect } from "../../client/reflector.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { collector, ImpossibleOwnerError } from "./collector.ts";
import { monitors } from "./monitors.ts";
import { type Consequences, ownerGraph } from "./owner-graph.ts";

/** Deletes objects whose owners are gone (KEP and semantics of `metadata.ownerReferences`). */
export const garbageCollector: ControllerDefinition = {
  name: "garbage-collector-controller",
  alias: "garbagecollector",
  serviceAccount: "generic-garbage-collector",
  create,
};

/** Changes of what is served come in bunches: one look after the last of them. */
const RESYNC_AFTER_MS = 1000;
/** And one more, for what takes longer to be served than to be declared. */
const RESYNC_AGAIN_MS = 30_000;
/** Collecting does not wait longer for resources that can't be listed. */
const INITIAL_SYNC_MS = 30_000;
/** An owner that is there but not shown by a watch is asked for again after so long, and then ever more rarely. */
const UNSEEN_OWNER_MS = 5000;
const UNSEEN_OWNER_LONGEST_MS = 1_000_000;

function create(context: ControllerContext) {
  const { client, clock, random, settings } = context;
  const logger = context.logger.with({}, "garbage-collector-controller");
  const recorder = context.recorder("garbage-collector-controller");
  const graph = ownerGraph();
  const unseenWaits = new Map<string, number>();
  const deletions = keyedController(context, {
    name: "garbage-collector-controller",
    workers: settings.concurrentGarbageCollectorSyncs,
    reconcile: attemptToDelete,
  });
  const orphanings = keyedController(context, {
    name: "garbage-collector-controller",
    workers: settings.concurrentGarbageCollectorSyncs,
    async reconcile(uid, signal) {
      await collecting.attemptToOrphan(uid, signal);
      return undefined;
    },
  });
  const follow = ({ attemptToDelete, attemptToOrphan }: Consequences) => {
    for (const uid of attemptToDelete) deletions.queue.add(uid);
    for (const uid of attemptToOrphan) orphanings.queue.add(uid);
  };
  const watching = monitors({
    client,
    clock,
    random,
    logger,
    observe: (type: ResourceType, object: KubeObject) => follow(graph.observe(type, object)),
    remove: (uid) => follow(graph.remove(uid)),
  });
  const collecting = collector({
    client,
    graph,
    resolve: watching.resolve,
    enqueue(uids) {
      for (const uid of uids) deletions.queue.add(uid);
    },
    onWrongNamespace({ type, name, namespace, uid }, owner) {
      const about = { apiVersion: apiVersionOf(type), kind: type.kind, name, namespace, uid };
      const reference = `[${owner.apiVersion}/${owner.kind}, namespace: ${namespace ?? ""}, name: ${owner.name}, uid: ${owner.uid}]`;
      const message = `ownerRef ${reference} does not exist in namespace ${JSON.stringify(namespace ?? "")}`;
      recorder.event(about, "Warning", "OwnerRefInvalidNamespace", message);
    },
  });

  async function attemptToDelete(uid: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    try {
      const told = await collecting.attemptToDelete(uid, signal);
      if (told) {
        unseenWaits.delete(uid);
        return undefined;
      }
      // Its deletion must not be missed; but an owner of a kind that can't be watched will never be seen.
      const wait = unseenWaits.get(uid) ?? UNSEEN_OWNER_MS;
      unseenWaits.set(uid, Math.min(UNSEEN_OWNER_LONGEST_MS, wait * 2));
      return { requeueAfterMs: wait };
    } catch (error) {
      if (!(error instanceof ImpossibleOwnerError)) throw error;
      logger.warn("an owner reference that can't be followed is ignored", { error });
      return undefined;
    }
  }

  const firstSync = Promise.withResolvers<void>();
  const served = keyedController(context, {
    name: "garbage-collector-discovery",
    async reconcile(_, signal) {
      await watching.sync(signal);
      firstSync.resolve();
      return undefined;
    },
  });

  /** What is served changes with these two resources, and with nothing else. */
  const followServedResources = (signal: AbortSignal) =>
    [customResourceDefinitions, apiServices].map((type) => {
      const changed = () => {
        served.queue.addAfter("soon", RESYNC_AFTER_MS);
        served.queue.addAfter("later", RESYNC_AGAIN_MS);
      };
      let listed = false;
      const replace = () => {
        if (listed) changed();
        else served.queue.addAfter("later", RESYNC_AGAIN_MS);
        listed = true;
      };
      const resource = client.resource<KubeObject>(type, { metadataOnly: true });
      return reflect({ resource, target: { replace, change: changed }, clock, random, logger, signal });
    });

  /** Who decided on half a graph would only ask more, not do wrong: so the wait is limited. */
  async function initialSync(signal: AbortSignal): Promise<void> {
    const limit = deadline(clock, INITIAL_SYNC_MS, signal);
    const over = new Promise<void>((resolve) =>
      limit.signal.addEventListener("abort", () => resolve(), { once: true }),
    );
    await Promise.race([firstSync.promise.then(() => watching.synced()), over]);
    limit.dispose();
  }

  return {
    async run(signal: AbortSignal) {
      served.queue.add("now");
      const running = [served.run(signal), ...followServedResources(signal)];
      await initialSync(signal);
      await Promise.all([...running, deletions.run(signal), orphanings.run(signal)]);
      await watching.stop();
    },
  };
}
