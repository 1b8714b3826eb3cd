/**
 * The protobuf encoding of the API, `application/vnd.kubernetes.protobuf`. An object travels as the bytes `k8s\0` and a
 * runtime.Unknown, which holds its apiVersion, kind and message; a watch as frames of WatchEvents, each with such an
 * object inside. Objects have the same shape in memory as those that JSON is decoded to.
 *
 * Loading this reads the table of messages: import it when it is needed first.
 * See https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding.
 */
import type { UnknownObject } from "../../object.ts";
import { PREFIX } from "./envelope.ts";
import { readMessage } from "./message-reader.ts";
import { messageNameOf, messageType } from "./message-type.ts";
import { messageWriter } from "./message-writer.ts";
import { LENGTH_DELIMITED } from "./wire-reader.ts";
import { WireWriter } from "./wire-writer.ts";

export { type Envelope, openEnvelope } from "./envelope.ts";
export { ProtobufError } from "./wire-reader.ts";

/** Whether a kind has a protobuf form. `apiVersion` is as in objects. */
export const hasMessage = (apiVersion: string, kind: string): boolean => messageNameOf(apiVersion, kind) !== undefined;

/** Reads what an envelope holds as an object of this kind. Throws ProtobufError; RangeError for a kind without a message. */
export function decodeMessage(apiVersion: string, kind: string, raw: Uint8Array): UnknownObject {
  return readMessage(nameOf(apiVersion, kind), raw, { kind, apiVersion });
}

/** One writer for all objects: nothing waits in between. */
const writer = new WireWriter();

/** An object in its envelope. It must say its kind. Throws a RangeError for a kind without a message. */
export function encodeObject(object: UnknownObject): Uint8Array {
  writer.reset();
  writeEnveloped(object);
  return writer.take();
}

/** Bytes of a list that are put together before they are handed on. */
const PIECE_SIZE = 256 * 1024;

/**
 * A list in its envelope, in pieces to be joined: the whole never has to be in one place. `itemAt` gives the items,
 * the last one first; their apiVersion and kind are not written. Gives way after each piece, so that others get their turn.
 */
export function* encodeListInTurns(
  list: { apiVersion: string; kind: string; metadata: object },
  count: number,
  itemAt: (index: number) => UnknownObject,
): Generator<void, readonly Uint8Array[]> {
  const { fields } = messageType(nameOf(list.apiVersion, list.kind));
  const items = fields.find(({ name }) => name === "items");
  if (items?.type.kind !== "message") throw new RangeError(`${list.kind} is no list of one kind`);
  const item = messageWriter(items.type.message);
  const tag = (items.number << 3) | LENGTH_DELIMITED;
  const pieces: Uint8Array[] = [];
  let taken = 0;
  const out = new WireWriter();
  writeTrailer(out);
  const end = out.length;
  for (let index = count - 1; index >= 0; index--) {
    const start = out.length;
    item.write(out, itemAt(index));
    out.uint32(out.length - start);
    out.tag(tag);
    if (out.length < PIECE_SIZE) continue;
    taken += out.length;
    pieces.push(out.take());
    yield;
  }
  const { apiVersion, kind, metadata } = list;
  messageWriter(nameOf(apiVersion, kind)).write(out, { metadata });
  writeHead(out, apiVersion, kind, taken + out.length - end);
  pieces.push(out.take());
  return pieces.reverse();
}

/** The same at once. */
export function encodeList(...list: Parameters<typeof encodeListInTurns>): readonly Uint8Array[] {
  const turns = encodeListInTurns(...list);
  for (;;) {
    const { done, value } = turns.next();
    if (done) return value;
  }
}

/** One event of a watch, as a frame: four bytes of length, then a WatchEvent. */
export function encodeEvent(type: string, object: UnknownObject): Uint8Array {
  writer.reset();
  writeEnveloped(object);
  writer.uint32(writer.length);
  writer.tag((1 << 3) | LENGTH_DELIMITED);
  writer.uint32(writer.length);
  writer.tag((2 << 3) | LENGTH_DELIMITED);
  writer.string(type);
  writer.tag((1 << 3) | LENGTH_DELIMITED);
  writer.fixed32BigEndian(writer.length);
  return writer.take();
}

/** The encoder, to be handed to where it may not be loaded. */
export interface ProtobufEncoder {
  encodeObject: typeof encodeObject;
  encodeListInTurns: typeof encodeListInTurns;
  encodeEvent: typeof encodeEvent;
}

/** An object with its kind, its bytes, and no contentEncoding or contentType. */
function writeEnveloped(object: UnknownObject): void {
  const { apiVersion = "", kind = "" } = object;
  const message = messageWriter(nameOf(apiVersion, kind));
  writeTrailer(writer);
  const end = writer.length;
  message.write(writer, object);
  writeHead(writer, apiVersion, kind, writer.length - end);
}

function writeTrailer(out: WireWriter): void {
  for (const number of [4, 3]) {
    out.uint32(0);
    out.tag((number << 3) | LENGTH_DELIMITED);
  }
}

function writeHead(out: WireWriter, apiVersion: string, kind: string, rawLength: number): void {
  out.uint32(rawLength);
  out.tag((2 << 3) | LENGTH_DELIMITED);
  const end = out.length;
  out.string(kind);
  out.tag((2 << 3) | LENGTH_DELIMITED);
  out.string(apiVersion);
  out.tag((1 << 3) | LENGTH_DELIMITED);
  out.uint32(out.length - end);
  out.tag((1 << 3) | LENGTH_DELIMITED);
  out.bytes(PREFIX);
}

function nameOf(apiVersion: string, kind: string): string {
  const name = messageNameOf(apiVersion, kind);
  if (name === undefined) throw new RangeError(`${apiVersion} ${kind} has no protobuf form`);
  return name;
}
