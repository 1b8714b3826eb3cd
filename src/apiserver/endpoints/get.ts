import type { Reply } from "../http/exchange.ts";
import { resourceVersion } from "./list-options.ts";
import { encodingFor, objectReply, type ResourceRequest } from "./resource-request.ts";

/** GET of one object, also of the subresources that show the object itself. */
export async function getObject(request: ResourceRequest): Promise<Reply> {
  const options = await encodingFor(request, "one");
  const version = resourceVersion(request.context.request.query.get("resourceVersion"));
  const found = await request.resource.registry.get(request.name, request.namespace, version);
  return objectReply(request, found, 200, options);
}
