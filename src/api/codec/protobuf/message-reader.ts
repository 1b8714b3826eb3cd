/**
 * Reads messages into the JSON shape that upstream would write for them: empty values are dropped or filled in as the
 * struct tags say. What a message's fields need is worked out once, when the first such message is read; after that each
 * field is one look-up by number and one call.
 */
import type { UnknownObject } from "../../object.ts";
import { setMember } from "../json-text.ts";
import { isEnvelope, openEnvelope } from "./envelope.ts";
import { LEAF_FORMS, type LeafForm, parseText, readRaw } from "./leaf-forms.ts";
import { type MessageField, messageNameOf, messageType, type UnionType, type ValueType } from "./message-type.ts";
import { LENGTH_DELIMITED, ProtobufError, VARINT, WireReader } from "./wire-reader.ts";

type JsonObject = Record<string, unknown>;
/**
 * Reads one field's value, whose tag has been read, into the object. `again` says that the field may be there already:
 * then the last one counts, and messages are merged.
 */
type ReadField = (reader: WireReader, object: JsonObject, wireType: number, again: boolean) => void;
interface ReadValue {
  readonly wireType: number;
  read(reader: WireReader): unknown;
  /** The value of an element that is not there. */
  zero(): unknown;
}

const readers = new Map<string, MessageReader>();

/** The reader of a message. Throws a RangeError where there is none of this name. */
export function messageReader(name: string): MessageReader {
  let reader = readers.get(name);
  if (!reader) {
    reader = new MessageReader(name);
    readers.set(name, reader);
  }
  return reader;
}

export class MessageReader {
  readonly name: string;
  /** By number. */
  #fields: (ReadField | undefined)[] | undefined;
  #fillers: readonly Filler[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** Reads to the end of the innermost message. Throws ProtobufError. */
  read(reader: WireReader, object: JsonObject = {}, again = false): JsonObject {
    this.fill(object, this.readFields(reader, object, again));
    return object;
  }

  /** Returns which of the first 31 fields were there: the bits of their numbers. */
  readFields(reader: WireReader, object: JsonObject, again: boolean): number {
    const fields = this.#fields ?? this.#prepare();
    let seen = 0;
    let last = 0;
    while (reader.more) {
      const tag = reader.tag();
      const number = tag >>> 3;
      const field = fields[number];
      if (field === undefined) reader.skip(tag);
      else field(reader, object, tag & 7, again || number <= last);
      last = Math.max(last, number);
      if (number < 32) seen |= 1 << number;
    }
    return seen;
  }

  /** Sets what JSON shows though it was not written; what was `seen` need not be looked for. */
  fill(object: JsonObject, seen = 0): void {
    for (const { number, name, zero } of this.#fillers) {
      if (number < 32 && (seen & (1 << number)) !== 0) continue;
      if (object[name] === undefined) object[name] = zero();
    }
  }

  zero(): JsonObject {
    if (!this.#fields) this.#prepare();
    const object: JsonObject = {};
    this.fill(object);
    return object;
  }

  get fillers(): readonly Filler[] {
    if (!this.#fields) this.#prepare();
    return this.#fillers;
  }

  #prepare(): (ReadField | undefined)[] {
    const fields: (ReadField | undefined)[] = [];
    const type = messageType(this.name);
    for (const field of type.fields) {
      while (fields.length <= field.number) fields.push(undefined);
      fields[field.number] = fieldReader(field);
    }
    this.#fields = fields;
    this.#fillers = type.fields.flatMap(fillersOf);
    return fields;
  }
}

interface Filler {
  /** Beyond all for the fields of inlined messages. */
  readonly number: number;
  readonly name: string;
  zero(): unknown;
}

function fillersOf({ name, number, type, repetition, pointer, always, inline }: MessageField): readonly Filler[] {
  if (repetition !== "one" || pointer) return [];
  if (type.kind === "message") {
    const message = messageReader(type.message);
    if (inline) return message.fillers.map((filler) => ({ ...filler, number: Number.POSITIVE_INFINITY }));
    return [{ number, name, zero: () => message.zero() }];
  }
  const form = leafForm(type);
  if (!form || form.zero === undefined || !(always || form.alwaysShown)) return [];
  return [{ number, name, zero: () => form.zero }];
}

/** Undefined for what has no zero value of its own. */
function leafForm(type: ValueType): LeafForm | undefined {
  return type.kind === "leaf" && type.leaf !== "rawExtension" ? LEAF_FORMS[type.leaf] : undefined;
}

function fieldReader(field: MessageField): ReadField {
  if (field.inline) return inlineReader(field);
  if (field.repetition === "list") return listReader(field);
  if (field.repetition === "map") return mapReader(field);
  if (field.type.kind === "message") return embeddedReader(field.name, field.type.message);
  const { name } = field;
  const { wireType: expected, read } = valueReader(field.type);
  const zero = leafForm(field.type)?.zero;
  const dropsZero = !field.pointer && !field.always && leafForm(field.type)?.alwaysShown === undefined;
  return (reader, object, wireType, again) => {
    if (wireType !== expected) throw wrongWireType(name, wireType);
    const value = read(reader);
    if (value !== undefined && !(dropsZero && (value === zero || value === ""))) object[name] = value;
    else if (again) delete object[name];
  };
}

function embeddedReader(name: string, messageName: string): ReadField {
  const message = messageReader(messageName);
  return (reader, object, wireType, again) => {
    if (wireType !== LENGTH_DELIMITED) throw wrongWireType(name, wireType);
    const before = again ? (object[name] as JsonObject | undefined) : undefined;
    const outer = reader.enter();
    object[name] = message.read(reader, before, before !== undefined);
    reader.leave(outer);
  };
}

function inlineReader({ name, type }: MessageField): ReadField {
  const message = messageReader((type as { message: string }).message);
  return (reader, object, wireType, again) => {
    if (wireType !== LENGTH_DELIMITED) throw wrongWireType(name, wireType);
    const outer = reader.enter();
    message.readFields(reader, object, again);
    reader.leave(outer);
  };
}

function listReader({ name, type }: MessageField): ReadField {
  const value = valueReader(type);
  const packable = value.wireType !== LENGTH_DELIMITED;
  return (reader, object, wireType) => {
    let list = object[name] as unknown[] | undefined;
    if (list === undefined) {
      list = [];
      object[name] = list;
    }
    if (wireType === value.wireType) list.push(value.read(reader) ?? null);
    else if (packable && wireType === LENGTH_DELIMITED) {
      const outer = reader.enter();
      while (reader.more) list.push(value.read(reader));
      reader.leave(outer);
    } else throw wrongWireType(name, wireType);
  };
}

function mapReader({ name, type }: MessageField): ReadField {
  const value = valueReader(type);
  const keyTag = (1 << 3) | LENGTH_DELIMITED;
  const valueTag = (2 << 3) | value.wireType;
  return (reader, object, wireType) => {
    if (wireType !== LENGTH_DELIMITED) throw wrongWireType(name, wireType);
    let map = object[name] as JsonObject | undefined;
    if (map === undefined) {
      map = {};
      object[name] = map;
    }
    const outer = reader.enter();
    let key = "";
    let read: unknown;
    while (reader.more) {
      const tag = reader.tag();
      if (tag === keyTag) key = reader.string();
      else if (tag === valueTag) read = value.read(reader);
      else reader.skip(tag);
    }
    reader.leave(outer);
    setMember(map, key, read ?? value.zero());
  };
}

function valueReader(type: ValueType): ReadValue {
  if (type.kind === "message") {
    const message = messageReader(type.message);
    return {
      wireType: LENGTH_DELIMITED,
      read: (reader) => {
        const outer = reader.enter();
        const object = message.read(reader);
        reader.leave(outer);
        return object;
      },
      zero: () => message.zero(),
    };
  }
  if (type.kind === "union") return unionReader(type);
  if (type.leaf === "rawExtension") {
    return { wireType: LENGTH_DELIMITED, read: (reader) => readRaw(reader, rawObject(reader)), zero: () => null };
  }
  const form = LEAF_FORMS[type.leaf];
  // Absent bytes in a map are empty ones, and an absent list of strings an empty list.
  const zero = type.leaf === "bytes" ? "" : (form.zero ?? null);
  return {
    wireType: form.wireType,
    read: form.read,
    zero: () => (type.leaf === "strings" ? [] : zero),
  };
}

function unionReader({ other, message }: UnionType): ReadValue {
  const schema = messageReader(message);
  const schemaField = other === "boolean" ? 2 : 1;
  const otherField = other === "boolean" ? 1 : 2;
  const otherType = other === "boolean" ? VARINT : LENGTH_DELIMITED;
  const readSchema = (reader: WireReader, before?: JsonObject) => {
    const outer = reader.enter();
    const object = schema.read(reader, before, before !== undefined);
    reader.leave(outer);
    return object;
  };
  const read = (reader: WireReader) => {
    let chosen: JsonObject | undefined;
    let allows = false;
    const list: unknown[] = [];
    const outer = reader.enter();
    while (reader.more) {
      const tag = reader.tag();
      if (tag === ((schemaField << 3) | LENGTH_DELIMITED)) chosen = readSchema(reader, chosen);
      else if (tag !== ((otherField << 3) | otherType)) reader.skip(tag);
      else if (other === "boolean") allows = reader.boolean();
      else list.push(other === "schemas" ? readSchema(reader) : reader.string());
    }
    reader.leave(outer);
    if (other === "boolean") return chosen ?? allows;
    return list.length > 0 ? list : chosen;
  };
  return { wireType: LENGTH_DELIMITED, read, zero: () => null };
}

function wrongWireType(name: string, wireType: number): ProtobufError {
  return new ProtobufError(`proto: wrong wireType = ${wireType} for field ${name[0]!.toUpperCase()}${name.slice(1)}`);
}

/** Reads a message's bytes into `object`, which it returns. Throws ProtobufError. */
export function readMessage(name: string, raw: Uint8Array, object: UnknownObject, depth = 0): UnknownObject {
  return messageReader(name).read(new WireReader(raw, depth), object);
}

/** An object inside another one: JSON, or an envelope (in watch events, and in lists of mixed kinds). */
function rawObject(reader: WireReader): (raw: Buffer) => unknown {
  return (raw) => {
    if (!isEnvelope(raw)) return parseText(raw);
    const depth = reader.depth + 1;
    const { apiVersion, kind, raw: inner } = openEnvelope(raw, depth);
    const message = messageNameOf(apiVersion, kind);
    if (message === undefined) {
      throw new ProtobufError(
        `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`,
      );
    }
    return readMessage(message, inner, { kind, apiVersion }, depth);
  };
}
