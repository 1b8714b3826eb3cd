import type { UnknownObject } from "../api/object.ts";
import type { Status } from "../api/types/meta.v1.ts";
import type { Encoding } from "./encoding.ts";
import type { ServedResource } from "./served-resource.ts";
import { DEFAULT_COLUMNS } from "./table/default-columns.ts";
import { type IncludeObject, makeTable, partialObject } from "./table/table.ts";
import type { BookmarkEvent, CachedObject, ChangeEvent } from "./watch-cache/watch-cache.ts";

/** What, beside the encoding, decides how an object looks. */
export interface EncodeOptions {
  readonly encoding: Encoding;
  readonly include: IncludeObject;
  /** Wall time in ms, for ages in tables. */
  readonly now: number;
}

/** One object as the body of an answer. */
export function encodeObject(resource: ServedResource, cached: CachedObject, options: EncodeOptions): Uint8Array {
  const { encoding } = options;
  if (encoding.shape === "object" && encoding.format === "json" && !encoding.pretty) {
    return servedBytes(resource, cached) ?? encodeValue(resource.objectOf(cached), encoding);
  }
  return encodeValue(shaped(resource, cached, options), encoding);
}

/** One change of a watch, newline and all. `headless`: a table without its columns, as after the first. */
export function encodeChange(
  resource: ServedResource,
  event: ChangeEvent,
  options: EncodeOptions & { headless: boolean; shared: string },
): Uint8Array {
  const { encoding, headless, shared } = options;
  const { format, shape } = encoding;
  const wanted = (): Uint8Array => {
    if (format === "protobuf") {
      const object = shaped(resource, event.object, options) as UnknownObject;
      return encoding.protobuf!.encodeEvent(event.type, object);
    }
    const bytes =
      shape === "object" ? servedBytes(resource, event.object, `{"type":"${event.type}","object":`, "}\n") : undefined;
    if (bytes) return bytes;
    const object = shaped(resource, event.object, options, headless);
    return Buffer.from(`${JSON.stringify({ type: event.type, object })}\n`);
  };
  // Cells show ages, so tables are made for each watcher.
  if (shape === "table") return wanted();
  return event.encoded(shared, wanted);
}

/** Names the form of a watch's events: watchers of the same form share their bytes. */
export function sharedForm(resource: ServedResource, { encoding, include }: EncodeOptions): string {
  const { format, shape, metaVersion } = encoding;
  return `${resource.apiVersion}/${format}/${shape}/${metaVersion}/${include}`;
}

/** A bookmark: an object with nothing but a resource version. */
export function encodeBookmark(resource: ServedResource, event: BookmarkEvent, encoding: Encoding): Uint8Array {
  const metadata: Record<string, unknown> = { resourceVersion: String(event.revision), creationTimestamp: null };
  if (event.initialEventsEnd) metadata["annotations"] = { "k8s.io/initial-events-end": "true" };
  const { kind } = resource.type;
  const { apiVersion } = resource;
  if (encoding.shape === "table") {
    const { metaVersion } = encoding;
    const partial = partialObject({ kind, apiVersion, metadata }, metaVersion);
    const table = {
      kind: "Table",
      apiVersion: `meta.k8s.io/${metaVersion}`,
      metadata: { resourceVersion: String(event.revision) },
      columnDefinitions: null,
      rows: [{ cells: [], object: partial }],
    };
    return Buffer.from(`${JSON.stringify({ type: "BOOKMARK", object: table })}\n`);
  }
  const object =
    encoding.shape === "partial"
      ? partialObject({ kind, apiVersion, metadata }, encoding.metaVersion)
      : { kind, apiVersion, metadata };
  if (encoding.protobuf) return encoding.protobuf.encodeEvent("BOOKMARK", object);
  return Buffer.from(`${JSON.stringify({ type: "BOOKMARK", object })}\n`);
}

/** The end of a watch that failed. */
export function encodeError(status: Status, encoding: Encoding): Uint8Array {
  if (encoding.protobuf) return encoding.protobuf.encodeEvent("ERROR", status as UnknownObject);
  return Buffer.from(`${JSON.stringify({ type: "ERROR", object: status })}\n`);
}

/** Any value in the wanted format. */
export function encodeValue(value: object, encoding: Encoding): Uint8Array {
  if (encoding.format === "yaml") return encoding.yaml!(value);
  if (encoding.protobuf) return encoding.protobuf.encodeObject(value as UnknownObject);
  return Buffer.from(`${JSON.stringify(value, undefined, encoding.pretty ? 2 : undefined)}\n`);
}

function shaped(
  resource: ServedResource,
  cached: CachedObject,
  { encoding, include, now }: EncodeOptions,
  headless = false,
): object {
  const { shape, metaVersion } = encoding;
  if (shape === "object") return resource.objectOf(cached);
  if (shape === "partial") return partialObject(cached.object, metaVersion);
  const columns = resource.definition.columns ?? DEFAULT_COLUMNS;
  const metadata = { resourceVersion: cached.object.metadata?.resourceVersion };
  const { objectOf } = resource;
  const conditions = resource.definition.rowConditions;
  return makeTable([cached], { columns, conditions, metaVersion, include, metadata, now, objectOf, headless });
}

function servedBytes(
  resource: ServedResource,
  cached: CachedObject,
  before?: string,
  after?: string,
): Uint8Array | undefined {
  if (!isVerbatim(resource, cached)) return undefined;
  return resource.registry.served.object(cached.value, cached.revision, before, after);
}

/** Whether an object is served as it is stored. What was stored of a custom one may be from before its schema changed. */
export const isVerbatim = (resource: ServedResource, cached: CachedObject): boolean =>
  !resource.conversion && !resource.custom && cached.revision !== 0;
