import { durationText, timestampText } from "../time.ts";
import {
  CelList,
  type CelMap,
  Duration,
  Fault,
  LibraryValue,
  ObjectValue,
  Optional,
  Timestamp,
  TypeValue,
  typeNameOf,
  Uint,
  type Value,
} from "../values.ts";
import { doubleText } from "./standard.ts";

/** One clause of a format: `%.2f`. */
export interface Clause {
  readonly verb: Verb;
  readonly precision: number;
}
export type Verb = keyof typeof RULES;

/** What the verbs take, for errors, and the types that fit. */
export const RULES = {
  s: [
    "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps",
    "string bool bytes int uint double map list type null_type google.protobuf.Duration google.protobuf.Timestamp",
  ],
  d: ["decimal clause can only be used on integers", "int uint"],
  f: ["fixed-point clause can only be used on doubles", "double string"],
  e: ["scientific clause can only be used on doubles", "double string"],
  b: ["only integers and bools can be formatted as binary", "int uint bool"],
  o: ["octal clause can only be used on integers", "int uint"],
  x: ["only integers, byte buffers, and strings can be formatted as hex", "int uint string bytes"],
  X: ["only integers, byte buffers, and strings can be formatted as hex", "int uint string bytes"],
} as const;

/** The parts of a format, texts and clauses. Throws a Fault. */
export function parseFormat(format: string): readonly (string | Clause)[] {
  const parts: (string | Clause)[] = [];
  const pattern = /%(?:(%)|(?:\.(\d*))?([\s\S])?)/g;
  let last = 0;
  for (const { 0: all, 1: percent, 2: precision, 3: verb, index } of format.matchAll(pattern)) {
    parts.push(format.slice(last, index) + (percent ?? ""));
    last = index + all.length;
    if (percent) continue;
    if (precision === "") throw unparsed(`error while parsing precision: ${NO_PRECISION}`);
    if (verb === undefined) throw new Fault("unexpected end of string");
    if (!Object.hasOwn(RULES, verb)) throw unparsed(`unrecognized formatting clause ${JSON.stringify(verb)}`);
    parts.push({ verb: verb as Verb, precision: precision === undefined ? 6 : Math.min(Number(precision), 100) });
  }
  parts.push(format.slice(last));
  return parts;
}
const NO_PRECISION = 'error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax';
const unparsed = (why: string): Fault => new Fault(`could not parse formatting clause: ${why}`);

export const unfit = (verb: Verb, typeName: string): string =>
  `error during formatting: ${RULES[verb][0]}, was given ${typeName}`;
export const outOfRange = (index: number): string => `index ${index} out of range`;

/** `"%s is %d".format([…])`. */
export function formatText(format: string, args: CelList): string {
  let next = 0;
  return parseFormat(format)
    .map((part) => {
      if (typeof part === "string") return part;
      if (next >= args.length) throw new Fault(outOfRange(next));
      const value = args.at(next);
      next += 1;
      return formatValue(part, value);
    })
    .join("");
}

function formatValue({ verb, precision }: Clause, value: Value): string {
  switch (verb) {
    case "s":
      return plain(value);
    case "d":
      if (typeof value === "bigint") return String(value);
      if (value instanceof Uint) return String(value.value);
      break;
    case "f":
    case "e": {
      const number = typeof value === "string" ? NAMED_DOUBLES[value] : value;
      if (typeof number !== "number") break;
      if (!Number.isFinite(number)) return Number.isNaN(number) ? "NaN" : number > 0 ? "∞" : "-∞";
      return verb === "f" ? fixed(number, precision) : scientific(number);
    }
    case "b":
      if (typeof value === "boolean") return value ? "1" : "0";
      return radix(verb, value, 2);
    case "o":
      return radix(verb, value, 8);
    case "x":
      return hex(verb, value);
    case "X":
      return hex(verb, value).toUpperCase();
  }
  throw new Fault(unfit(verb, typeNameOf(value)));
}
const NAMED_DOUBLES: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity, "-Infinity": -Infinity };

/** Rounded to even where two results are equally near, as Go does. */
function fixed(value: number, precision: number): string {
  const size = Math.abs(value);
  // Whole numbers and all digits behind the point, exactly: a double has no more than these.
  const exact = size >= 1e21 ? `${BigInt(size)}.0` : size.toFixed(100);
  const [whole, fraction] = exact.split(".") as [string, string];
  const kept = BigInt(whole + fraction.slice(0, precision).padEnd(precision, "0"));
  const rest = fraction.slice(precision).replace(/0+$/, "");
  const up = rest > "5" || (rest === "5" && kept % 2n === 1n);
  const digits = String(up ? kept + 1n : kept).padStart(precision + 1, "0");
  const text = precision === 0 ? digits : `${digits.slice(0, -precision)}.${digits.slice(-precision)}`;
  return value < 0 || Object.is(value, -0) ? `-${text}` : text;
}

const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";
/** As cel-go's locale writes it: six digits, and an exponent of two digits at least. */
function scientific(value: number): string {
  const [digits, exponent] = value.toExponential(6).split("e") as [string, string];
  const power = Number(exponent);
  const raised = String(Math.abs(power))
    .padStart(2, "0")
    .replace(/\d/g, (digit) => SUPERSCRIPT[Number(digit)]!);
  return `${digits}×10${power < 0 ? "⁻" : ""}${raised}`;
}

function radix(verb: Verb, value: Value, base: number): string {
  if (typeof value === "bigint") return value.toString(base);
  if (value instanceof Uint) return value.value.toString(base);
  throw new Fault(unfit(verb, typeNameOf(value)));
}

function hex(verb: Verb, value: Value): string {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return bytes instanceof Uint8Array ? Buffer.from(bytes).toString("hex") : radix(verb, bytes, 16);
}

/** A value as `%s` writes it. */
function plain(value: Value): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isFinite(value) ? doubleText(value) : special(value);
  if (value instanceof Timestamp) return timestampText(value);
  if (value instanceof Duration) return durationText(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("utf8");
  return nested(value);
}
const special = (value: number): string => (Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");

/** A value inside of a list or a map, as a literal. */
function nested(value: Value): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null) return "null";
  if (typeof value === "number") return Number.isFinite(value) ? fixed(value, 6) : JSON.stringify(special(value));
  if (typeof value !== "object") return String(value);
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Timestamp) return `timestamp(${JSON.stringify(timestampText(value))})`;
  if (value instanceof Duration) return `duration(${JSON.stringify(durationText(value))})`;
  if (value instanceof TypeValue) return value.name;
  if (value instanceof Uint8Array) return `b${JSON.stringify(Buffer.from(value).toString("utf8"))}`;
  if (value instanceof CelList) return `[${Array.from(value, nested).join(", ")}]`;
  if (value instanceof LibraryValue || value instanceof Optional || value instanceof ObjectValue) {
    throw new Fault(unfit("s", typeNameOf(value)));
  }
  const map: CelMap = value;
  const entries = Array.from(map.keys(), (key) => [nested(key), nested(map.get(key)!)] as const);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, one]) => `${key}:${one}`).join(", ")}}`;
}
