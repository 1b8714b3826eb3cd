/**
 * JSON from the wire. `JSON.parse` does the work; what it does not tell (duplicate keys, Go's words for a syntax error)
 * is found by a slower parser, which runs only when there is something to tell.
 */

import { isTooDeep, NESTING_LIMIT, TOO_DEEP } from "./nesting.ts";

/** A text that is not JSON; the message is that of Go's parser. */
export class JsonSyntaxError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "JsonSyntaxError";
  }
}

/** Where an object has a key twice: the keys of that object as written, in order, repetitions included. */
export type WrittenKeys = WeakMap<object, readonly string[]>;

export interface ParsedJson {
  readonly value: unknown;
  /** Absent where no key is repeated. */
  readonly writtenKeys?: WrittenKeys;
}

/**
 * Parses a text, the last of repeated keys winning; `writtenKeys` is looked for only if asked. Integers beyond 2^53 lose
 * precision. Throws JsonSyntaxError.
 */
export function parseJson(text: string, findRepeatedKeys: boolean): ParsedJson {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return new Parser(text).parse();
  }
  if (isTooDeep(value)) throw new JsonSyntaxError(TOO_DEEP);
  if (findRepeatedKeys && countColons(text) !== countKeys(value)) return new Parser(text).parse();
  return { value: SURROGATE_ESCAPE.test(text) ? wellFormed(value) : value };
}

const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

/** The value with U+FFFD for halves of surrogate pairs, as Go reads them: they exist in no other form of an object. */
export function wellFormed(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(wellFormed);
  const result: Record<string, unknown> = {};
  for (const key in value) {
    setMember(result, key.toWellFormed(), wellFormed((value as Record<string, unknown>)[key]));
  }
  return result;
}

/** The colons outside of strings: as many as there are members written. */
function countColons(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x3a) count++;
    else if (code === 0x22) at = endOfString(text, at);
  }
  return count;
}

/** The closing quote of the string that opens at `open`. */
function endOfString(text: string, open: number): number {
  let close = text.indexOf('"', open + 1);
  for (;;) {
    let before = close;
    while (text.charCodeAt(before - 1) === 0x5c) before--;
    if ((close - before) % 2 === 0) return close;
    close = text.indexOf('"', close + 1);
  }
}

function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) for (const item of value) count += countKeys(item);
  else {
    const object = value as Record<string, unknown>;
    for (const key in object) {
      count++;
      const member = object[key];
      if (typeof member === "object" && member !== null) count += countKeys(member);
    }
  }
  return count;
}

/** Sets a member also where the key has a meaning of its own to JavaScript. */
export function setMember(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  } else object[key] = value;
}

const ESCAPES: Record<string, string> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\", "/": "/" };

/** A complete parser, for the rare cases. */
class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #repeated: WrittenKeys | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): ParsedJson {
    const value = this.#value();
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail("after top-level value");
    return { value, writtenKeys: this.#repeated };
  }

  #value(): unknown {
    this.#skipSpace();
    const character = this.#peek();
    switch (character) {
      case "{":
        return this.#nested(() => this.#object());
      case "[":
        return this.#nested(() => this.#array());
      case '"':
        return this.#string();
      case "t":
        return this.#literal("true", true);
      case "f":
        return this.#literal("false", false);
      case "n":
        return this.#literal("null", null);
      default:
        if (character === "-" || isDigit(character)) return this.#number();
        return this.#fail("looking for beginning of value");
    }
  }

  #nested<T>(parse: () => T): T {
    if (++this.#depth > NESTING_LIMIT) throw new JsonSyntaxError(TOO_DEEP);
    const value = parse();
    this.#depth--;
    return value;
  }

  #object(): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    const written: string[] = [];
    let repeated = false;
    this.#at++;
    this.#skipSpace();
    if (this.#peek() === "}") {
      this.#at++;
      return object;
    }
    for (;;) {
      this.#skipSpace();
      if (this.#peek() !== '"') this.#fail("looking for beginning of object key string");
      const key = this.#string();
      this.#skipSpace();
      if (this.#peek() !== ":") this.#fail("after object key");
      this.#at++;
      repeated ||= Object.hasOwn(object, key);
      written.push(key);
      setMember(object, key, this.#value());
      this.#skipSpace();
      const next = this.#peek();
      if (next !== "," && next !== "}") this.#fail("after object key:value pair");
      this.#at++;
      if (next === "}") break;
    }
    if (repeated) {
      this.#repeated ??= new WeakMap();
      this.#repeated.set(object, written);
    }
    return object;
  }

  #array(): unknown[] {
    const array: unknown[] = [];
    this.#at++;
    this.#skipSpace();
    if (this.#peek() === "]") {
      this.#at++;
      return array;
    }
    for (;;) {
      array.push(this.#value());
      this.#skipSpace();
      const next = this.#peek();
      if (next !== "," && next !== "]") this.#fail("after array element");
      this.#at++;
      if (next === "]") return array;
    }
  }

  #string(): string {
    let value = "";
    this.#at++;
    for (;;) {
      const character = this.#peek();
      if (character === "" || character < " ") this.#fail("in string literal");
      this.#at++;
      if (character === '"') return value.toWellFormed();
      if (character !== "\\") {
        value += character;
        continue;
      }
      const kind = this.#peek();
      if (kind === "u") {
        this.#at++;
        let code = "";
        for (; code.length < 4; this.#at++) {
          if (!/[0-9a-fA-F]/.test(this.#peek())) this.#fail("in \\u hexadecimal character escape");
          code += this.#peek();
        }
        value += String.fromCharCode(Number.parseInt(code, 16));
      } else if (Object.hasOwn(ESCAPES, kind)) {
        value += ESCAPES[kind];
        this.#at++;
      } else this.#fail("in string escape code");
    }
  }

  #number(): number {
    const start = this.#at;
    if (this.#peek() === "-") this.#at++;
    if (this.#peek() === "0") this.#at++;
    else if (isDigit(this.#peek())) this.#digits();
    else this.#fail("in numeric literal");
    if (this.#peek() === ".") {
      this.#at++;
      if (!isDigit(this.#peek())) this.#fail("after decimal point in numeric literal");
      this.#digits();
    }
    if (this.#peek() === "e" || this.#peek() === "E") {
      this.#at++;
      if (this.#peek() === "+" || this.#peek() === "-") this.#at++;
      if (!isDigit(this.#peek())) this.#fail("in exponent of numeric literal");
      this.#digits();
    }
    return Number(this.#text.slice(start, this.#at));
  }

  #digits(): void {
    while (isDigit(this.#peek())) this.#at++;
  }

  #literal<T>(word: string, value: T): T {
    for (let index = 0; index < word.length; index++, this.#at++) {
      if (this.#peek() !== word[index]) this.#fail(`in literal ${word} (expecting ${quote(word[index]!)})`);
    }
    return value;
  }

  #skipSpace(): void {
    while (" \t\r\n".includes(this.#peek() || "x")) this.#at++;
  }
  #peek(): string {
    return this.#text[this.#at] ?? "";
  }
  #fail(context: string): never {
    const found = this.#peek();
    if (found === "") throw new JsonSyntaxError("unexpected end of JSON input");
    const whole = String.fromCodePoint(this.#text.codePointAt(this.#at)!);
    throw new JsonSyntaxError(`invalid character ${quote(whole)} ${context}`);
  }
}

const isDigit = (character: string) => character >= "0" && character <= "9" && character.length === 1;

/** A character as Go quotes it. */
function quote(character: string): string {
  if (character === "'") return "'\\''";
  if (character === '"') return "'\"'";
  return `'${JSON.stringify(character).slice(1, -1)}'`;
}
