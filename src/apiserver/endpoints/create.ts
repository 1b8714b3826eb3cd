import { badRequest } from "../../api/status-error.ts";
import type { Reply } from "../http/exchange.ts";
import { decodeBody } from "./decode-body.ts";
import { trackOwners } from "./field-owners.ts";
import { encodingFor, objectReply, type ResourceRequest } from "./resource-request.ts";
import { writeOptions } from "./write-options.ts";

/** POST to a collection. */
export async function createObject(request: ResourceRequest): Promise<Reply> {
  const { resource, namespace } = request;
  const encoding = await encodingFor(request, "one");
  const options = writeOptions(request, "CreateOptions");
  if (resource.type.namespaced && namespace === "") {
    throw badRequest("an empty namespace may not be set during creation");
  }
  const decoded = await decodeBody(request, resource.expected, options.fieldValidation);
  const object = resource.toStorage(decoded);
  resource.definition.defaults?.(object);
  request.context.audit?.requestObject(resource.show(object));
  trackOwners(request, undefined, object, options);
  const created = await resource.registry.create(object, namespace, options.write);
  return objectReply(request, created, 201, encoding);
}
