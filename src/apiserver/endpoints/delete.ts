import type { UnknownObject } from "../../api/object.ts";
import { badRequest } from "../../api/status-error.ts";
import type { DeleteOptions, Status } from "../../api/types/meta.v1.ts";
import { contentType } from "../encoding.ts";
import type { Reply } from "../http/exchange.ts";
import { encodeList } from "../list-encoder.ts";
import { queryFlag } from "../request-info.ts";
import { decodeOptions } from "./decode-body.ts";
import { versionOptions } from "./list.ts";
import { listQuery } from "./list-options.ts";
import { encodingFor, objectReply, type ResourceRequest, statusReply } from "./resource-request.ts";
import { selectionOf } from "./selection.ts";
import { checkDeleteOptions, writeRequest } from "./write-options.ts";

/** Kinds whose deletion is answered with the object that is gone; all others get a Status. */
const RETURNS_OBJECT = new Set([
  "pods",
  "podtemplates",
  "persistentvolumeclaims",
  "persistentvolumes",
  "resourcequotas",
  "serviceaccounts",
  "services",
  "csidrivers",
  "csinodes",
  "storageclasses",
  "volumeattachments",
  "volumeattributesclasses",
]);

/** DELETE of one object. */
export async function deleteObject(request: ResourceRequest): Promise<Reply> {
  const { resource, name, namespace } = request;
  const encoding = await encodingFor(request, "one");
  const options = await deleteOptions(request);
  const dryRun = (options.dryRun?.length ?? 0) > 0;
  const write = writeRequest(request, options as UnknownObject, dryRun);
  const { object, removed } = await resource.registry.delete(name, namespace, options, write);
  const status = !removed && options.orphanDependents === false ? 202 : 200;
  if (!removed || RETURNS_OBJECT.has(resource.type.resource)) return objectReply(request, object, status, encoding);
  const { group, resource: plural } = resource.type;
  const gone: Status = {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { name, ...(group ? { group } : {}), kind: plural, uid: object.object.metadata?.uid },
  };
  return statusReply(gone, status, encoding);
}

/** DELETE of a collection; answered with what was selected. */
export async function deleteCollection(request: ResourceRequest): Promise<Reply> {
  const { resource } = request;
  const encoding = await encodingFor(request, "many");
  const options = await deleteOptions(request);
  const dryRun = (options.dryRun?.length ?? 0) > 0;
  const query = listQuery(request.context.request.query, false);
  const list = await resource.registry.deleteCollection(
    { ...selectionOf(request), ...versionOptions(query) },
    options,
    writeRequest(request, options as UnknownObject, dryRun),
  );
  return {
    status: 200,
    headers: { "content-type": contentType(encoding.encoding) },
    body: await encodeList(resource, list, encoding),
  };
}

/** DeleteOptions from the body, or where there is none from the query. */
async function deleteOptions(request: ResourceRequest): Promise<DeleteOptions> {
  const fromBody = await decodeOptions<DeleteOptions>(request, "DeleteOptions");
  const options = fromBody ?? queryOptions(request.context.request.query);
  checkDeleteOptions(options);
  return options;
}

function queryOptions(query: URLSearchParams): DeleteOptions {
  const options: DeleteOptions = {};
  const grace = query.get("gracePeriodSeconds");
  if (grace) {
    if (!/^-?\d+$/.test(grace)) {
      throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(grace)}: invalid syntax`);
    }
    options.gracePeriodSeconds = Number(grace);
  }
  const policy = query.get("propagationPolicy");
  if (policy) options.propagationPolicy = policy;
  if (query.has("orphanDependents")) options.orphanDependents = queryFlag(query, "orphanDependents");
  const dryRun = query.getAll("dryRun").filter((value) => value !== "");
  if (dryRun.length > 0) options.dryRun = dryRun;
  return options;
}
