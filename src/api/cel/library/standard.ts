/** Sizes, conversions and string predicates of the standard environment. */
import type { Library } from "../functions.ts";
import { matches } from "../regex.ts";
import { durationText, parseDuration, parseTimestamp, timestampText } from "../time.ts";
import {
  type CelList,
  type CelMap,
  characters,
  Duration,
  Fault,
  Timestamp,
  TypeValue,
  typeNameOf,
  Uint,
  type Value,
} from "../values.ts";

const INT_MIN = -(1n << 63n);
const INT_MAX = (1n << 63n) - 1n;
const UINT_MAX = (1n << 64n) - 1n;

const within = (value: bigint, low: bigint, high: bigint, message: string): bigint => {
  if (value < low || value > high) throw new Fault(message);
  return value;
};
function whole(value: number): bigint {
  if (!Number.isFinite(value)) throw new Fault("integer overflow");
  return BigInt(Math.trunc(value));
}
const unlike = (type: string): Fault => new Fault(`type conversion error from 'string' to '${type}'`);
function parseInteger(text: string, type: "int" | "uint"): bigint {
  const pattern = type === "int" ? /^[+-]?\d+$/ : /^\d+$/;
  if (!pattern.test(text)) throw unlike(type);
  const value = BigInt(text.replace(/^\+/, ""));
  if (type === "int" ? value < INT_MIN || value > INT_MAX : value > UINT_MAX) throw unlike(type);
  return value;
}
function parseDouble(text: string): number {
  const special = /^([+-]?)(?:(inf|infinity)|nan)$/i.exec(text);
  if (special) return special[2] ? (special[1] === "-" ? -Infinity : Infinity) : Number.NaN;
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) {
    throw unlike("double");
  }
  return Number(text);
}
function parseBool(text: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  throw unlike("bool");
}

/** Go's shortest 'g' format: an exponent below -4 or from 6 on is written as such. */
export function doubleText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [digits, exponent] = value.toExponential().split("e") as [string, string];
  const power = Number(exponent);
  if (power >= -4 && power < 6) {
    const plain = String(value);
    return plain.includes("e") ? value.toFixed(Math.max(0, digits.replace(/[-.]/g, "").length - 1 - power)) : plain;
  }
  return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Fault("invalid UTF-8 in bytes, cannot convert to string");
  }
}

const sizes: Library = Object.fromEntries(
  (
    [
      ["string", (text: string) => BigInt(characters(text))],
      ["bytes", (bytes: Uint8Array) => BigInt(bytes.length)],
      ["list(A)", (list: CelList) => BigInt(list.length)],
      ["map(A, B)", (map: CelMap) => BigInt(map.size)],
    ] as const
  ).flatMap(([type, call]) => [
    [`size(${type}): int`, call],
    [`${type} -> size(): int`, call],
  ]),
);

const same = (value: Value): Value => value;

const conversions: Library = {
  "bool(bool): bool": same,
  "bool(string): bool": parseBool,
  "bytes(bytes): bytes": same,
  "string_to_bytes | bytes(string): bytes": (text: string) => new TextEncoder().encode(text),
  "double(double): double": same,
  "double(int): double": (value: bigint) => Number(value),
  "double(uint): double": ({ value }: Uint) => Number(value),
  "double(string): double": parseDouble,
  "duration(duration): duration": same,
  "duration(int): duration": (nanos: bigint) => new Duration(nanos),
  "duration(string): duration": parseDuration,
  "dyn(A): dyn": same,
  "int(int): int": same,
  "int(double): int": (value: number) => {
    // The limits themselves are refused: the conversion is not exact there.
    if (!(value > -(2 ** 63) && value < 2 ** 63)) throw new Fault("integer overflow");
    return whole(value);
  },
  "int(duration): int": ({ nanos }: Duration) => nanos,
  "int(string): int": (text: string) => parseInteger(text, "int"),
  "int(timestamp): int": ({ nanos }: Timestamp) => (nanos - (((nanos % SECOND) + SECOND) % SECOND)) / SECOND,
  "int(uint): int": ({ value }: Uint) => within(value, INT_MIN, INT_MAX, "integer overflow"),
  "string(bool): string": String,
  "bytes_to_string | string(bytes): string": utf8,
  "string(double): string": doubleText,
  "string(duration): string": durationText,
  "string(int): string": String,
  "string(string): string": same,
  "string(timestamp): string": timestampText,
  "string(uint): string": ({ value }: Uint) => String(value),
  "timestamp(timestamp): timestamp": same,
  "timestamp(int): timestamp": (seconds: bigint) => new Timestamp(seconds * SECOND),
  "timestamp(string): timestamp": parseTimestamp,
  "type(A): type(A)": (value: Value) => new TypeValue(typeNameOf(value)),
  "uint(uint): uint": same,
  "uint(double): uint": (value: number) => {
    if (!(value >= 0 && value < 2 ** 64)) throw new Fault("unsigned integer overflow");
    return new Uint(whole(value));
  },
  "uint(int): uint": (value: bigint) => new Uint(within(value, 0n, UINT_MAX, "unsigned integer overflow")),
  "uint(string): uint": (text: string) => new Uint(parseInteger(text, "uint")),
};
const SECOND = 1_000_000_000n;

const strings: Library = {
  "contains_string | string -> contains(string): bool": (text: string, part: string) => text.includes(part),
  "starts_with_string | string -> startsWith(string): bool": (text: string, part: string) => text.startsWith(part),
  "ends_with_string | string -> endsWith(string): bool": (text: string, part: string) => text.endsWith(part),
  "matches | matches(string, string): bool": matches,
  "matches_string | string -> matches(string): bool": matches,
};

export const standard: Library = { ...sizes, ...conversions, ...strings };
