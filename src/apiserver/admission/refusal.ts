import type { KubeObject, ResourceType } from "../../api/object.ts";
import { forbidden, type StatusError } from "../../api/status-error.ts";
import type { ObjectMeta, StatusCause } from "../../api/types/meta.v1.ts";
import type { AdmissionAttributes } from "./admission.ts";

/** The 403 by which a plugin refuses a write; `message` goes after `is forbidden:`. */
export function refusal(attributes: AdmissionAttributes, message: string, cause?: StatusCause): StatusError {
  const { name, generateName } = attributes.object?.metadata ?? {};
  const error = forbidden(attributes.type, attributes.name || name || generateName || "Unknown", message);
  if (cause) {
    error.status.details = { ...error.status.details, causes: [cause] };
  }
  return error;
}

/** The metadata of the object to be written, for changing it. */
export function writtenMetadata({ object }: AdmissionAttributes): ObjectMeta {
  if (!object) throw new TypeError("a deletion has no object");
  object.metadata ??= {};
  return object.metadata;
}

/** Whether a write is about objects of `type`, or about their `subresource`. */
export function concerns(
  attributes: AdmissionAttributes,
  type: ResourceType<KubeObject>,
  subresource: string | undefined = undefined,
): boolean {
  const { resource, group } = attributes.type;
  return resource === type.resource && group === type.group && (attributes.subresource || undefined) === subresource;
}

/** The object to be written, as its type. */
export const written = <T extends KubeObject>(attributes: AdmissionAttributes): T =>
  attributes.object as KubeObject as T;

/** The object as it is stored, as its type. */
export const stored = <T extends KubeObject>(attributes: AdmissionAttributes): T =>
  attributes.oldObject as KubeObject as T;
