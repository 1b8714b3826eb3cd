import { type FieldSet, setOfPath, union } from "../../api/apply/field-set.ts";
import { trackUpdate } from "../../api/apply/track-update.ts";
import type { UnknownObject } from "../../api/object.ts";
import type { ManagedFieldsEntry } from "../../api/types/meta.v1.ts";
import type { ServedResource } from "../served-resource.ts";
import type { ResourceRequest } from "./resource-request.ts";
import type { WriteOptions } from "./write-options.ts";

const STATUS: FieldSet = setOfPath(["f:status"]);
const METADATA_AND_SPEC: FieldSet = union(setOfPath(["f:metadata"]), setOfPath(["f:spec"]));

/** What nobody comes to own by a write through this path, as it is not written. */
function unowned(resource: ServedResource, subresource: string | undefined): FieldSet | undefined {
  if (subresource === undefined) return resource.definition.hasStatus ? STATUS : undefined;
  return resource.custom && subresource === "status" ? METADATA_AND_SPEC : undefined;
}

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
    schema: resource.schema,
    subresource: subresource?.name,
    resetFields: unowned(resource, subresource?.name),
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
