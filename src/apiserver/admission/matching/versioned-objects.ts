import { readManagers } from "../../../api/apply/managed-fields.ts";
import { decodeValue } from "../../../api/codec/decode.ts";
import { jsonEqual } from "../../../api/json-equal.ts";
import { apiVersionOf, type ResourceType, type UnknownObject } from "../../../api/object.ts";
import { cloneJson } from "../../../base/clone.ts";
import type { ResourceCatalogue } from "../../resource-catalogue.ts";
import type { ServedResource } from "../../served-resource.ts";
import type { AdmissionAttributes, ObjectKind } from "../admission.ts";

/** The objects of a write in one version: what a webhook is shown, or an expression evaluated on. */
export interface VersionedObjects {
  readonly kind: ObjectKind;
  readonly resource: Pick<ResourceType, "group" | "version" | "resource">;
  readonly object: UnknownObject | undefined;
  readonly oldObject: UnknownObject | undefined;
}

/**
 * The objects of a write in whatever version they are asked for, each converted once. Objects that are not of their
 * resource's kind (a Binding, PodExecOptions) are the same in all versions.
 */
export class ObjectVersions {
  readonly #attributes: AdmissionAttributes;
  readonly #catalogue: ResourceCatalogue;
  readonly #made = new Map<string, Promise<VersionedObjects>>();

  constructor(attributes: AdmissionAttributes, catalogue: ResourceCatalogue) {
    this.#attributes = attributes;
    this.#catalogue = catalogue;
  }

  /** The resource that the request named. */
  get requested(): ResourceType {
    return this.#attributes.requested ?? this.#attributes.type;
  }

  /** The kind of the objects in a version of the resource. */
  kindOf({ group, version, kind }: ResourceType): ObjectKind {
    return this.#attributes.kind ?? { group, version, kind };
  }

  /** The other resources under which the same objects are served, with the subresource of the write, in discovery's order. */
  equivalents(): ResourceType[] {
    const { group, version, resource } = this.requested;
    const own = this.#catalogue.find(group, version, resource);
    const { subresource } = this.#attributes;
    if (!own) return [];
    return this.#catalogue.all
      .filter((one) => one !== own && isSameStorage(one, own) && (!subresource || one.subresources.has(subresource)))
      .map(({ type }) => type);
  }

  /** The objects as `resource` shows them. Shared: don't change them. */
  of(resource: ResourceType): Promise<VersionedObjects> {
    const key = `${apiVersionOf(resource)}/${resource.resource}`;
    let made = this.#made.get(key);
    if (!made) {
      made = this.#convert(resource);
      this.#made.set(key, made);
    }
    return made;
  }

  /**
   * Replaces the object of the write by `value`, which is what `resource` shows, after an external mutation: it is
   * decoded (what the schema does not know is left out), converted and defaulted. Tells whether that changed anything
   * before the defaults. Throws where the value is not of its kind.
   */
  async replace(resource: ResourceType, value: unknown): Promise<boolean> {
    const before = (await this.of(resource)).object;
    const target = this.#attributes.object;
    if (!target) throw new TypeError("a deletion has no object to be changed");
    const served = this.#served(resource);
    const own = this.#attributes.kind;
    const decoded = own ? decodeOwn(value, own) : decodeValue(value, served!.expected, { strict: false }).object;
    const changed = !jsonEqual(before, decoded);
    // What the mutation left alone is shared with others.
    const stored = own ? decoded : await this.#asWritten(served!, cloneJson(decoded));
    if (!own) served!.definition.defaults?.(stored);
    if (!own) this.#keepOwners(stored, target);
    for (const key of Object.keys(target)) delete target[key];
    Object.assign(target, stored);
    this.#made.clear();
    return changed;
  }

  /** An object that is in the version of `served` as the write has it: stored, or for a custom one as it was requested. */
  async #asWritten(served: ServedResource, object: UnknownObject): Promise<UnknownObject> {
    if (!served.custom) return served.toStorage(object);
    const requested = this.#served(this.requested);
    return requested ? cloneJson(await requested.versioned(object)) : object;
  }

  /** Field owners that can't be read are put back to what they were: upstream takes that for an outdated webhook. */
  #keepOwners(stored: UnknownObject, before: UnknownObject): void {
    const { managedFields } = stored.metadata ?? {};
    const kept = before.metadata?.managedFields;
    if (jsonEqual(managedFields, kept) || readManagers(managedFields, false)) return;
    stored.metadata = { ...stored.metadata, managedFields: kept };
    this.#attributes.warn(
      ".metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests: the entries can't be decoded",
    );
  }

  async #convert(resource: ResourceType): Promise<VersionedObjects> {
    const { object, oldObject } = this.#attributes;
    const kind = this.kindOf(resource);
    const served = this.#attributes.kind ? undefined : this.#served(resource);
    const show = async (one: UnknownObject | undefined) => {
      if (!one) return undefined;
      const shown = served ? await served.versioned(one) : one;
      const apiVersion = apiVersionOf(kind);
      return shown.apiVersion === apiVersion && shown.kind === kind.kind
        ? shown
        : { ...shown, apiVersion, kind: kind.kind };
    };
    return { kind, resource, object: await show(object), oldObject: await show(oldObject) };
  }

  #served({ group, version, resource }: ResourceType): ServedResource | undefined {
    return this.#catalogue.find(group, version, resource);
  }
}

const isSameStorage = (one: ServedResource, other: ServedResource) =>
  one.definition.type.group === other.definition.type.group &&
  one.definition.type.resource === other.definition.type.resource;

/** A value of a kind that is never stored; those without a schema (PodExecOptions) are taken as they are. */
function decodeOwn(value: unknown, kind: ObjectKind): UnknownObject {
  try {
    return decodeValue(value, kind, { strict: false }).object;
  } catch (error) {
    if (error instanceof RangeError) return value as UnknownObject;
    throw error;
  }
}
