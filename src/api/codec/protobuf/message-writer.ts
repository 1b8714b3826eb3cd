/**
 * Writes objects as messages, byte for byte as upstream would. As the writer goes backwards, so do the fields, the items
 * and the keys. What a message's fields need is worked out once, when the first such message is written.
 */
import { LEAF_FORMS, writeRawText } from "./leaf-forms.ts";
import { type MessageField, messageType, type UnionType, type ValueType } from "./message-type.ts";
import { LENGTH_DELIMITED, VARINT } from "./wire-reader.ts";
import type { WireWriter } from "./wire-writer.ts";

type JsonObject = Readonly<Record<string, unknown>>;
type WriteField = (writer: WireWriter, object: JsonObject) => void;
interface WriteValue {
  readonly wireType: number;
  /** With its length before it, where it needs one. */
  write(writer: WireWriter, value: unknown): void;
  /** Writes an absent value where Go has no pointer; undefined for what is left out. */
  readonly writeAbsent: ((writer: WireWriter) => void) | undefined;
}

const writers = new Map<string, MessageWriter>();

/** The writer of a message. Throws a RangeError where there is none of this name. */
export function messageWriter(name: string): MessageWriter {
  let writer = writers.get(name);
  if (!writer) {
    writer = new MessageWriter(name);
    writers.set(name, writer);
  }
  return writer;
}

export class MessageWriter {
  readonly name: string;
  /** The last field first. */
  #fields: readonly WriteField[] | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Writes the fields, without a length. Throws a TypeError or RangeError for an object that is not of the type. */
  write(writer: WireWriter, object: JsonObject): void {
    this.#fields ??= messageType(this.name).fields.map(fieldWriter).reverse();
    for (const write of this.#fields) write(writer, object);
  }
}

function fieldWriter(field: MessageField): WriteField {
  const { name, number, pointer, inline, repetition } = field;
  const value = valueWriter(field.type);
  const tag = (number << 3) | (repetition === "map" ? LENGTH_DELIMITED : value.wireType);
  if (repetition === "list") return listWriter(name, tag, value);
  if (repetition === "map") return mapWriter(name, tag, value);
  const { write, writeAbsent } = value;
  if (inline) {
    return (writer, object) => {
      write(writer, object);
      writer.tag(tag);
    };
  }
  if (pointer || !writeAbsent) {
    return (writer, object) => {
      const given = object[name];
      if (given === undefined || given === null) return;
      write(writer, given);
      writer.tag(tag);
    };
  }
  return (writer, object) => {
    const given = object[name];
    if (given === undefined || given === null) writeAbsent(writer);
    else write(writer, given);
    writer.tag(tag);
  };
}

function listWriter(name: string, tag: number, value: WriteValue): WriteField {
  return (writer, object) => {
    const list = object[name] as readonly unknown[] | undefined | null;
    if (!list) return;
    for (let index = list.length - 1; index >= 0; index--) {
      value.write(writer, list[index]);
      writer.tag(tag);
    }
  };
}

function mapWriter(name: string, tag: number, value: WriteValue): WriteField {
  const keyTag = (1 << 3) | LENGTH_DELIMITED;
  const valueTag = (2 << 3) | value.wireType;
  return (writer, object) => {
    const map = object[name] as JsonObject | undefined | null;
    if (!map) return;
    const keys = Object.keys(map).sort();
    for (let index = keys.length - 1; index >= 0; index--) {
      const key = keys[index]!;
      const end = writer.length;
      const given = map[key];
      const isGiven = given !== undefined && given !== null;
      if (isGiven) value.write(writer, given);
      else value.writeAbsent?.(writer);
      if (isGiven || value.writeAbsent) writer.byte(valueTag);
      writer.string(key);
      writer.byte(keyTag);
      writer.uint32(writer.length - end);
      writer.tag(tag);
    }
  };
}

const EMPTY: JsonObject = {};

function valueWriter(type: ValueType): WriteValue {
  if (type.kind === "message") return embedded(type.message);
  if (type.kind === "union") return unionWriter(type);
  if (type.leaf === "rawExtension") {
    return { wireType: LENGTH_DELIMITED, write: writeRawText, writeAbsent: writeZeroByte };
  }
  const { wireType, absent, zero, write } = LEAF_FORMS[type.leaf];
  const writeAbsent = {
    nothing: undefined,
    "zero byte": writeZeroByte,
    zero: (writer: WireWriter) => write(writer, zero as never),
  };
  return { wireType, write: write as WriteValue["write"], writeAbsent: writeAbsent[absent] };
}

function writeZeroByte(writer: WireWriter): void {
  writer.byte(0);
}

function embedded(name: string): WriteValue {
  const message = messageWriter(name);
  const write = (writer: WireWriter, value: unknown) => {
    const end = writer.length;
    message.write(writer, value as JsonObject);
    writer.uint32(writer.length - end);
  };
  return { wireType: LENGTH_DELIMITED, write, writeAbsent: (writer) => write(writer, EMPTY) };
}

function unionWriter({ other, message }: UnionType): WriteValue {
  const schema = embedded(message);
  const schemaTag = ((other === "boolean" ? 2 : 1) << 3) | LENGTH_DELIMITED;
  const write = (writer: WireWriter, value: unknown) => {
    const end = writer.length;
    if (Array.isArray(value)) {
      for (let index = value.length - 1; index >= 0; index--) {
        if (other === "schemas") schema.write(writer, value[index]);
        else writer.string(value[index]);
        writer.byte((2 << 3) | LENGTH_DELIMITED);
      }
    } else if (typeof value === "object" && value !== null) {
      schema.write(writer, value);
      writer.byte(schemaTag);
    }
    if (other === "boolean") {
      // Beside a schema the boolean is true: additional properties are allowed as far as they fit.
      writer.byte(value === false ? 0 : 1);
      writer.byte((1 << 3) | VARINT);
    }
    writer.uint32(writer.length - end);
  };
  return { wireType: LENGTH_DELIMITED, write, writeAbsent: writeZeroByte };
}
