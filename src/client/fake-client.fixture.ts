import { applyPatch, type Operation } from "rfc6902";
import { parseFieldSelector } from "../api/field-selector.ts";
import { jsonEqual } from "../api/json-equal.ts";
import { parseLabelSelector, selectorOf } from "../api/label-selector.ts";
import { apiVersionOf, type KubeList, type KubeObject, type ResourceType, type UnknownObject } from "../api/object.ts";
import * as resourceTypes from "../api/resource-types.ts";
import {
  alreadyExists,
  conflict,
  methodNotSupported,
  notFound,
  pathNotFound,
  resourceExpired,
} from "../api/status-error.ts";
import type { LabelSelector, ObjectMeta, Status } from "../api/types/meta.v1.ts";
import type { Clock } from "../base/clock.ts";
import { nameSuffix, seededRandom } from "../base/random.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import type { Client, ResourceClient, WatchEvent, WatchOptions } from "./client.ts";
import { time } from "./timestamps.ts";

/** One request that the fake was sent. */
export interface FakeAction {
  verb: "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection";
  resource: string;
  namespace?: string;
  name?: string;
  subresource?: string;
  /** What was sent. */
  body?: unknown;
}

export interface FakeClient extends Client {
  /** All requests so far, oldest first. */
  readonly actions: readonly FakeAction[];
  /** The requests that wanted to change something. */
  writes(): FakeAction[];
  clearActions(): void;
  /** Puts objects in place without an action, as another client would: created, or replaced as a whole. */
  put<T extends KubeObject>(type: ResourceType<T>, ...objects: T[]): T[];
  /** Removes an object without an action and without minding its finalizers. */
  remove<T extends KubeObject>(type: ResourceType<T>, name: string, namespace?: string): void;
  peek<T extends KubeObject>(type: ResourceType<T>, name: string, namespace?: string): T | undefined;
  all<T extends KubeObject>(type: ResourceType<T>, namespace?: string): T[];
  /** Called before each request; what it throws is the answer. */
  intercept(hook: (action: FakeAction) => void): () => void;
  /** Answers `raw` requests for paths that discovery does not know: what it returns, unless that is undefined. */
  answerRaw(answer: (path: string) => unknown): () => void;
  /** Ends all watches, as a server does on restart; with `forget` the history is lost too: resuming gives 410. */
  cutWatches(options?: { forget?: boolean }): void;
  /** Sends a bookmark to all watches. */
  bookmark(): void;
  readonly watching: number;
}

interface Stored {
  type: ResourceType;
  object: UnknownObject & { metadata: ObjectMeta };
}
interface Happening {
  version: number;
  kind: "ADDED" | "MODIFIED" | "DELETED";
  typeKey: string;
  object: UnknownObject;
  old?: UnknownObject;
}

const ALL_TYPES: readonly ResourceType[] = Object.values(resourceTypes) as ResourceType[];
const typeKeyOf = (type: { group: string; resource: string }) => `${type.resource}.${type.group}`;
const clone = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
const SYSTEM_FIELDS = new Set(["metadata", "status", "apiVersion", "kind"]);

/**
 * A Client over an API server that is nothing but a map: resource versions, conflicts, generations, generated names,
 * status apart from spec, graceful deletion of scheduled pods, finalizers, selectors, watches with history. It neither
 * defaults nor validates. Everything it hands out is frozen, so that a controller that changes its cache is found out.
 */
export function fakeClient(
  options: { clock?: Clock; types?: readonly ResourceType[]; objects?: readonly KubeObject[] } = {},
): FakeClient {
  const clock = options.clock ?? virtualClock();
  const random = seededRandom(1);
  const served = options.types ?? ALL_TYPES;
  const stored = new Map<string, Stored>();
  const actions: FakeAction[] = [];
  const hooks = new Set<(action: FakeAction) => void>();
  const answers = new Set<(path: string) => unknown>();
  const watchers = new Set<{ wake(): void; cut: boolean; bookmarks: number }>();
  let history: Happening[] = [];
  let forgotten = 0;
  let version = 100;

  const keyOf = (type: ResourceType, name: string, namespace: string | undefined) =>
    `${typeKeyOf(type)}/${type.namespaced ? (namespace ?? "") : ""}/${name}`;
  const commit = (
    kind: Happening["kind"],
    type: ResourceType,
    given: UnknownObject,
    old?: UnknownObject,
  ): UnknownObject => {
    const object = clone(given) as Stored["object"];
    object.metadata.resourceVersion = String(++version);
    freeze(object);
    const key = keyOf(type, object.metadata.name!, object.metadata.namespace);
    if (kind === "DELETED") stored.delete(key);
    else stored.set(key, { type, object });
    history.push({ version, kind, typeKey: typeKeyOf(type), object, old });
    for (const watcher of watchers) watcher.wake();
    return object;
  };
  const insert = (type: ResourceType, given: KubeObject): UnknownObject => {
    const object = clone({ apiVersion: apiVersionOf(type), kind: type.kind, ...given }) as Stored["object"];
    object.metadata ??= {};
    const meta = object.metadata;
    // Reviews are answered, never stored.
    if (type.kind.endsWith("Review")) return object;
    if (!meta.name && meta.generateName) meta.name = meta.generateName + nameSuffix(random);
    if (!meta.name) throw new TypeError("an object without a name");
    if (type.namespaced !== (meta.namespace !== undefined)) {
      throw new TypeError(`${type.resource}/${meta.name}: namespace ${meta.namespace ?? "missing"}`);
    }
    if (stored.has(keyOf(type, meta.name, meta.namespace))) throw alreadyExists(type, meta.name);
    meta.uid ??= random.uuid();
    meta.creationTimestamp ??= time(clock.now());
    if ("spec" in object) meta.generation ??= 1;
    return commit("ADDED", type, object);
  };
  const find = (type: ResourceType, name: string, namespace?: string): Stored => {
    if (type.namespaced !== (namespace !== undefined)) {
      throw new TypeError(`${type.resource}/${name}: namespace ${namespace ?? "missing"}`);
    }
    const entry = stored.get(keyOf(type, name, namespace));
    if (!entry) throw notFound(type, name);
    return entry;
  };
  /** Stores the new state of an object, or removes it when nothing holds it any more. */
  const replace = (type: ResourceType, old: UnknownObject, given: UnknownObject, statusOnly: boolean) => {
    const wanted = given.metadata ?? {};
    if (wanted.resourceVersion && wanted.resourceVersion !== old.metadata!.resourceVersion) {
      throw conflict(
        type,
        wanted.name ?? "",
        "the object has been modified; please apply your changes to the latest version and try again",
      );
    }
    if (wanted.uid && wanted.uid !== old.metadata!.uid) {
      throw conflict(type, wanted.name ?? "", `Precondition failed: UID in precondition: ${wanted.uid}`);
    }
    // Annotations go with the status, as with upstream's strategies.
    const metadata = { ...old.metadata, annotations: wanted.annotations ?? old.metadata!.annotations };
    const next = clone(statusOnly ? { ...old, metadata, status: given.status } : given) as Stored["object"];
    next.apiVersion = old.apiVersion;
    next.kind = old.kind;
    if (!statusOnly && "status" in old && type.kind !== "Endpoints") next.status = clone(old.status);
    if (!statusOnly && !("status" in old)) delete next.status;
    const { uid, creationTimestamp, generation, deletionTimestamp, deletionGracePeriodSeconds } = old.metadata!;
    Object.assign(next.metadata, { uid, creationTimestamp, generation });
    if (deletionTimestamp) Object.assign(next.metadata, { deletionTimestamp, deletionGracePeriodSeconds });
    const changed = Object.keys({ ...old, ...next }).some(
      (field) => !SYSTEM_FIELDS.has(field) && !jsonEqual(old[field], next[field]),
    );
    if (changed && generation !== undefined) next.metadata.generation = generation + 1;
    next.metadata.resourceVersion = old.metadata!.resourceVersion;
    if (deletionTimestamp && !holdsOn(type, next)) return commit("DELETED", type, next, old);
    if (jsonEqual(next, old)) return old;
    return commit("MODIFIED", type, next, old);
  };
  const holdsOn = (type: ResourceType, object: UnknownObject): boolean => {
    if ((object.metadata?.finalizers?.length ?? 0) > 0) return true;
    const spec = object.spec as { finalizers?: string[]; nodeName?: string } | undefined;
    if (type.kind === "Namespace") return (spec?.finalizers?.length ?? 0) > 0;
    return type.kind === "Pod" && Boolean(spec?.nodeName) && object.metadata?.deletionGracePeriodSeconds !== 0;
  };
  const erase = (type: ResourceType, object: UnknownObject, grace: number | undefined, propagation?: string) => {
    const next = clone(object as unknown) as Stored["object"];
    const finalizer = { Foreground: "foregroundDeletion", Orphan: "orphan" }[propagation ?? ""];
    if (finalizer && !next.metadata.finalizers?.includes(finalizer)) {
      next.metadata.finalizers = [...(next.metadata.finalizers ?? []), finalizer];
    }
    const spec = object.spec as { terminationGracePeriodSeconds?: number } | undefined;
    const seconds = type.kind === "Pod" ? (grace ?? spec?.terminationGracePeriodSeconds ?? 30) : 0;
    if (!next.metadata.deletionTimestamp) {
      next.metadata.deletionTimestamp = time(clock.now() + seconds * 1000);
      if (next.metadata.generation !== undefined) next.metadata.generation++;
    }
    next.metadata.deletionGracePeriodSeconds = Math.min(
      seconds,
      next.metadata.deletionGracePeriodSeconds ?? Number.POSITIVE_INFINITY,
    );
    if (type.kind === "Namespace") next.status = { ...(next.status as object), phase: "Terminating" };
    if (!holdsOn(type, next)) return commit("DELETED", type, next, object);
    if (jsonEqual(next, object)) return object;
    return commit("MODIFIED", type, next, object);
  };
  const act = async (action: FakeAction) => {
    actions.push(action);
    await Promise.resolve();
    for (const hook of hooks) hook(action);
  };

  const resource = <T extends KubeObject>(
    given: ResourceType<T>,
    view: { metadataOnly?: boolean } = {},
  ): ResourceClient<T> => {
    const type = given as unknown as ResourceType;
    const typeKey = typeKeyOf(type);
    const shape = (object: UnknownObject): T =>
      (view.metadataOnly
        ? { apiVersion: "meta.k8s.io/v1", kind: "PartialObjectMetadata", metadata: object.metadata }
        : object) as unknown as T;
    const picker = (select: { namespace?: string; labelSelector?: string; fieldSelector?: string }) => {
      const labels = parseLabelSelector(select.labelSelector ?? "");
      const fields = parseFieldSelector(select.fieldSelector ?? "");
      return (object: UnknownObject) =>
        (select.namespace === undefined || object.metadata?.namespace === select.namespace) &&
        labels.matches(object.metadata?.labels) &&
        fields.matches((field) => fieldOf(object, field));
    };
    const record = (verb: FakeAction["verb"], name?: string, namespace?: string, rest?: Partial<FakeAction>) => {
      const action: FakeAction = { verb, resource: type.resource, ...rest };
      if (name !== undefined) action.name = name;
      if (namespace !== undefined) action.namespace = namespace;
      return act(action);
    };
    const select = (options: Parameters<typeof picker>[0]) => {
      const matches = picker(options);
      return [...stored.values()]
        .filter((entry) => typeKeyOf(entry.type) === typeKey && matches(entry.object))
        .map((entry) => entry.object);
    };

    return {
      type: given,
      async get(name, namespace) {
        await record("get", name, namespace);
        return shape(find(type, name, namespace).object);
      },
      async list(list = {}) {
        await record("list", undefined, list.namespace);
        const all = select(list);
        const offset = list.continue ? Number(list.continue) : 0;
        const end = list.limit ? offset + list.limit : all.length;
        const metadata: KubeList<T>["metadata"] = { resourceVersion: String(version) };
        if (end < all.length) metadata.continue = String(end);
        return { kind: `${type.kind}List`, metadata, items: all.slice(offset, end).map(shape) };
      },
      watch: (watch = {}) => watchFrom(watch),
      async create(object) {
        await record("create", object.metadata?.name, object.metadata?.namespace, { body: object });
        return shape(insert(type, object));
      },
      async update(object) {
        const { name = "", namespace } = object.metadata ?? {};
        await record("update", name, namespace, { body: object });
        return shape(replace(type, find(type, name, namespace).object, object as unknown as UnknownObject, false));
      },
      async updateStatus(object) {
        const { name = "", namespace } = object.metadata ?? {};
        await record("update", name, namespace, { subresource: "status", body: object });
        return shape(replace(type, find(type, name, namespace).object, object as unknown as UnknownObject, true));
      },
      async patch(name, namespace, kind, patch, write = {}) {
        const { subresource } = write;
        await record("patch", name, namespace, { body: patch, ...(subresource ? { subresource } : {}) });
        const old = find(type, name, namespace).object;
        const next = clone(old) as UnknownObject;
        if (kind === "json") {
          const failure = applyPatch(next, patch as Operation[]).find((result) => result !== null);
          if (failure) throw new TypeError(`the patch does not apply: ${failure.message}`);
        } else mergeInto(next as Record<string, unknown>, clone(patch) as Record<string, unknown>);
        return shape(replace(type, old, next, subresource === "status"));
      },
      apply: () => Promise.reject(methodNotSupported(type, "apply")),
      async delete(name, namespace, remove = {}) {
        const { signal: _, ...body } = remove;
        await record("delete", name, namespace, { body });
        const { object } = find(type, name, namespace);
        const { uid, resourceVersion } = remove.preconditions ?? {};
        if (uid && uid !== object.metadata.uid) {
          throw conflict(
            type,
            name,
            `Precondition failed: UID in precondition: ${uid}, in object: ${object.metadata.uid}`,
          );
        }
        if (resourceVersion && resourceVersion !== object.metadata.resourceVersion) {
          throw conflict(type, name, "Precondition failed: ResourceVersion");
        }
        const left = erase(type, object, remove.gracePeriodSeconds, remove.propagationPolicy);
        if (stored.has(keyOf(type, name, namespace))) return shape(left);
        return { kind: "Status", apiVersion: "v1", status: "Success" } satisfies Status;
      },
      async deleteCollection(list, remove = {}) {
        await record("deletecollection", undefined, list.namespace);
        for (const object of select(list)) erase(type, object, remove.gracePeriodSeconds, remove.propagationPolicy);
      },
      async getSubresource<R>(name: string, namespace: string | undefined, subresource: string) {
        await record("get", name, namespace, { subresource });
        const { object } = find(type, name, namespace);
        if (subresource === "status") return object as R;
        if (subresource === "scale" && isScalable(object)) return scaleOf(object) as R;
        throw notFound(type, `${name}/${subresource}`);
      },
      async createSubresource<R>(name: string, namespace: string | undefined, subresource: string, body: unknown) {
        await record("create", name, namespace, { subresource, body });
        const { object } = find(type, name, namespace);
        if (subresource === "eviction") return erase(type, object, undefined) as R;
        if (subresource === "binding") {
          const nodeName = (body as { target: { name: string } }).target.name;
          return commit("MODIFIED", type, { ...object, spec: { ...(object.spec as object), nodeName } }, object) as R;
        }
        throw notFound(type, `${name}/${subresource}`);
      },
      async updateSubresource<R>(name: string, namespace: string | undefined, subresource: string, body: unknown) {
        await record("update", name, namespace, { subresource, body });
        const { object } = find(type, name, namespace);
        // The approval of a signing request is a part of its status.
        if (subresource === "status" || subresource === "approval") {
          return replace(type, object, body as UnknownObject, true) as R;
        }
        if (subresource === "scale" && isScalable(object)) {
          const { metadata, spec } = body as UnknownObject & { spec: { replicas?: number } };
          const { resourceVersion = object.metadata.resourceVersion } = metadata ?? {};
          const next = { ...object, metadata: { ...object.metadata, resourceVersion } };
          const scaled = { ...next, spec: { ...(object.spec as object), replicas: spec.replicas ?? 0 } };
          return scaleOf(replace(type, object, scaled, false)) as R;
        }
        if (subresource === "finalize") {
          const { finalizers } = (body as { spec: { finalizers?: string[] } }).spec;
          return replace(type, object, { ...object, spec: { ...(object.spec as object), finalizers } }, false) as R;
        }
        throw notFound(type, `${name}/${subresource}`);
      },
    };

    async function* watchFrom(watch: WatchOptions): AsyncGenerator<WatchEvent<T>> {
      if (watch.sendInitialEvents) throw new TypeError("the fake does not send initial events");
      await record("watch", undefined, watch.namespace);
      const matches = picker(watch);
      let position = Number(watch.resourceVersion || version);
      if (position < forgotten) throw resourceExpired(`too old resource version: ${position} (${forgotten})`);
      let signal = Promise.withResolvers<void>();
      const watcher = { cut: false, bookmarks: 0, wake: () => signal.resolve() };
      watchers.add(watcher);
      watch.signal?.addEventListener("abort", watcher.wake, { once: true });
      try {
        while (!watch.signal?.aborted) {
          for (const { version, kind, object, old, ...rest } of history.filter((one) => one.version > position)) {
            position = version;
            if (rest.typeKey !== typeKey) continue;
            const before = kind !== "ADDED" && (kind === "DELETED" || (old !== undefined && matches(old)));
            const after = kind !== "DELETED" && matches(object);
            if (kind === "DELETED" && !matches(object)) continue;
            if (!before && !after) continue;
            if (watcher.cut) return;
            yield { type: before ? (after ? "MODIFIED" : "DELETED") : "ADDED", object: shape(object) };
          }
          for (; watcher.bookmarks > 0; watcher.bookmarks--) {
            const metadata = { resourceVersion: String(version) };
            yield { type: "BOOKMARK", object: { apiVersion: apiVersionOf(type), kind: type.kind, metadata } };
          }
          if (watcher.cut) return;
          await signal.promise;
          signal = Promise.withResolvers<void>();
        }
      } finally {
        watchers.delete(watcher);
        watch.signal?.removeEventListener("abort", watcher.wake);
      }
    }
  };

  const fake: FakeClient = {
    resource,
    async raw<R>(path: string) {
      await act({ verb: "get", resource: path });
      for (const answer of answers) {
        const found = answer(path);
        if (found !== undefined) return found as R;
      }
      return discovery(served, path) as R;
    },
    actions,
    writes: () => actions.filter(({ verb }) => verb !== "get" && verb !== "list" && verb !== "watch"),
    clearActions: () => void actions.splice(0),
    put<T extends KubeObject>(given: ResourceType<T>, ...objects: T[]): T[] {
      const type = given as unknown as ResourceType;
      return objects.map((object) => {
        const { name, namespace, uid } = object.metadata ?? {};
        const present = name === undefined ? undefined : stored.get(keyOf(type, name, namespace))?.object;
        if (!present) return insert(type, object) as unknown as T;
        const next = clone(object as unknown) as Stored["object"];
        const { creationTimestamp, generation } = present.metadata;
        next.metadata = { creationTimestamp, generation, ...next.metadata, uid: uid ?? present.metadata.uid };
        next.apiVersion = present.apiVersion;
        next.kind = present.kind;
        if (next.metadata.generation === generation && generation && !jsonEqual(next.spec, present.spec)) {
          next.metadata.generation = generation + 1;
        }
        return commit("MODIFIED", type, next, present) as unknown as T;
      });
    },
    remove(type, name, namespace) {
      const present = stored.get(keyOf(type as unknown as ResourceType, name, namespace));
      if (!present) throw notFound(type, name);
      commit("DELETED", type as unknown as ResourceType, present.object, present.object);
    },
    peek: <T extends KubeObject>(type: ResourceType<T>, name: string, namespace?: string) =>
      stored.get(keyOf(type as unknown as ResourceType, name, namespace))?.object as T | undefined,
    all: <T extends KubeObject>(type: ResourceType<T>, namespace?: string) =>
      [...stored.values()]
        .filter((entry) => typeKeyOf(entry.type) === typeKeyOf(type))
        .filter((entry) => namespace === undefined || entry.object.metadata.namespace === namespace)
        .map((entry) => entry.object as unknown as T),
    intercept(hook) {
      hooks.add(hook);
      return () => void hooks.delete(hook);
    },
    answerRaw(answer) {
      answers.add(answer);
      return () => void answers.delete(answer);
    },
    cutWatches({ forget } = {}) {
      if (forget) {
        forgotten = version + 1;
        history = [];
        version++;
      }
      for (const watcher of watchers) {
        watcher.cut = true;
        watcher.wake();
      }
    },
    bookmark() {
      version++;
      for (const watcher of watchers) {
        watcher.bookmarks++;
        watcher.wake();
      }
    },
    get watching() {
      return watchers.size;
    },
  };
  for (const object of options.objects ?? []) {
    const type = ALL_TYPES.find((one) => apiVersionOf(one) === object.apiVersion && one.kind === object.kind);
    if (!type) throw new TypeError(`unknown type ${object.apiVersion} ${object.kind}`);
    insert(type, object);
  }
  return fake;
}

/** Lets everything runnable run until `check` holds; throws what `check` last threw after `turns` turns of the event loop. */
export async function eventually<R>(check: () => R, turns = 500): Promise<R> {
  for (let turn = 0; ; turn++) {
    try {
      const result = check();
      if (result !== false) return result;
      if (turn >= turns) throw new Error(`still false after ${turns} turns: ${check}`);
    } catch (error) {
      if (turn >= turns) throw error;
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const part of Object.values(value)) freeze(part);
}

interface Scalable {
  spec: { replicas?: number; selector?: LabelSelector };
  status?: { replicas?: number };
}
const isScalable = (object: object): object is UnknownObject & Scalable =>
  (object as Partial<Scalable>).spec?.replicas !== undefined;

/** The scale of an object that has replicas, as autoscaling/v1 writes it. */
function scaleOf(object: UnknownObject): UnknownObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata ?? {};
  const { spec, status } = object as UnknownObject & Scalable;
  return {
    apiVersion: "autoscaling/v1",
    kind: "Scale",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec.replicas },
    status: {
      replicas: status?.replicas ?? 0,
      ...(spec.selector ? { selector: selectorOf(spec.selector).toString() } : {}),
    },
  };
}

function fieldOf(object: UnknownObject, path: string): string {
  let value: unknown = object;
  for (const part of path.split(".")) value = (value as Record<string, unknown> | undefined)?.[part];
  return value === undefined || value === null ? "" : String(value);
}

/** RFC 7386. */
function mergeInto(target: Record<string, unknown>, patch: Record<string, unknown>): void {
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete target[field];
    else if (typeof value === "object" && !Array.isArray(value)) {
      const inner = target[field];
      const next = typeof inner === "object" && inner !== null && !Array.isArray(inner) ? inner : {};
      mergeInto(next as Record<string, unknown>, value as Record<string, unknown>);
      target[field] = next;
    } else target[field] = value;
  }
}

function discovery(served: readonly ResourceType[], path: string): unknown {
  const groups = new Map<string, Set<string>>();
  for (const { group, version } of served) groups.set(group, (groups.get(group) ?? new Set()).add(version));
  if (path === "/api") return { kind: "APIVersions", versions: [...(groups.get("") ?? [])] };
  if (path === "/apis") {
    const named = [...groups].filter(([name]) => name !== "");
    return {
      kind: "APIGroupList",
      groups: named.map(([name, versions]) => {
        const list = [...versions].map((version) => ({ groupVersion: `${name}/${version}`, version }));
        return { name, versions: list, preferredVersion: list[0] };
      }),
    };
  }
  const [, core, group, version] = /^\/(?:api\/([^/]+)|apis\/([^/]+)\/([^/]+))$/.exec(path) ?? [];
  const wanted = core ? { group: "", version: core } : { group, version };
  const resources = served.filter((type) => type.group === wanted.group && type.version === wanted.version);
  if (resources.length === 0) throw pathNotFound();
  return {
    kind: "APIResourceList",
    groupVersion: apiVersionOf(resources[0]!),
    resources: resources.map((type) => ({
      name: type.resource,
      singularName: type.kind.toLowerCase(),
      namespaced: type.namespaced,
      kind: type.kind,
      verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    })),
  };
}
