/** cel-go's strings extension, version 2; positions count characters. */
import type { Library } from "../functions.ts";
import { type CelList, Fault, ListValue } from "../values.ts";
import { formatText } from "./format-text.ts";

/** Longer texts are not made: no request is that long. */
const MAX_LENGTH = 64 * 1024 * 1024;

function position(index: bigint, length: number): number {
  if (index < 0n || index > BigInt(length)) throw new Fault(`index out of range: ${index}`);
  return Number(index);
}

function find(text: string, part: string, from: bigint): bigint {
  const chars = [...text];
  const wanted = [...part];
  if (part === "") return from;
  for (let at = position(from, chars.length); at + wanted.length <= chars.length; at += 1) {
    if (wanted.every((char, index) => chars[at + index] === char)) return BigInt(at);
  }
  return -1n;
}

function findLast(text: string, part: string, from?: bigint): bigint {
  const chars = [...text];
  const wanted = [...part];
  if (from !== undefined) position(from, chars.length);
  if (part === "") return from ?? BigInt(chars.length);
  const last = Math.min(chars.length - wanted.length, from === undefined ? Infinity : Number(from));
  for (let at = last; at >= 0; at -= 1) {
    if (wanted.every((char, index) => chars[at + index] === char)) return BigInt(at);
  }
  return -1n;
}

function substring(text: string, start: bigint, end?: bigint): string {
  const chars = [...text];
  const from = position(start, chars.length);
  const to = end === undefined ? chars.length : position(end, chars.length);
  if (from > to) throw new Fault(`invalid substring range. start: ${start}, end: ${end}`);
  return chars.slice(from, to).join("");
}

/** `count` below 0: all of them. */
function replace(text: string, old: string, next: string, count = -1n): string {
  if (old === "" && (text.length + 1) * next.length > MAX_LENGTH) throw new Fault("the result is too long");
  if (count < 0n) return old === "" ? next + [...text].map((char) => char + next).join("") : text.replaceAll(old, next);
  const parts = split(text, old, count + 1n, old === "");
  return parts.join(next);
}

function split(text: string, separator: string, limit = -1n, around = false): string[] {
  if (limit === 0n) return [];
  const all = separator === "" ? [...text] : text.split(separator);
  if (around) all.unshift("");
  if (limit < 0n || BigInt(all.length) <= limit) return all;
  const kept = all.slice(0, Number(limit) - 1);
  return [...kept, all.slice(kept.length).join(separator)];
}

function join(list: CelList, separator = ""): string {
  const parts: string[] = [];
  for (const item of list) {
    if (typeof item !== "string") throw new Fault("no such overload: join(list, string)");
    parts.push(item);
  }
  return parts.join(separator);
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};
const quote = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is escaped.
  `"${text.toWellFormed().replace(/[\x07\b\f\n\r\t\v\\"]/g, (char) => ESCAPES[char]!)}"`;

export const strings: Library = {
  "string -> charAt(int): string": (text: string, index: bigint) => {
    const chars = [...text];
    return chars[position(index, chars.length)] ?? "";
  },
  "string -> indexOf(string): int": (text: string, part: string) => find(text, part, 0n),
  "string -> indexOf(string, int): int": find,
  "string -> lastIndexOf(string): int": (text: string, part: string) => findLast(text, part),
  "string -> lastIndexOf(string, int): int": findLast,
  "list(string) -> join(): string": (list: CelList) => join(list),
  "list(string) -> join(string): string": join,
  "string -> lowerAscii(): string": (text: string) => text.replace(/[A-Z]+/g, (part) => part.toLowerCase()),
  "string -> upperAscii(): string": (text: string) => text.replace(/[a-z]+/g, (part) => part.toUpperCase()),
  "string -> replace(string, string): string": (text: string, old: string, next: string) => replace(text, old, next),
  "string -> replace(string, string, int): string": replace,
  "string -> split(string): list(string)": (text: string, by: string) => new ListValue(split(text, by)),
  "string -> split(string, int): list(string)": (text: string, by: string, limit: bigint) =>
    new ListValue(split(text, by, limit)),
  "string -> substring(int): string": (text: string, start: bigint) => substring(text, start),
  "string -> substring(int, int): string": substring,
  "string -> trim(): string": (text: string) => text.replace(/^[\s\u0085]+|[\s\u0085]+$/g, ""),
  "string_format | string -> format(list(dyn)): string": (text: string, args: CelList) => formatText(text, args),
  "strings_quote | strings.quote(string): string": quote,
};
