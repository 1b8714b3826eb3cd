/**
 * The values that JSON shows as something else than an object: scalars, times, quantities, and JSON itself. Each is read
 * after its tag and written before it.
 */
import { formatDurationNanoseconds, parseDurationNanoseconds } from "../../duration.ts";
import { canonicalQuantity, QuantityError } from "../../quantity.ts";
import { isTooDeep, TOO_DEEP } from "../nesting.ts";
import { timeOf } from "../time.ts";
import type { Leaf } from "./message-type.ts";
import { FIXED64, LENGTH_DELIMITED, ProtobufError, VARINT, type WireReader } from "./wire-reader.ts";
import type { WireWriter } from "./wire-writer.ts";

export interface LeafForm {
  readonly wireType: number;
  /** The JSON value; undefined where JSON has none (zero times, no JSON). Throws ProtobufError. */
  read(reader: WireReader): unknown;
  /** Throws a TypeError or RangeError for what is no such value. */
  write(writer: WireWriter, value: never): void;
  /** The zero value in JSON, for fields that JSON always shows. */
  readonly zero: unknown;
  /** Whether JSON shows the zero value whatever the field's tags say. */
  readonly alwaysShown?: true;
  /**
   * How an absent value is written where Go has no pointer: as its zero value, which for most is one zero byte (0, false,
   * the length of an empty string or message), or not at all.
   */
  readonly absent: "zero" | "zero byte" | "nothing";
}

export const LEAF_FORMS: Readonly<Record<Exclude<Leaf, "rawExtension">, LeafForm>> = {
  string: {
    wireType: LENGTH_DELIMITED,
    read: (reader) => reader.string(),
    write: (writer, value: string) => writer.string(value),
    zero: "",
    absent: "zero byte",
  },
  boolean: {
    wireType: VARINT,
    read: (reader) => reader.boolean(),
    write: (writer, value: boolean) => writer.byte(value ? 1 : 0),
    zero: false,
    absent: "zero byte",
  },
  int32: {
    wireType: VARINT,
    read: (reader) => reader.int32(),
    write: (writer, value: number) => writer.int64(value),
    zero: 0,
    absent: "zero byte",
  },
  int64: {
    wireType: VARINT,
    read: (reader) => reader.int64(),
    write: (writer, value: number) => writer.int64(value),
    zero: 0,
    absent: "zero byte",
  },
  double: {
    wireType: FIXED64,
    read: (reader) => finite(reader.double()),
    write: (writer, value: number) => writer.double(value),
    zero: 0,
    absent: "zero",
  },
  bytes: {
    wireType: LENGTH_DELIMITED,
    read: (reader) => reader.base64(),
    write: (writer, value: string) => writer.base64(value),
    zero: undefined,
    absent: "nothing",
  },
  time: {
    wireType: LENGTH_DELIMITED,
    read: (reader) => {
      const timestamp = readTimestamp(reader);
      return timestamp && secondsText(timestamp.seconds);
    },
    write: (writer, value: string) => writeTimestamp(writer, secondsOf(value), 0),
    zero: undefined,
    absent: "zero byte",
  },
  microTime: {
    wireType: LENGTH_DELIMITED,
    read: (reader) => {
      const timestamp = readTimestamp(reader);
      if (!timestamp) return undefined;
      const micros = Math.trunc(timestamp.nanos / 1000);
      const seconds = timestamp.seconds + Math.floor(micros / 1e6);
      const fraction = micros - Math.floor(micros / 1e6) * 1e6;
      return `${secondsText(seconds).slice(0, 19)}.${String(fraction).padStart(6, "0")}Z`;
    },
    write: (writer, value: string) => {
      const fraction = value.slice(20, -1).padEnd(6, "0").slice(0, 6);
      writeTimestamp(writer, secondsOf(`${value.slice(0, 19)}Z`), Number(fraction) * 1000);
    },
    zero: undefined,
    absent: "zero byte",
  },
  duration: {
    wireType: LENGTH_DELIMITED,
    read: (reader) => {
      let nanoseconds = 0n;
      readFields(reader, (tag) => {
        if (tag !== ((1 << 3) | VARINT)) return false;
        nanoseconds = reader.exactInt64();
        return true;
      });
      return formatDurationNanoseconds(nanoseconds);
    },
    write: (writer, value: string) => {
      const end = writer.length;
      writer.exactInt64(parseDurationNanoseconds(value));
      writer.byte((1 << 3) | VARINT);
      writer.uint32(writer.length - end);
    },
    zero: "0s",
    alwaysShown: true,
    absent: "zero",
  },
  quantity: {
    wireType: LENGTH_DELIMITED,
    read: (reader) => {
      let text = "0";
      readFields(reader, (tag) => {
        if (tag !== ((1 << 3) | LENGTH_DELIMITED)) return false;
        text = reader.string();
        return true;
      });
      return quantity(text);
    },
    write: (writer, value: string) => {
      const end = writer.length;
      writer.string(value);
      writer.byte((1 << 3) | LENGTH_DELIMITED);
      writer.uint32(writer.length - end);
    },
    zero: "0",
    alwaysShown: true,
    absent: "zero",
  },
  intOrString: {
    wireType: LENGTH_DELIMITED,
    read: (reader) => {
      let type = 0;
      let number = 0;
      let text = "";
      readFields(reader, (tag) => {
        if (tag === ((1 << 3) | VARINT)) type = reader.int64();
        else if (tag === ((2 << 3) | VARINT)) number = reader.int32();
        else if (tag === ((3 << 3) | LENGTH_DELIMITED)) text = reader.string();
        else return false;
        return true;
      });
      if (type !== 0 && type !== 1) throw new ProtobufError("impossible IntOrString.Type");
      return type === 0 ? number : text;
    },
    write: (writer, value: number | string) => {
      const end = writer.length;
      const isText = typeof value === "string";
      writer.string(isText ? value : "");
      writer.byte((3 << 3) | LENGTH_DELIMITED);
      writer.int64(isText ? 0 : value);
      writer.byte((2 << 3) | VARINT);
      writer.byte(isText ? 1 : 0);
      writer.byte((1 << 3) | VARINT);
      writer.uint32(writer.length - end);
    },
    zero: 0,
    alwaysShown: true,
    absent: "zero",
  },
  json: {
    wireType: LENGTH_DELIMITED,
    read: (reader) => readRaw(reader, parseText),
    write: (writer, value: unknown) => writeRawText(writer, value),
    zero: undefined,
    absent: "zero byte",
  },
  strings: {
    wireType: LENGTH_DELIMITED,
    read: (reader) => {
      const items: string[] = [];
      readFields(reader, (tag) => {
        if (tag !== ((1 << 3) | LENGTH_DELIMITED)) return false;
        items.push(reader.string());
        return true;
      });
      return items;
    },
    write: (writer, value: readonly string[]) => {
      const end = writer.length;
      for (let index = value.length - 1; index >= 0; index--) {
        writer.string(value[index]!);
        writer.byte((1 << 3) | LENGTH_DELIMITED);
      }
      writer.uint32(writer.length - end);
    },
    zero: undefined,
    absent: "nothing",
  },
};

/** Reads the fields of a small message; `take` reads the value of those it knows. */
function readFields(reader: WireReader, take: (tag: number) => boolean): void {
  const outer = reader.enter();
  while (reader.more) {
    const tag = reader.tag();
    if (!take(tag)) reader.skip(tag);
  }
  reader.leave(outer);
}

/** Reads a message with nothing but a field `raw`; undefined where that is empty or null. */
export function readRaw(reader: WireReader, parse: (raw: Buffer) => unknown): unknown {
  let value: unknown;
  readFields(reader, (tag) => {
    if (tag !== ((1 << 3) | LENGTH_DELIMITED)) return false;
    const raw = reader.bytes();
    value = raw.length === 0 ? undefined : (parse(raw) ?? undefined);
    return true;
  });
  return value;
}

/** Writes a value as JSON into a message's field `raw`, which is left out for null. */
export function writeRawText(writer: WireWriter, value: unknown): void {
  const end = writer.length;
  if (value !== null) {
    writer.string(JSON.stringify(value));
    writer.byte((1 << 3) | LENGTH_DELIMITED);
  }
  writer.uint32(writer.length - end);
}

/** JSON from inside a message. */
export function parseText(raw: Buffer): unknown {
  let value: unknown;
  try {
    value = JSON.parse(raw.toString());
  } catch (error) {
    throw new ProtobufError(`invalid JSON: ${(error as Error).message}`);
  }
  if (isTooDeep(value)) throw new ProtobufError(TOO_DEEP);
  return value;
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new ProtobufError(`json: unsupported value: ${value}`);
  return value;
}

/** What most quantities look like; these are canonical as they are. */
const PLAIN_QUANTITY = /^[1-9][0-9]{0,2}(?:[mkMG]|[KMG]i)?$/;

function quantity(text: string): string {
  if (PLAIN_QUANTITY.test(text)) return text;
  try {
    return canonicalQuantity(text);
  } catch (error) {
    if (error instanceof QuantityError) throw new ProtobufError(error.message);
    throw error;
  }
}

/** Years 0 to 9999, which are all that RFC 3339 can write. */
const FIRST_SECOND = -62167219200;
const LAST_SECOND = 253402300799;
/** The start of the year 1: Go's zero time, which is written as nothing. */
const ZERO_TIME = -62135596800;

function readTimestamp(reader: WireReader): { seconds: number; nanos: number } | undefined {
  let seconds = 0;
  let nanos = 0;
  let empty = true;
  readFields(reader, (tag) => {
    empty = false;
    if (tag === ((1 << 3) | VARINT)) seconds = reader.int64();
    else if (tag === ((2 << 3) | VARINT)) nanos = reader.int32();
    else return false;
    return true;
  });
  return empty ? undefined : { seconds, nanos };
}

function writeTimestamp(writer: WireWriter, seconds: number, nanos: number): void {
  const end = writer.length;
  if (seconds !== ZERO_TIME || nanos !== 0) {
    writer.int64(nanos);
    writer.byte((2 << 3) | VARINT);
    writer.int64(seconds);
    writer.byte((1 << 3) | VARINT);
  }
  writer.uint32(writer.length - end);
}

/** An object's times are often the same, so the last one is remembered. */
let lastSeconds = 0;
let lastText = "1970-01-01T00:00:00Z";

function secondsText(seconds: number): string {
  if (seconds === lastSeconds) return lastText;
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND) {
    throw new ProtobufError("Time.MarshalJSON: year outside of range [0,9999]");
  }
  lastText = timeOf(seconds * 1000);
  lastSeconds = seconds;
  return lastText;
}

let lastParsed = "1970-01-01T00:00:00Z";
let lastParsedSeconds = 0;

function secondsOf(text: string): number {
  if (text === lastParsed) return lastParsedSeconds;
  const seconds = Math.floor(Date.parse(text) / 1000);
  if (Number.isNaN(seconds)) throw new TypeError(`no time: ${JSON.stringify(text)}`);
  lastParsed = text;
  lastParsedSeconds = seconds;
  return seconds;
}
