import type { UnknownObject } from "../../api/object.ts";
import { badRequest } from "../../api/status-error.ts";
import { cloneJson } from "../../base/clone.ts";
import type { Reply } from "../http/exchange.ts";
import { settleNamespace } from "../registry/metadata.ts";
import { restrictToPart } from "../registry/parts.ts";
import { decodeBody } from "./decode-body.ts";
import { trackOwners } from "./field-owners.ts";
import { encodingFor, objectReply, type ResourceRequest } from "./resource-request.ts";
import { writeOptions } from "./write-options.ts";

/** PUT of an object, or of a part of it (status and the like). */
export async function updateObject(request: ResourceRequest): Promise<Reply> {
  const { resource, namespace, name, subresource } = request;
  const encoding = await encodingFor(request, "one");
  const options = writeOptions(request, "UpdateOptions");
  const decoded = await decodeBody(request, resource.expected, options.fieldValidation);
  checkName(decoded, name);
  settleNamespace(decoded, namespace);
  const object = resource.toStorage(decoded);
  resource.definition.defaults?.(object);
  request.context.audit?.requestObject(resource.show(object));
  const { object: written, created } = await resource.registry.update(
    name,
    namespace,
    (current) => {
      // A later attempt begins anew, as tracking and admission change the object.
      const candidate = cloneJson(object);
      if (current) restrictToPart(candidate, current, subresource?.name, resource.definition.hasStatus ?? false);
      trackOwners(request, current, candidate, options);
      return candidate;
    },
    options.write,
  );
  return objectReply(request, written, created ? 201 : 200, encoding);
}

/** The name in the body must be the path's; where it is left out, it is taken from there. */
export function checkName(object: UnknownObject, name: string): void {
  object.metadata ??= {};
  const present = object.metadata.name ?? "";
  if (present === "") object.metadata.name = name;
  else if (present !== name) {
    throw badRequest(`the name of the object (${present}) does not match the name on the URL (${name})`);
  }
}
