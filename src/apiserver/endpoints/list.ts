import { badRequest } from "../../api/status-error.ts";
import { contentType } from "../encoding.ts";
import type { Reply } from "../http/exchange.ts";
import { encodeList } from "../list-encoder.ts";
import type { ListOptions } from "../watch-cache/watch-cache.ts";
import { type ListQuery, listQuery } from "./list-options.ts";
import { encodingFor, type ResourceRequest } from "./resource-request.ts";
import { selectionOf } from "./selection.ts";

/** GET of a collection. */
export async function listObjects(request: ResourceRequest): Promise<Reply> {
  const options = await encodingFor(request, "many");
  const selection = selectionOf(request);
  const query = listQuery(request.context.request.query, false);
  const list = await request.resource.registry.cache.list({ ...selection, ...versionOptions(query) });
  request.services.watchEvents?.listed(request.resource, list.items.length);
  return {
    status: 200,
    headers: { "content-type": contentType(options.encoding) },
    body: await encodeList(request.resource, list, options),
  };
}

/** Which state the list is to show, by upstream's rules for resourceVersion, resourceVersionMatch and limit. */
export function versionOptions(query: ListQuery): ListOptions {
  const { resourceVersion, match, limit, continueToken } = query;
  if (continueToken !== "") {
    if (resourceVersion) throw badRequest("specifying resource version is not allowed when using continue");
    return { limit, continue: continueToken };
  }
  if (resourceVersion === undefined) return { limit };
  // Version 0 asks for whatever there is, in one piece.
  if (resourceVersion === 0) return { resourceVersion };
  const exactVersion = match === "Exact" || (match === "" && limit > 0);
  return { resourceVersion, limit, exactVersion };
}
