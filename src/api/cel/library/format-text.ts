import { durationText, timestampText } from "../time.ts";
import {
  CelList,
  CelMap,
  Duration,
  Fault,
  LibraryValue,
  Optional,
  Timestamp,
  TypeValue,
  typeNameOf,
  Uint,
  type Value,
} from "../values.ts";
import { doubleText } from "./standard.ts";

const CLAUSE = /%(?:%|(?:\.(\d+))?([a-zA-Z]))|%/g;

/** `"%s is %d".format([…])`: s, d, f, e, b, o, x and X, with a precision for f and e. */
export function formatText(text: string, args: CelList): string {
  let next = 0;
  const formatted = text.replace(CLAUSE, (clause, precision: string | undefined, verb: string | undefined) => {
    if (clause === "%%") return "%";
    if (verb === undefined) throw new Fault("could not parse formatting clause: unexpected end of string");
    if (next >= args.length) throw new Fault(`index ${next} out of range`);
    const value = args.at(next);
    next += 1;
    return formatValue(verb, value, precision === undefined ? 6 : Number(precision));
  });
  return formatted;
}

function formatValue(verb: string, value: Value, precision: number): string {
  switch (verb) {
    case "s":
      return plain(value);
    case "d":
      if (typeof value === "bigint") return String(value);
      if (value instanceof Uint) return String(value.value);
      if (typeof value === "number" && !Number.isFinite(value)) return special(value);
      throw wrong("decimal clause can only be used on integers", value);
    case "f":
      return fixed(toDouble(value, "fixed-point clause can only be used on doubles"), (one) => one.toFixed(precision));
    case "e":
      return fixed(toDouble(value, "scientific clause can only be used on doubles"), (one) =>
        one.toExponential(precision).replace(/e([+-])(\d)$/, "e$10$2"),
      );
    case "b":
      if (typeof value === "boolean") return value ? "1" : "0";
      return radix(value, 2, "only integers and bools can be formatted as binary");
    case "o":
      return radix(value, 8, "octal clause can only be used on integers");
    case "x":
      return hex(value);
    case "X":
      return hex(value).toUpperCase();
    default:
      throw new Fault(`could not parse formatting clause: unrecognized formatting clause "${verb}"`);
  }
}

const wrong = (rule: string, value: Value): Fault =>
  new Fault(`error during formatting: ${rule}, was given ${typeNameOf(value)}`);
const special = (value: number): string => (Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
const fixed = (value: number, text: (value: number) => string): string =>
  Number.isFinite(value) ? text(value) : special(value);

function toDouble(value: Value, rule: string): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Uint) return Number(value.value);
  if (value === "NaN") return Number.NaN;
  if (value === "Infinity") return Infinity;
  if (value === "-Infinity") return -Infinity;
  throw wrong(rule, value);
}

function radix(value: Value, base: number, rule: string): string {
  if (typeof value === "bigint") return value.toString(base);
  if (value instanceof Uint) return value.value.toString(base);
  throw wrong(rule, value);
}

function hex(value: Value): string {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  if (bytes instanceof Uint8Array) return Buffer.from(bytes).toString("hex");
  return radix(value, 16, "only integers, byte buffers, and strings can be formatted as hex");
}

/** A value as `%s` writes it. */
function plain(value: Value): string {
  if (typeof value === "string") return value;
  if (value === null) return "null";
  if (typeof value === "number") return Number.isFinite(value) ? doubleText(value) : special(value);
  if (typeof value !== "object") return String(value);
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Timestamp) return timestampText(value);
  if (value instanceof Duration) return durationText(value);
  if (value instanceof TypeValue) return value.name;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("utf8");
  if (value instanceof CelList) return `[${[...value].map(plain).join(", ")}]`;
  if (value instanceof CelMap) {
    const entries = [...value.keys()].map((key) => [plain(key), plain(value.get(key)!)] as const);
    return `{${entries
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => `${key}: ${one}`)
      .join(", ")}}`;
  }
  if (value instanceof LibraryValue || value instanceof Optional) {
    throw wrong(
      "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps",
      value,
    );
  }
  return typeNameOf(value);
}
