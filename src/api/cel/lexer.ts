import type { Source } from "./source.ts";

/** The tokens of CEL.g4; a token's text is that of the source. */
export interface Token {
  readonly kind: "identifier" | "escaped" | "int" | "uint" | "double" | "string" | "bytes" | "operator" | "end";
  readonly text: string;
  readonly offset: number;
}

const SPACE = /(?:[\t\n\f\r ]|\/\/[^\n]*)+/y;
const NUMBER = /(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)[uU]?/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const ESCAPED_WORD = /`[A-Za-z0-9_./ -]+`/y;
const OPERATOR = /==|!=|<=|>=|&&|\|\||[<>[\]{}().,\-!?:+*/%]/y;
const ESCAPE = "\\\\(?:[abfnrtv\"'\\\\?`]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})";
const RAW = /[bB]?[rR](?:"""[\s\S]*?"""|'''[\s\S]*?'''|"[^"\n\r]*"|'[^'\n\r]*')/y;
const TEXT = new RegExp(
  `[bB]?(?:"""(?:${ESCAPE}|[^\\\\])*?"""|'''(?:${ESCAPE}|[^\\\\])*?'''|` +
    `"(?:${ESCAPE}|[^\\\\"\\n\\r])*"|'(?:${ESCAPE}|[^\\\\'\\n\\r])*')`,
  "y",
);

/** The tokens of a text, ending in an "end" token. What is no token is reported, and skipped as ANTLR does. */
export function tokens(source: Source): Token[] {
  const { text } = source;
  const found: Token[] = [];
  let offset = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = offset;
    return pattern.exec(text)?.[0];
  };
  const push = (kind: Token["kind"], token: string): void => {
    found.push({ kind, text: token, offset });
    offset += token.length;
  };
  while (offset < text.length) {
    const space = match(SPACE);
    if (space) {
      offset += space.length;
      continue;
    }
    const string = match(RAW) ?? match(TEXT);
    if (string !== undefined) {
      push(/^[bB]/.test(string) ? "bytes" : "string", string);
      continue;
    }
    const number = match(NUMBER);
    if (number !== undefined) {
      const unsigned = /[uU]$/.test(number);
      const double = !number.startsWith("0x") && /[.eE]/.test(number);
      if (unsigned && double) push("double", number.slice(0, -1));
      else push(unsigned ? "uint" : double ? "double" : "int", number);
      continue;
    }
    const word = match(WORD);
    if (word !== undefined) {
      push("identifier", word);
      continue;
    }
    const escaped = match(ESCAPED_WORD);
    if (escaped !== undefined) {
      push("escaped", escaped);
      continue;
    }
    const operator = match(OPERATOR);
    if (operator !== undefined) {
      push("operator", operator);
      continue;
    }
    // A string without an end is none up to the end of its line.
    const rest = /["'`]/.test(text[offset]!)
      ? (/^[^\n]*\n?/.exec(text.slice(offset))?.[0] ?? "")
      : /[=&|]/.test(text[offset]!)
        ? text.slice(offset, offset + 2)
        : String.fromCodePoint(text.codePointAt(offset)!);
    source.report(offset, `Syntax error: token recognition error at: '${rest}'`);
    offset += rest.length;
  }
  found.push({ kind: "end", text: "<EOF>", offset: text.length });
  return found;
}

/** The content of a string or bytes token: characters, or bytes as characters below 256. */
export function unquote(token: Token): string | Uint8Array {
  const bytes = token.kind === "bytes";
  let text = bytes ? token.text.slice(1) : token.text;
  const raw = /^[rR]/.test(text);
  if (raw) text = text.slice(1);
  const marks = text.startsWith('"""') || text.startsWith("'''") ? 3 : 1;
  const body = text.slice(marks, -marks).replaceAll("\r\n", "\n").replaceAll("\r", "\n");
  if (!bytes) return raw ? body : body.replace(new RegExp(ESCAPE, "g"), unescapeText);
  const parts: number[] = [];
  const encoder = new TextEncoder();
  const pattern = raw ? /[\s\S]/gu : new RegExp(`${ESCAPE}|[\\s\\S]`, "gu");
  for (const [part] of body.matchAll(pattern)) {
    const byte = raw ? undefined : /^\\(?:[xX](..)|([0-3]..))$/.exec(part);
    if (byte) parts.push(Number.parseInt(byte[1] ?? byte[2]!, byte[1] ? 16 : 8));
    else parts.push(...encoder.encode(part.length > 1 && part[0] === "\\" ? unescapeText(part) : part));
  }
  return Uint8Array.from(parts);
}

const CHARACTERS: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};
function unescapeText(sequence: string): string {
  const code = sequence[1]!;
  if (/[xXuU]/.test(code)) return fromCode(Number.parseInt(sequence.slice(2), 16));
  if (/[0-3]/.test(code)) return fromCode(Number.parseInt(sequence.slice(1), 8));
  return CHARACTERS[code] ?? code;
}
/** Surrogates and what is past Unicode become the replacement character. */
const fromCode = (code: number): string =>
  code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? "\ufffd" : String.fromCodePoint(code);
