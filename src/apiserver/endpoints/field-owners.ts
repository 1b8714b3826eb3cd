import { type FieldSet, setOfPath } from "../../api/apply/field-set.ts";
import { trackUpdate } from "../../api/apply/track-update.ts";
import type { UnknownObject } from "../../api/object.ts";
import { schemaOf } from "../../api/schema/schema.ts";
import type { ManagedFieldsEntry } from "../../api/types/meta.v1.ts";
import type { ResourceRequest } from "./resource-request.ts";
import type { WriteOptions } from "./write-options.ts";

const STATUS: FieldSet = setOfPath(["f:status"]);

/**
 * Notes in `object` (a private copy in the storage version) who owns the fields in which it differs from `live`. Fields
 * are named as in the version of the request.
 */
export function trackOwners(
  request: ResourceRequest,
  live: UnknownObject | undefined,
  object: UnknownObject,
  options: WriteOptions,
): void {
  const { resource, subresource, services } = request;
  const entries = trackUpdate({
    live: live && resource.show(live),
    updated: resource.show(object),
    manager: options.manager,
    apiVersion: resource.apiVersion,
    schema: schemaOf(resource.type),
    subresource: subresource?.name,
    // Nobody owns a status that is not written through this path.
    resetFields: subresource || !resource.definition.hasStatus ? undefined : STATUS,
    now: services.clock.now(),
  });
  setOwners(object, entries);
}

/** Puts the entries into an object, where there are any. */
export function setOwners(object: UnknownObject, entries: ManagedFieldsEntry[] | undefined): void {
  object.metadata ??= {};
  if (entries) object.metadata.managedFields = entries;
  else delete object.metadata.managedFields;
}
