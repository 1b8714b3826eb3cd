import { jsonEqual } from "../api/json-equal.ts";
import {
  apiVersionOf,
  type KubeObject,
  objectKey,
  type ResourceType,
  splitKey,
  type UnknownObject,
} from "../api/object.ts";
import type { Clock } from "../base/clock.ts";
import { type Logger, silentLogger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import type { Client } from "../client/client.ts";
import { type ReconcileResult, runControllerLoop } from "../client/controller-loop.ts";
import { eventRecorder } from "../client/event-broadcaster.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { InformerFactory } from "../client/informer.ts";
import { informerFactory } from "../client/informer-factory.ts";
import { leadWithLease } from "../client/leader-election.ts";
import { type ObjectClient, objectClient } from "../client/object-client.ts";
import { workQueue } from "../client/rate-limited-queue.ts";
import { milliseconds } from "./duration.ts";
import {
  controlledBy,
  follow,
  type KindOrResource,
  OWNER_INDEX,
  type ReconcileContext,
  type Reconciler,
  type View,
} from "./reconciler.ts";

export interface ManagerOptions {
  client: Client;
  clock: Clock;
  random: Random;
  /** Default: nothing is logged. */
  logger?: Logger;
  reconcilers: readonly Reconciler[];
  /** Work only while holding a lease. Absent: at once. */
  leaderElection?: { readonly namespace: string; readonly name: string; readonly identity: string };
}

/** Controllers at work. */
export interface Manager extends AsyncDisposable {
  /** Resolves when the informers are filled and the reconcilers at work. Rejects where that fails. */
  readonly started: Promise<void>;
  /** Resolves after `stop`; rejects where the work ended by itself (leadership lost). */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

/** Starts the reconcilers on one set of informers. */
export function startManager(options: ManagerOptions): Manager {
  const stopping = new AbortController();
  const started = Promise.withResolvers<void>();
  started.promise.catch(() => {});
  const work = (signal: AbortSignal) => runReconcilers(options, signal, started.resolve);
  const { leaderElection, client, clock, random, logger = silentLogger } = options;
  const done = leaderElection
    ? leadWithLease({ client, clock, random, logger, ...leaderElection }, stopping.signal, work)
    : work(stopping.signal);
  done.then(
    () => started.reject(new Error("the manager was stopped")),
    (error) => started.reject(error),
  );
  const manager: Manager = {
    started: started.promise,
    done,
    async stop() {
      stopping.abort();
      await done;
    },
    [Symbol.asyncDispose]: () => manager.stop(),
  };
  return manager;
}

async function runReconcilers(options: ManagerOptions, outer: AbortSignal, onStarted: () => void): Promise<void> {
  const { clock, random, logger = silentLogger, reconcilers } = options;
  const failed = new AbortController();
  const signal = AbortSignal.any([outer, failed.signal]);
  const client = objectClient(options.client);
  const informers = informerFactory({ client: options.client, clock, random, logger });
  const resources = await resolveKinds(reconcilers, client);
  const runs = reconcilers.map((definition) => {
    const recorder = eventRecorder({
      client: options.client,
      clock,
      random,
      logger,
      component: definition.name,
      signal,
    });
    const log = logger.with({}, definition.name);
    const view = viewOf(definition, resources, informers);
    const queue = workQueue({ clock });
    follow(definition, resources, informers, view, (key) => queue.add(key));
    const shared = { client, clock, logger: log, signal, recorder, view, resources, informers };
    return () =>
      runControllerLoop({
        name: definition.name,
        queue,
        reconcile: (key) => reconcileKey(definition, key, shared),
        workers: definition.workers ?? 1,
        clock,
        logger: log,
        signal,
      });
  });
  try {
    informers.start();
    await informers.synced(signal).catch((error) => {
      if (!signal.aborted) throw error;
    });
    if (signal.aborted) return;
    onStarted();
    const running = runs.map((run) => run());
    for (const run of running) run.catch((error) => failed.abort(error));
    await Promise.all(running);
  } finally {
    await informers.stop();
  }
}

type Resources = ReadonlyMap<KindOrResource<KubeObject>, ResourceType>;

/** The resource of every kind that the reconcilers name. Rejects with an UnknownKindError. */
async function resolveKinds(reconcilers: readonly Reconciler[], client: ObjectClient): Promise<Resources> {
  const kinds = reconcilers.flatMap(({ for: own, owns = [], watches = [] }) => [
    own,
    ...owns,
    ...watches.map(({ kind }) => kind),
  ]);
  const found = await Promise.all(
    kinds.map(async (kind) => {
      // Asked also for a resource that is given: of a kind that is not served nothing would ever be heard.
      const apiVersion = "resource" in kind ? apiVersionOf(kind) : kind.apiVersion;
      return [kind, await client.resourceType(apiVersion, kind.kind)] as const;
    }),
  );
  return new Map(found);
}

interface Shared {
  readonly client: ObjectClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly recorder: EventRecorder;
  readonly view: View;
  readonly resources: Resources;
  readonly informers: InformerFactory;
}

const keyOfKind = (kind: KindOrResource<KubeObject>): string =>
  "resource" in kind ? `${apiVersionOf(kind)}/${kind.kind}` : `${kind.apiVersion}/${kind.kind}`;

/** What the informers of one reconciler know. */
function viewOf(definition: Reconciler, resources: Resources, informers: InformerFactory): View {
  const byKind = new Map([...resources].map(([kind, type]) => [keyOfKind(kind), type]));
  const scope = definition.namespace === undefined ? {} : { namespace: definition.namespace };
  const informerOf = <T extends KubeObject>(kind: KindOrResource<T>) => {
    const type = byKind.get(keyOfKind(kind as KindOrResource<KubeObject>));
    if (!type) {
      throw new TypeError(
        `${definition.name} does not watch ${keyOfKind(kind as KindOrResource<KubeObject>)}: add it to owns or watches`,
      );
    }
    return informers.informer(type as unknown as ResourceType<T>, scope);
  };
  return {
    list: (kind, namespace) => informerOf(kind).list(namespace),
    get: (kind, name, namespace) => informerOf(kind).get(namespace ? `${namespace}/${name}` : name),
  };
}

async function reconcileKey(definition: Reconciler, key: string, shared: Shared): Promise<ReconcileResult | undefined> {
  const { name, namespace } = splitKey(key);
  let object = shared.view.get(definition.for, name, namespace);
  if (!object) return undefined;
  const { finalizer } = definition;
  if (object.metadata?.deletionTimestamp) {
    if (!finalizer || !object.metadata.finalizers?.includes(finalizer.name)) return undefined;
    await finalizer.finalize(object, contextOf(definition, object, shared));
    await setFinalizers(definition, object, shared, (present) => present.filter((one) => one !== finalizer.name));
    return undefined;
  }
  if (finalizer && !object.metadata?.finalizers?.includes(finalizer.name)) {
    // First of all: nothing is done for an object before its end is taken care of.
    object = await setFinalizers(definition, object, shared, (present) => [...present, finalizer.name]);
  }
  const outcome = await definition.reconcile(object, contextOf(definition, object, shared));
  return outcome?.requeueAfter === undefined ? undefined : { requeueAfterMs: milliseconds(outcome.requeueAfter) };
}

async function setFinalizers(
  definition: Reconciler,
  object: KubeObject,
  { client, resources }: Shared,
  change: (present: readonly string[]) => readonly string[],
): Promise<KubeObject> {
  const type = resources.get(definition.for)!;
  const { name = "", namespace, resourceVersion, finalizers = [] } = object.metadata ?? {};
  const metadata = { resourceVersion, finalizers: change(finalizers) };
  return client.resource(type).patch(name, namespace, "merge", { metadata }, { fieldManager: definition.name });
}

function contextOf(definition: Reconciler, object: KubeObject, shared: Shared): ReconcileContext<KubeObject> {
  const { client, resources, view, informers, recorder } = shared;
  const type = resources.get(definition.for)!;
  const scope = definition.namespace === undefined ? {} : { namespace: definition.namespace };
  // Items of lists come without their kind; events and owner references need it.
  const identified = { apiVersion: apiVersionOf(type), kind: type.kind, ...object };
  return {
    ...view,
    client,
    clock: shared.clock,
    logger: shared.logger,
    signal: shared.signal,
    owned<C extends KubeObject>(kind: KindOrResource<C>) {
      const wanted = keyOfKind(kind as KindOrResource<KubeObject>);
      const owned = (definition.owns ?? []).find((one) => keyOfKind(one) === wanted);
      if (!owned) throw new TypeError(`${definition.name} does not own ${wanted}: add it to owns`);
      const informer = informers.informer(resources.get(owned) as unknown as ResourceType<C>, scope);
      return informer.byIndex(OWNER_INDEX, object.metadata?.uid ?? "");
    },
    async apply<C extends KubeObject>(child: C) {
      const childType = await client.resourceType(child.apiVersion ?? "", child.kind ?? "");
      const controlled = controlledBy(child, object, type, childType.namespaced);
      return client.apply(controlled, { fieldManager: definition.name, force: true });
    },
    async updateStatus(status) {
      const current = (object as UnknownObject).status as Record<string, unknown> | undefined;
      const same = Object.entries(status).every(([field, value]) => jsonEqual(current?.[field], value));
      if (same) return object;
      const { name = "", namespace } = object.metadata ?? {};
      const options = { subresource: "status", fieldManager: definition.name };
      return client.resource(type).patch(name, namespace, "merge", { status }, options);
    },
    event: (kind, reason, message) => recorder.event(identified, kind, reason, message),
  };
}

/** The key of an object, for `concerns`. */
export const keyOf = objectKey;
