import { jsonEqual } from "../../api/json-equal.ts";
import type { UnknownObject } from "../../api/object.ts";
import type { FieldError, ResourceDefinition, WriteContext } from "../../api/resource-definition.ts";
import { dropDisabledFields } from "../../api/resources/gated-fields.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../../api/resources/object-meta.ts";
import { conflict, invalid, type Subject } from "../../api/status-error.ts";
import type { DeleteOptions, ObjectMeta } from "../../api/types/meta.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { FeatureGates } from "../feature-gates.ts";
import type { CachedObject } from "../watch-cache/watch-cache.ts";
import { type DeletionPlan, planDeletion } from "./deletion.ts";
import type { KindHooks } from "./kind-hooks.ts";
import { carryMetadata } from "./metadata.ts";
import { restrictToPart } from "./parts.ts";
import { MODIFIED_MESSAGE } from "./precondition.ts";
import type { WriteRequest } from "./write-request.ts";

/** Kinds whose clients may set the status at creation; all others begin with what their definition says. */
const STATUS_AT_CREATION = new Set(["nodes"]);

/** What upstream's generic rules and the kind's definition make of an object on its way to the store. */
export class Strategy {
  readonly tracksGeneration: boolean;
  readonly #definition: ResourceDefinition;
  readonly #hooks: KindHooks;
  readonly #subject: Subject;
  readonly #clock: Clock;
  readonly #features: FeatureGates;

  constructor(definition: ResourceDefinition, hooks: KindHooks, clock: Clock, features: FeatureGates) {
    const { generation, hasStatus, type } = definition;
    this.tracksGeneration = generation ?? hasStatus ?? false;
    this.#definition = definition;
    this.#hooks = hooks;
    this.#subject = { group: type.group, resource: type.resource };
    this.#clock = clock;
    this.#features = features;
  }

  /** To be waited for before an object is prepared; undefined where nothing is missing. */
  load(object: UnknownObject): Promise<void> | undefined {
    return this.#definition.prepare?.(object);
  }

  /** Strategy and validation of a new object; throws a 422. */
  prepareForCreate(object: UnknownObject, request: WriteRequest): void {
    const definition = this.#definition;
    const context = this.#context(request);
    if (definition.hasStatus && !STATUS_AT_CREATION.has(definition.type.resource)) delete object["status"];
    dropDisabledFields(definition.type, object, undefined, this.#features.enabled);
    definition.prepareForCreate?.(object, context);
    const { namespaced } = definition.type;
    const errors = [
      ...validateObjectMeta(object.metadata ?? {}, { namespaced, nameFormat: definition.nameFormat }),
      ...(definition.validate?.(object, context) ?? []),
      ...(definition.validateCreate?.(object, context) ?? []),
    ];
    this.#refuse(object.metadata?.name ?? "", errors);
    for (const warning of definition.warnings?.(object, undefined) ?? []) request.warn(warning);
  }

  /** Strategy and validation of an update; throws a 422. */
  prepareForUpdate(object: UnknownObject, old: UnknownObject, request: WriteRequest): void {
    const definition = this.#definition;
    const { subresource } = request;
    const context = this.#context(request);
    const metadata = object.metadata as ObjectMeta;
    const oldMetadata = old.metadata as ObjectMeta;
    restrictToPart(object, old, subresource, definition.hasStatus ?? false);
    carryMetadata(metadata, oldMetadata);
    delete metadata.resourceVersion;
    dropDisabledFields(definition.type, object, old, this.#features.enabled);
    const status = subresource === "status";
    if (status) definition.prepareForStatusUpdate?.(object, old, context);
    else definition.prepareForUpdate?.(object, old, context);
    if (this.tracksGeneration && !status && bodyChanged(object, old, definition.hasStatus ?? false)) {
      metadata.generation = (oldMetadata.generation ?? 0) + 1;
    }
    const errors = validateObjectMetaUpdate(metadata, oldMetadata);
    if (status) errors.push(...(definition.validateStatusUpdate?.(object, old, context) ?? []));
    else {
      errors.push(...(definition.validate?.(object, context) ?? []));
      errors.push(...(definition.validateUpdate?.(object, old, context) ?? []));
    }
    this.#refuse(metadata.name ?? "", errors);
    for (const warning of definition.warnings?.(object, old) ?? []) request.warn(warning);
  }

  /** What a deletion of the object comes to. */
  planDeletion(object: UnknownObject, options: DeleteOptions): DeletionPlan {
    const now = this.#clock.now();
    const special = this.#hooks.planDeletion?.(object, options, now);
    if (special) return special;
    const definition = this.#definition;
    const grace = definition.gracePeriodSeconds
      ? (requested: number | undefined) => definition.gracePeriodSeconds!(object, requested)
      : undefined;
    const defaultPropagation = definition.defaultPropagation ?? "Background";
    return planDeletion(object, options, { gracePeriodSeconds: grace, defaultPropagation }, now);
  }

  /** Whether an updated object has nothing left to wait for: then it is removed, not written. */
  removeOnUpdate(object: UnknownObject): boolean {
    const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata ?? {};
    if (!deletionTimestamp || finalizers?.length) return false;
    return this.#hooks.removeOnUpdate?.(object) ?? deletionGracePeriodSeconds === 0;
  }

  /** Whether the version that an update carries, if any, is the newest. Throws a 409 or 422. */
  checkVersion(metadata: ObjectMeta, current: CachedObject): void {
    const { resourceVersion } = metadata;
    if (!resourceVersion || resourceVersion === "0") {
      if (this.#definition.unconditionalUpdate !== false) return;
      this.#refuse(current.name, [
        {
          type: "FieldValueInvalid",
          field: "metadata.resourceVersion",
          message: "Invalid value: 0x0: must be specified for an update",
        },
      ]);
    } else if (resourceVersion !== String(current.revision)) {
      throw conflict(this.#subject, current.name, MODIFIED_MESSAGE);
    }
  }

  #refuse(name: string, errors: readonly FieldError[]): void {
    if (errors.length === 0) return;
    const { group, kind } = this.#definition.type;
    const causes = errors.map(({ type, message, field }) => ({ reason: type, message, field }));
    throw invalid({ group, kind }, name, causes);
  }

  #context(request: WriteRequest): WriteContext {
    return {
      now: this.#clock.now(),
      user: request.user,
      subresource: request.subresource,
      requested: request.requested,
    };
  }
}

/** Whether anything but the metadata differs, and the status where that is written apart. */
function bodyChanged(object: UnknownObject, old: UnknownObject, hasStatus: boolean): boolean {
  for (const key of new Set([...Object.keys(object), ...Object.keys(old)])) {
    if (key === "metadata" || (key === "status" && hasStatus) || key === "apiVersion" || key === "kind") continue;
    if (!jsonEqual(object[key], old[key])) return true;
  }
  return false;
}

/** Whether an update comes to nothing. New times in managedFields alone are no change. */
export function unchanged(object: UnknownObject, old: UnknownObject): boolean {
  for (const key of new Set([...Object.keys(object), ...Object.keys(old)])) {
    if (key !== "metadata" && !jsonEqual(object[key], old[key])) return false;
  }
  const { managedFields, resourceVersion: _version, ...metadata } = object.metadata ?? {};
  const { managedFields: oldManaged, resourceVersion: _oldVersion, ...oldMetadata } = old.metadata ?? {};
  return jsonEqual(metadata, oldMetadata) && jsonEqual(withoutTimes(managedFields), withoutTimes(oldManaged));
}

const withoutTimes = (entries: ObjectMeta["managedFields"]) => entries?.map(({ time: _, ...entry }) => entry) ?? [];
