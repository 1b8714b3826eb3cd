import { controllerOf, controllerRef } from "../api/controller-ref.ts";
import { apiVersionOf, type KubeObject, objectKey, type ResourceType } from "../api/object.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Informer, InformerFactory } from "../client/informer.ts";
import type { ObjectClient } from "../client/object-client.ts";
import type { Duration } from "./duration.ts";
import { always, type Predicate } from "./predicates.ts";

/** A kind by apiVersion and kind, or by its resource. */
export type KindOrResource<T extends KubeObject> =
  | ResourceType<T>
  | { readonly apiVersion: string; readonly kind: string };

/**
 * What a controller is about: it brings the world to what each object of one kind asks for. Level-triggered:
 * `reconcile` is called with the newest state whenever something that concerns the object may have changed, never twice
 * at once for the same object, and again with growing delays after it failed. It must not rely on what has changed.
 */
export interface ReconcilerDefinition<T extends KubeObject> {
  /** In logs, events, and as the field manager of what it applies. */
  readonly name: string;
  readonly for: KindOrResource<T>;
  /** Which changes of the objects count. Default: all. See predicates.ts. */
  readonly when?: Predicate<NoInfer<T>>;
  /** Kinds of the objects it makes: a change of one brings its controller (by owner reference) back. */
  readonly owns?: readonly KindOrResource<KubeObject>[];
  readonly watches?: readonly WatchDefinition[];
  /** Only this namespace. Default: all. */
  readonly namespace?: string;
  /** Objects reconciled at once. Default 1. */
  readonly workers?: number;
  /**
   * Done before an object may go: the finalizer is put on each object, and taken off when `finalize` has resolved. A
   * rejection brings it back later.
   */
  readonly finalizer?: { readonly name: string; finalize(object: T, context: ReconcileContext<T>): Promise<void> };
  reconcile(object: T, context: ReconcileContext<T>): Promise<ReconcileOutcome | undefined> | Promise<void>;
}

/** Objects of another kind whose changes concern the reconciled ones. */
export interface WatchDefinition {
  readonly kind: KindOrResource<KubeObject>;
  readonly when?: Predicate<KubeObject>;
  /** The `namespace/name` of each object concerned. */
  concerns(object: KubeObject, view: View): readonly string[];
}

export interface ReconcileOutcome {
  /** Come back after so long even if nothing changes. */
  readonly requeueAfter?: Duration;
}

/** What the informers know. */
export interface View {
  /** The objects of a kind that this manager watches. Throws for a kind that it does not. */
  list<T extends KubeObject>(kind: KindOrResource<T>, namespace?: string): readonly T[];
  get<T extends KubeObject>(kind: KindOrResource<T>, name: string, namespace?: string): T | undefined;
}

export interface ReconcileContext<T extends KubeObject> extends View {
  /** Reads and writes past the informers. */
  readonly client: ObjectClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborted when the manager stops. */
  readonly signal: AbortSignal;
  /** The objects of a kind in `owns` that the object controls. */
  owned<C extends KubeObject>(kind: KindOrResource<C>): readonly C[];
  /**
   * Server-side apply of `child`, as this controller's; in the object's namespace and controlled by it, so that it is
   * deleted with it. Fields that the controller no longer names are taken away.
   */
  apply<C extends KubeObject>(child: C): Promise<C>;
  /** Merges `status` into the object's status, if that changes it. Returns the object as it is then. */
  updateStatus(status: Record<string, unknown>): Promise<T>;
  event(type: "Normal" | "Warning", reason: string, message: string): void;
}

/** A definition, with the type of its objects forgotten: managers take any. */
export type Reconciler = ReconcilerDefinition<KubeObject>;

/** Gives a definition its type: `reconcile` knows what it gets. Throws a TypeError for a definition that can't work. */
export function reconciler<T extends KubeObject>(definition: ReconcilerDefinition<T>): Reconciler {
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(definition.name)) {
    throw new TypeError(
      `${JSON.stringify(definition.name)} is no name of a controller: use lower case letters, digits and -`,
    );
  }
  const { finalizer } = definition;
  if (finalizer && !/^[^/]+\/[^/]+$/.test(finalizer.name)) {
    throw new TypeError(
      `the finalizer ${JSON.stringify(finalizer.name)} must have a domain: example.com/${finalizer.name}`,
    );
  }
  if (definition.workers !== undefined && !(definition.workers >= 1)) throw new TypeError("workers must be 1 at least");
  return definition as unknown as Reconciler;
}

/** Puts the handlers of a reconciler on the informers; `enqueue` gets the key of each object that is concerned. */
export function follow(
  definition: Reconciler,
  resources: ReadonlyMap<KindOrResource<KubeObject>, ResourceType>,
  informers: InformerFactory,
  view: View,
  enqueue: (key: string) => void,
): void {
  const scope = definition.namespace === undefined ? {} : { namespace: definition.namespace };
  const informerOf = (kind: KindOrResource<KubeObject>): Informer<KubeObject> =>
    informers.informer(resources.get(kind)! as ResourceType<KubeObject>, scope);
  const own = resources.get(definition.for)!;
  const on = (
    kind: KindOrResource<KubeObject>,
    when: Predicate<KubeObject> = always,
    concerned: (object: KubeObject) => readonly string[],
  ) =>
    informerOf(kind).on({
      add: (object) => {
        if (when.created?.(object) ?? true) for (const key of concerned(object)) enqueue(key);
      },
      update: (old, object) => {
        if (!(when.updated?.(old, object) ?? true)) return;
        // Whoever has lost it must know too; and nobody is told twice.
        for (const key of new Set([...concerned(object), ...concerned(old)])) enqueue(key);
      },
      delete: (object) => {
        if (when.deleted?.(object) ?? true) for (const key of concerned(object)) enqueue(key);
      },
    });
  on(definition.for, definition.when as Predicate<KubeObject> | undefined, (object) => [objectKey(object)]);
  for (const kind of definition.owns ?? []) {
    informerOf(kind).addIndex(OWNER_INDEX, (object) => [controllerOf(object)?.uid ?? ""]);
    on(kind, undefined, (object) => {
      const controller = controllerOf(object);
      if (controller?.kind !== own.kind || controller.apiVersion !== apiVersionOf(own)) return [];
      const { namespace } = object.metadata ?? {};
      return [own.namespaced && namespace ? `${namespace}/${controller.name}` : controller.name];
    });
  }
  for (const { kind, when, concerns } of definition.watches ?? []) {
    on(kind, when, (object) => concerns(object, view));
  }
}

/** The index of owned objects by the uid of their controller. */
export const OWNER_INDEX = "controller";

/** A child as it is applied: of the owner's namespace, and controlled by it. */
export function controlledBy<C extends KubeObject>(
  child: C,
  owner: KubeObject,
  type: ResourceType,
  namespaced: boolean,
): C {
  const { namespace } = owner.metadata ?? {};
  return {
    ...child,
    metadata: {
      ...child.metadata,
      ...(namespaced && namespace && !child.metadata?.namespace ? { namespace } : {}),
      ownerReferences: [...(child.metadata?.ownerReferences ?? []), controllerRef(type, owner)],
    },
  };
}
