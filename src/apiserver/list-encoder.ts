import type { UnknownObject } from "../api/object.ts";
import { nextTurn } from "../base/event-loop.ts";
import type { Encoding } from "./encoding.ts";
import { ChunkWriter } from "./http/chunk-writer.ts";
import type { BodyChunks } from "./http/exchange.ts";
import { type EncodeOptions, encodeValue, isVerbatim } from "./object-encoder.ts";
import type { ServedResource } from "./served-resource.ts";
import { DEFAULT_COLUMNS } from "./table/default-columns.ts";
import { partialObject, tableHead, tableRow } from "./table/table.ts";
import type { CachedList, CachedObject } from "./watch-cache/watch-cache.ts";

/** A list whose objects are larger than this together is made while it is sent. As much is also worth compressing. */
const WHOLE_BYTES = 128 * 1024;
/** So much of stored objects is decoded for a chunk at most: about 5 ms of work. */
const DECODED_PER_CHUNK_BYTES = 256 * 1024;

/** A whole list as the body of an answer. Long ones are made piece by piece: others get their turn in between. */
export async function encodeList(
  resource: ServedResource,
  list: CachedList,
  options: EncodeOptions,
): Promise<Uint8Array | readonly Uint8Array[] | BodyChunks> {
  const { encoding } = options;
  const { items } = list;
  const isLong = items.reduce((sum, { value }) => sum + value.length, 0) > WHOLE_BYTES;
  // The objects of a long list are not remembered: they would drive out all others.
  const read = isLong ? (item: CachedObject) => item.peek() : (item: CachedObject) => item.object;
  if (encoding.format === "protobuf") {
    const turns = encoding.protobuf!.encodeListInTurns(listOf(resource, list, encoding), items.length, (index) => {
      const object = read(items[index]!);
      // Metadata is the same in all versions.
      return encoding.shape === "partial" ? object : resource.show(object);
    });
    for (;;) {
      const { done, value } = turns.next();
      if (done) return value;
      await nextTurn();
    }
  }
  if (encoding.format === "yaml") return encodeValue(wholeList(resource, list, options), encoding);
  const json = new JsonList(resource, list, options, read);
  return isLong ? json : json.whole();
}

/** A list in JSON. Where objects are served as they are stored, nothing is decoded: their bytes are put together. */
class JsonList implements BodyChunks {
  readonly length: number | undefined;
  readonly #items: readonly CachedObject[];
  readonly #head: string;
  readonly #separator: string;
  readonly #tail: string;
  /** Writes an item; returns how much it had to decode for that. */
  readonly #write: (out: ChunkWriter, item: CachedObject) => number;

  constructor(
    resource: ServedResource,
    list: CachedList,
    options: EncodeOptions,
    read: (item: CachedObject) => UnknownObject,
  ) {
    const { encoding } = options;
    this.#items = list.items;
    const isTable = encoding.shape === "table";
    const frame = isTable ? tableOf(resource, list, options) : { ...listOf(resource, list, encoding), items: [] };
    const itemOf = itemForm(resource, options);
    if (encoding.pretty) {
      const whole = JSON.stringify({ ...frame, [isTable ? "rows" : "items"]: [0] }, undefined, 2);
      const at = whole.lastIndexOf("0");
      const empty = list.items.length === 0;
      this.#head = empty ? JSON.stringify(frame, undefined, 2) : whole.slice(0, at);
      this.#separator = ",\n    ";
      this.#tail = empty ? "\n" : `${whole.slice(at + 1)}\n`;
      this.#write = (out, item) => {
        out.text(JSON.stringify(itemOf(read(item)), undefined, 2).replaceAll("\n", "\n    "));
        return item.value.length;
      };
      return;
    }
    this.#head = JSON.stringify(frame).slice(0, -2);
    this.#separator = ",";
    this.#tail = "]}\n";
    const writeDecoded = (out: ChunkWriter, item: CachedObject) => {
      out.text(JSON.stringify(itemOf(read(item))));
      return item.value.length;
    };
    if (encoding.shape !== "object") {
      this.#write = writeDecoded;
      return;
    }
    const { served } = resource.registry;
    this.#write = (out, item) => {
      const rest = isVerbatim(resource, item) ? served.rest(item.value) : undefined;
      if (!rest) return writeDecoded(out, item);
      out.ascii(`${ITEM_HEAD}${item.revision}${ITEM_VERSION_END}`);
      out.bytes(rest);
      return 0;
    };
    this.length = this.#measure((item) => (isVerbatim(resource, item) ? served.restLength(item.value) : undefined));
  }

  /** The length of the whole, where no item has to be decoded. */
  #measure(restLength: (item: CachedObject) => number | undefined): number | undefined {
    const frame = Buffer.byteLength(this.#head) + this.#tail.length;
    let length = frame + Math.max(0, this.#items.length - 1) * this.#separator.length;
    for (const item of this.#items) {
      const rest = restLength(item);
      if (rest === undefined) return undefined;
      length += ITEM_HEAD.length + String(item.revision).length + ITEM_VERSION_END.length + rest;
    }
    return length;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    const out = new ChunkWriter();
    out.text(this.#head);
    let decoded = 0;
    for (const [index, item] of this.#items.entries()) {
      if (index > 0) out.ascii(this.#separator);
      decoded += this.#write(out, item);
      if (!out.full && decoded < DECODED_PER_CHUNK_BYTES) continue;
      yield out.take();
      decoded = 0;
    }
    out.ascii(this.#tail);
    yield out.take();
  }

  /** All of it at once. */
  whole(): Uint8Array {
    const out = new ChunkWriter();
    out.text(this.#head);
    for (const [index, item] of this.#items.entries()) {
      if (index > 0) out.ascii(this.#separator);
      this.#write(out, item);
    }
    out.ascii(this.#tail);
    return out.take();
  }
}

/** In front of what is stored of an item, with the version that is not. */
const ITEM_HEAD = '{"metadata":{"resourceVersion":"';
const ITEM_VERSION_END = '",';

/** What becomes of an object in a list of its shape. */
function itemForm(resource: ServedResource, options: EncodeOptions): (object: UnknownObject) => object {
  const { encoding, include, now } = options;
  const { metaVersion, shape } = encoding;
  if (shape === "partial") return (object) => partialObject(object, metaVersion);
  if (shape === "table") {
    const { columns = DEFAULT_COLUMNS, rowConditions: conditions } = resource.definition;
    return (object) => tableRow(object, resource.show(object), { columns, conditions, metaVersion, include, now });
  }
  // Items of built-in lists leave out what the list says of all; those of custom ones are whole, as upstream's.
  if (resource.custom) return (object) => resource.show(object);
  return (object) => {
    const { kind: _kind, apiVersion: _version, ...rest } = resource.show(object);
    return rest;
  };
}

function wholeList(resource: ServedResource, list: CachedList, options: EncodeOptions): object {
  const itemOf = itemForm(resource, options);
  const items = list.items.map(({ object }) => itemOf(object));
  if (options.encoding.shape === "table") return { ...tableOf(resource, list, options), rows: items };
  return { ...listOf(resource, list, options.encoding), items };
}

/** A list without its items. */
function listOf(resource: ServedResource, list: CachedList, { shape, metaVersion }: Encoding) {
  const metadata = listMetadata(list);
  return shape === "partial"
    ? { kind: "PartialObjectMetadataList", apiVersion: `meta.k8s.io/${metaVersion}`, metadata }
    : { kind: resource.listKind, apiVersion: resource.apiVersion, metadata };
}

/** A table without its rows. */
function tableOf(resource: ServedResource, list: CachedList, { encoding }: EncodeOptions) {
  const columns = resource.definition.columns ?? DEFAULT_COLUMNS;
  return tableHead({ columns, metaVersion: encoding.metaVersion, metadata: listMetadata(list) });
}

function listMetadata(list: CachedList): Record<string, unknown> {
  const metadata: Record<string, unknown> =
    list.resourceVersion === 0 ? {} : { resourceVersion: String(list.resourceVersion) };
  if (list.continue) metadata["continue"] = list.continue;
  if (list.remainingItemCount !== undefined) metadata["remainingItemCount"] = list.remainingItemCount;
  return metadata;
}
