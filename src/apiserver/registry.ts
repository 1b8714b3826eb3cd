import { inMemberOrder } from "../api/codec/member-order.ts";
import { jsonEqual } from "../api/json-equal.ts";
import { apiVersionOf, type UnknownObject } from "../api/object.ts";
import type { ResourceDefinition } from "../api/resource-definition.ts";
import { type StructType, schemaOf } from "../api/schema/schema.ts";
import { alreadyExists, notFound, StatusError, type Subject } from "../api/status-error.ts";
import type { DeleteOptions, ObjectMeta } from "../api/types/meta.v1.ts";
import type { Clock } from "../base/clock.ts";
import { cloneJson } from "../base/clone.ts";
import type { Random } from "../base/random.ts";
import { StoreUnavailableError } from "../store/store.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission/admission.ts";
import { type FeatureGates, featureGates } from "./feature-gates.ts";
import { admit, validateAdmission } from "./registry/admission-chain.ts";
import type { DeletionPlan } from "./registry/deletion.ts";
import { detachedObject } from "./registry/detached-object.ts";
import { generateName, NAME_ATTEMPTS } from "./registry/generate-name.ts";
import type { Finish, KindHooks, Outcome } from "./registry/kind-hooks.ts";
import { dropDuplicateOwners, initialMetadata, settleNamespace } from "./registry/metadata.ts";
import { ServedForm, storedBytes } from "./registry/object-bytes.ts";
import { checkDeletePreconditions, checkUid } from "./registry/precondition.ts";
import { Strategy, unchanged } from "./registry/strategy.ts";
import type { WriteRequest } from "./registry/write-request.ts";
import type { CachedObject, ListOptions, ResourceCache } from "./watch-cache/watch-cache.ts";

/** Deletions of a collection that run at once. */
const COLLECTION_WORKERS = 16;

export interface RegistryOptions {
  definition: ResourceDefinition;
  cache: ResourceCache;
  hooks?: KindHooks;
  /** In the order in which they are asked. */
  admission: readonly AdmissionPlugin[];
  clock: Clock;
  random: Random;
  /** The defaults unless given. */
  features?: FeatureGates;
}

/**
 * Makes the new object from the stored one (undefined: there is none). Gets a shared object and returns a private one,
 * in the storage version; called again where somebody else wrote in between. Returning the very object it was given
 * means that nothing changes.
 */
export type Change = (current: UnknownObject | undefined) => UnknownObject | Promise<UnknownObject>;

/**
 * The one engine behind every kind: creates, changes and deletes objects by upstream's generic rules, asking the kind's
 * definition for what is particular. Writes are compare-and-swap on the store's revision. Reads go to the cache.
 * Objects are in the storage version; endpoints convert.
 */
export class Registry {
  readonly definition: ResourceDefinition;
  readonly cache: ResourceCache;
  readonly served: ServedForm;
  readonly subject: Subject;
  readonly #hooks: KindHooks;
  readonly #admission: readonly AdmissionPlugin[];
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #strategy: Strategy;
  readonly #schema: StructType | undefined;

  constructor(options: RegistryOptions) {
    this.definition = options.definition;
    this.cache = options.cache;
    this.#hooks = options.hooks ?? {};
    this.#admission = options.admission;
    this.#clock = options.clock;
    this.#random = options.random;
    const { type } = options.definition;
    this.subject = { group: type.group, resource: type.resource };
    this.served = new ServedForm({ kind: type.kind, apiVersion: apiVersionOf(type) });
    this.#strategy = new Strategy(options.definition, this.#hooks, options.clock, options.features ?? featureGates());
    this.#schema = schemaOf(type);
  }

  /** One object; see ResourceCache.get. Throws a 404 where there is none. */
  async get(name: string, namespace: string, notOlderThan?: number): Promise<CachedObject> {
    const found = await this.cache.get(this.cache.key(name, namespace), notOlderThan);
    if (!found) throw notFound(this.subject, name);
    return found;
  }

  /**
   * Creates `object`, which must be a private copy with its defaults set. Throws 409 (exists), 422 (invalid), or what
   * admission says. A generated name that is taken is tried anew a few times.
   */
  async create(object: UnknownObject, namespace: string, request: WriteRequest): Promise<CachedObject> {
    settleNamespace(object, namespace);
    const metadata = object.metadata as ObjectMeta;
    const base = metadata.name ? "" : (metadata.generateName ?? "");
    for (let attempt = 0; ; attempt++) {
      const last = base === "" || attempt === NAME_ATTEMPTS - 1;
      const candidate = last ? object : cloneJson(object);
      try {
        return await this.#createOnce(candidate, base, request);
      } catch (error) {
        if (base === "" || !(error instanceof StatusError) || error.reason !== "AlreadyExists") throw error;
        if (last) throw nameNotGenerated(error);
      }
    }
  }

  async #createOnce(object: UnknownObject, base: string, request: WriteRequest): Promise<CachedObject> {
    const given = object.metadata as ObjectMeta;
    const { resourceVersion } = given;
    this.#warnOwners(given, request);
    const attributes = this.#attributes("CREATE", object, undefined, given.name ?? "", given.namespace, request);
    await admit(this.#admission, attributes);
    // Admission may have replaced the metadata.
    settleNamespace(object, attributes.namespace ?? "");
    const metadata = object.metadata as ObjectMeta;
    if (base !== "" && !metadata.name) metadata.name = generateName(base, this.#random);
    initialMetadata(metadata, this.#strategy.tracksGeneration, this.#clock.now(), this.#random);
    this.#warnOwners(metadata, request);

    const { beginCreate } = this.#hooks;
    const finish = beginCreate ? await beginCreate(object, request) : nothingToFinish;
    return this.#finishing(finish, async () => {
      const loading = this.#strategy.load(object);
      if (loading) await loading;
      this.#strategy.prepareForCreate(object, request);
      await validateAdmission(this.#admission, { ...attributes, name: metadata.name ?? "" });
      // The store's own rule, and so the last word.
      if (resourceVersion) throw resourceVersionOnCreate();
      const key = this.cache.key(metadata.name!, metadata.namespace);
      const settled = this.#ordered(object);
      if (request.dryRun) {
        if (await this.cache.get(key)) throw alreadyExists(this.subject, metadata.name!);
        return detachedObject(settled);
      }
      const result = await this.cache.compareAndSwap(key, 0, storedBytes(settled), settled);
      if (!result.swapped) throw alreadyExists(this.subject, metadata.name!);
      return result.written!;
    });
  }

  /**
   * Writes what `change` makes of the stored object, trying again while others write in between. An object that
   * `change` gives a resource version must still be the newest (409); one without is taken where the kind allows it.
   * An unchanged object is not written, unless it would be encrypted otherwise now. `create` allows to create what does not exist.
   */
  async update(
    name: string,
    namespace: string,
    change: Change,
    request: WriteRequest,
    options: { create?: boolean } = {},
  ): Promise<{ object: CachedObject; created: boolean }> {
    const key = this.cache.key(name, namespace);
    let current = await this.cache.get(key);
    for (;;) {
      if (!current) {
        if (!options.create && !this.definition.createOnUpdate) throw notFound(this.subject, name);
        const object = await change(undefined);
        return { object: await this.#createByUpdate(object, name, namespace, request), created: true };
      }
      const result = await this.#updateOnce(current, change, request);
      if ("done" in result) return { object: result.done, created: false };
      current = result.current;
    }
  }

  async #createByUpdate(
    object: UnknownObject,
    name: string,
    namespace: string,
    request: WriteRequest,
  ): Promise<CachedObject> {
    const metadata = object.metadata ?? {};
    if (metadata.uid) {
      const key = this.cache.key(name, namespace);
      checkUid(this.subject, key, name, metadata.uid, "");
    }
    if (request.subresource !== undefined) throw notFound(this.subject, name);
    delete metadata.resourceVersion;
    return this.create(object, namespace, request);
  }

  async #updateOnce(
    current: CachedObject,
    change: Change,
    request: WriteRequest,
  ): Promise<{ done: CachedObject } | { current: CachedObject | undefined }> {
    const old = current.object;
    let object = await change(old);
    if (object === old) {
      if (!(await this.cache.stale(current.key))) return { done: current };
      object = cloneJson(old);
    }
    object.metadata ??= {};
    const { metadata } = object;
    const oldMetadata = old.metadata as ObjectMeta;
    const name = current.name;
    if (metadata.uid) checkUid(this.subject, current.key, name, metadata.uid, oldMetadata.uid ?? "");
    this.#strategy.checkVersion(metadata, current);
    this.#warnOwners(metadata, request);

    const attributes = this.#attributes("UPDATE", object, old, name, current.namespace, request);
    await admit(this.#admission, attributes);
    request.admittedAs?.takeOver(object, attributes.object!);
    object.metadata ??= {};
    this.#warnOwners(object.metadata, request);
    const { beginUpdate } = this.#hooks;
    const finish = beginUpdate ? await beginUpdate(object, old, request) : nothingToFinish;
    return this.#finishing(finish, async () => {
      const loading = this.#strategy.load(object);
      if (loading) await loading;
      this.#strategy.prepareForUpdate(object, old, request);
      await validateAdmission(this.#admission, attributes);
      if (this.#strategy.removeOnUpdate(object)) {
        if (request.dryRun) return { done: detachedObject(object, current.revision) };
        const removed = await this.cache.compareAndSwap(current.key, current.revision, null);
        if (!removed.swapped) return { current: removed.current };
        await this.#hooks.afterDelete?.(object);
        return { done: detachedObject(object, removed.revision) };
      }
      if (unchanged(object, old) && !(await this.cache.stale(current.key))) return { done: current };
      const settled = this.#ordered(object);
      if (request.dryRun) return { done: detachedObject(settled, current.revision) };
      const result = await this.cache.compareAndSwap(current.key, current.revision, storedBytes(settled), settled);
      return result.swapped ? { done: result.written! } : { current: result.current };
    });
  }

  /**
   * Writes what `change` makes of an object, without the kind's strategy, validation or admission: for the server's own
   * subresources (binding, eviction). `change` may throw; returning undefined leaves the object as it is.
   */
  async mutate(
    name: string,
    namespace: string,
    change: (current: UnknownObject) => UnknownObject | undefined,
    dryRun = false,
  ): Promise<CachedObject> {
    const key = this.cache.key(name, namespace);
    let current = await this.cache.get(key);
    for (;;) {
      if (!current) throw notFound(this.subject, name);
      const object = change(current.object);
      if (!object) return current;
      if (dryRun) return detachedObject(object, current.revision);
      const bytes = storedBytes(object);
      const result = await this.cache.compareAndSwap(key, current.revision, bytes, withoutVersion(object));
      if (result.swapped) return result.written!;
      current = result.current;
    }
  }

  /**
   * Deletes an object, or begins to where finalizers or a grace period keep it. `removed` tells which; `object` is what
   * is stored then, or was at last.
   */
  async delete(
    name: string,
    namespace: string,
    options: DeleteOptions,
    request: WriteRequest,
  ): Promise<{ object: CachedObject; removed: boolean }> {
    const key = this.cache.key(name, namespace);
    let current = await this.cache.get(key);
    let admitted = false;
    for (;;) {
      if (!current) throw notFound(this.subject, name);
      checkDeletePreconditions(this.subject, current.object, options.preconditions);
      const attributes = this.#attributes("DELETE", undefined, current.object, name, namespace, request);
      if (!admitted) await admit(this.#admission, attributes);
      admitted = true;
      await validateAdmission(this.#admission, attributes);
      const result = await this.#deleteOnce(
        current,
        this.#strategy.planDeletion(current.object, options),
        request.dryRun,
      );
      if ("done" in result) return { object: result.done, removed: result.removed };
      current = result.current;
    }
  }

  async #deleteOnce(
    current: CachedObject,
    plan: DeletionPlan,
    dryRun: boolean,
  ): Promise<{ done: CachedObject; removed: boolean } | { current: CachedObject | undefined }> {
    if (plan.action === "none") return { done: current, removed: false };
    if (plan.action === "mark") {
      const object: UnknownObject = { ...current.object, ...plan.changes };
      if (jsonEqual(object, current.object)) return { done: current, removed: false };
      if (dryRun) return { done: detachedObject(object, current.revision), removed: false };
      const result = await this.cache.compareAndSwap(
        current.key,
        current.revision,
        storedBytes(object),
        withoutVersion(object),
      );
      return result.swapped ? { done: result.written!, removed: false } : { current: result.current };
    }
    if (dryRun) return { done: current, removed: true };
    const result = await this.cache.compareAndSwap(current.key, current.revision, null);
    if (!result.swapped) return { current: result.current };
    await this.#hooks.afterDelete?.(current.object);
    return { done: current, removed: true };
  }

  /** Deletes what a list selects; returns what was selected. Objects that others delete meanwhile don't matter. */
  async deleteCollection(
    selection: ListOptions,
    options: DeleteOptions,
    request: WriteRequest,
  ): Promise<{ items: readonly CachedObject[]; resourceVersion: number }> {
    const list = await this.cache.list(selection);
    const queue = [...list.items];
    const work = async () => {
      for (let item = queue.shift(); item; item = queue.shift()) {
        try {
          await this.delete(item.name, item.namespace, options, request);
        } catch (error) {
          if (!(error instanceof StatusError) || error.reason !== "NotFound") throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(COLLECTION_WORKERS, queue.length) }, work));
    return { items: list.items, resourceVersion: list.resourceVersion };
  }

  /** As it is written: in upstream's order of members, whoever put them there. */
  #ordered(object: UnknownObject): UnknownObject {
    return this.#schema ? inMemberOrder(object, this.#schema) : object;
  }

  #warnOwners(metadata: ObjectMeta, request: WriteRequest): void {
    const warning = dropDuplicateOwners(metadata);
    if (warning) request.warn(warning);
  }

  #attributes(
    operation: AdmissionAttributes["operation"],
    object: UnknownObject | undefined,
    oldObject: UnknownObject | undefined,
    name: string,
    namespace: string | undefined,
    request: WriteRequest,
  ): AdmissionAttributes {
    const { subresource, options, dryRun, user, requested, annotate, admittedAs, signal } = request;
    const { type } = this.definition;
    return {
      operation,
      type,
      requested,
      subresource,
      namespace: namespace || undefined,
      name,
      object,
      oldObject,
      options,
      dryRun,
      user,
      warn: (text) => request.warn(text),
      annotate,
      signal,
      ...(admittedAs
        ? {
            subresource: admittedAs.subresource,
            kind: admittedAs.kind,
            object: object && admittedAs.show(object),
            oldObject: oldObject && admittedAs.show(oldObject),
          }
        : {}),
    };
  }

  async #finishing<R>(finish: Finish, write: () => Promise<R>): Promise<R> {
    let outcome: Outcome = "refused";
    try {
      const result = await write();
      if (!(typeof result === "object" && result !== null && "current" in result)) outcome = "written";
      return result;
    } catch (error) {
      if (error instanceof StoreUnavailableError) outcome = "unknown";
      throw error;
    } finally {
      await finish(outcome);
    }
  }
}

const nothingToFinish: Finish = () => {};

function withoutVersion(object: UnknownObject): UnknownObject {
  const { resourceVersion: _, ...metadata } = object.metadata as ObjectMeta;
  return { ...object, metadata };
}

function resourceVersionOnCreate(): StatusError {
  return new StatusError({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: "resourceVersion should not be set on objects to be created",
    code: 500,
  });
}

/** All names that were tried are taken. */
function nameNotGenerated(error: StatusError): StatusError {
  const { status } = error;
  return new StatusError({
    ...status,
    message: `${status.message}, the server was not able to generate a unique name for the object`,
    details: { ...status.details, retryAfterSeconds: 1 },
  });
}
