import type { UnknownObject } from "../../api/object.ts";
import type { TableColumn } from "../../api/resource-definition.ts";
import { badRequest } from "../../api/status-error.ts";
import type { Status } from "../../api/types/meta.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Random } from "../../base/random.ts";
import type { AdmissionPlugin } from "../admission/admission.ts";
import { contentType, type Encoding, negotiate } from "../encoding.ts";
import type { RequestContext } from "../filters/context.ts";
import type { Reply } from "../http/exchange.ts";
import type { WatchEventMetrics } from "../metrics/resource-metrics.ts";
import { type EncodeOptions, encodeObject, encodeValue } from "../object-encoder.ts";
import { detachedObject } from "../registry/detached-object.ts";
import type { ServedResource, Subresource } from "../served-resource.ts";
import { DEFAULT_COLUMNS } from "../table/default-columns.ts";
import { type IncludeObject, makeTable, partialObject } from "../table/table.ts";
import type { CachedObject } from "../watch-cache/watch-cache.ts";
import { withEncoder } from "../wire-formats.ts";

/** A request for a resource, with what the endpoints need to answer it. */
export interface ResourceRequest {
  readonly context: RequestContext;
  readonly resource: ServedResource;
  readonly subresource?: Subresource;
  /** Empty for cluster-scoped resources, and for lists over all namespaces. */
  readonly namespace: string;
  readonly name: string;
  readonly services: EndpointServices;
}

/** What all endpoints share. */
export interface EndpointServices {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly admission: readonly AdmissionPlugin[];
  /** Aborted when the server begins to shut down: watches end then. */
  readonly draining: AbortSignal;
  /** Counts what is sent to watchers. */
  readonly watchEvents?: WatchEventMetrics;
  /** A watch that names no timeout ends after this, or up to twice as long. */
  readonly shortestWatchSeconds: number;
}

const ONE = ["Table", "PartialObjectMetadata"];
const offers = (as: readonly string[], stream = false) => ({
  plain: { protobuf: false, as, stream },
  protobuf: { protobuf: true, as, stream },
});
/** What can be asked for, by what the answer holds. A review is never a row of a table. */
const OFFERS = {
  one: offers(ONE),
  many: offers(["Table", "PartialObjectMetadata", "PartialObjectMetadataList"]),
  stream: offers(ONE, true),
  review: offers(["PartialObjectMetadata"]),
};

/** The form of an answer with one object, with many, with a stream of them, or with what is never stored. */
export function encodingFor(
  request: ResourceRequest,
  answer: keyof typeof OFFERS,
): EncodeOptions | Promise<EncodeOptions> {
  const { resource, subresource } = request;
  const protobuf = subresource?.role === "scale" || resource.hasProtobuf;
  const negotiated = negotiate(request.context.request, OFFERS[answer][protobuf ? "protobuf" : "plain"]);
  const include = includeObject(request, negotiated);
  const now = request.services.clock.now();
  const encoding = withEncoder(negotiated);
  return encoding instanceof Promise
    ? encoding.then((complete) => ({ include, now, encoding: complete }))
    : { include, now, encoding };
}

function includeObject({ context }: ResourceRequest, encoding: Encoding): IncludeObject {
  if (encoding.shape !== "table") return "Metadata";
  const asked = context.request.query.get("includeObject") ?? "";
  if (asked === "") return "Metadata";
  if (asked === "None" || asked === "Metadata" || asked === "Object") return asked;
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(asked)}`);
}

/** One object as an answer. */
export function objectReply(
  request: ResourceRequest,
  cached: CachedObject,
  status: number,
  options: EncodeOptions,
): Reply {
  return {
    status,
    headers: { "content-type": contentType(options.encoding) },
    body: encodeObject(request.resource, cached, options),
  };
}

/** A Status as an answer: it keeps its form, whatever shape was asked for. */
export function statusReply(value: Status, status: number, { encoding }: EncodeOptions): Reply {
  const plain: Encoding = { ...encoding, shape: "object" };
  return { status, headers: { "content-type": contentType(plain) }, body: encodeValue(value, plain) };
}

/** An object of a kind of its own (a Scale, a review) as an answer; `columns` are those of its table. */
export function valueReply(
  value: UnknownObject,
  status: number,
  { encoding, include, now }: EncodeOptions,
  columns: readonly TableColumn[] = DEFAULT_COLUMNS,
): Reply {
  const { shape, metaVersion } = encoding;
  let shaped: object = value;
  if (shape === "partial") shaped = partialObject(value, metaVersion);
  else if (shape === "table") {
    const metadata = { resourceVersion: value.metadata?.resourceVersion };
    const objectOf = () => value;
    shaped = makeTable([detachedObject(value)], { columns, metaVersion, include, metadata, now, objectOf });
  }
  return { status, headers: { "content-type": contentType(encoding) }, body: encodeValue(shaped, encoding) };
}
