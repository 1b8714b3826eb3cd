import type { FieldError } from "../resource-definition.ts";

/**
 * Constructors for the problems that validation reports, one per type of field.Error upstream, with its wording; and the
 * pieces of a field's path. Paths are plain strings, joined as validation descends: joining is cheap (V8 keeps the parts
 * until somebody reads the text), so nothing is built twice for an object that turns out to be valid.
 */

/** `spec` and `replicas` → `spec.replicas`; an empty parent gives the name alone. */
export function child(path: string, ...names: string[]): string {
  let result = path;
  for (const name of names) result = result === "" ? name : `${result}.${name}`;
  return result;
}

/** `spec.containers` and 0 → `spec.containers[0]`; map keys and names stand there unquoted. */
export function at(path: string, key: number | string): string {
  return `${path}[${key}]`;
}

/** The field is missing, or empty where it may not be. */
export function required(field: string, detail = ""): FieldError {
  return { type: "FieldValueRequired", field, message: withDetail("Required value", detail) };
}

/** The value is malformed or out of bounds. */
export function invalid(field: string, value: unknown, detail: string): FieldError {
  return { type: "FieldValueInvalid", field, message: withDetail(`Invalid value: ${formatValue(value)}`, detail) };
}

/** The same of a value that would not be readable in a message, or says nothing there. */
export function invalidUnseen(field: string, detail: string): FieldError {
  return { type: "FieldValueInvalid", field, message: `Invalid value: ${detail}` };
}

/** The value has the wrong JSON type. */
export function typeInvalid(field: string, value: unknown, detail: string): FieldError {
  return { type: "FieldValueTypeInvalid", field, message: withDetail(`Invalid value: ${formatValue(value)}`, detail) };
}

/** The value is none of `supported`, which is listed as given: sort it where upstream prints a set. */
export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const detail = supported.length === 0 ? "" : `supported values: ${supported.map(goQuote).join(", ")}`;
  return {
    type: "FieldValueNotSupported",
    field,
    message: withDetail(`Unsupported value: ${formatValue(value)}`, detail),
  };
}

/** The value must be unique and is there twice. */
export function duplicate(field: string, value: unknown): FieldError {
  return { type: "FieldValueDuplicate", field, message: `Duplicate value: ${formatValue(value)}` };
}

/** The value is well formed, but not permitted here. */
export function forbidden(field: string, detail: string): FieldError {
  return { type: "FieldValueForbidden", field, message: withDetail("Forbidden", detail) };
}

/** The value refers to something that is not there. */
export function notFound(field: string, value: unknown): FieldError {
  return { type: "FieldValueNotFound", field, message: `Not found: ${formatValue(value)}` };
}

/** The value is longer than `limit` bytes; a negative limit leaves the number out. */
export function tooLong(field: string, limit: number): FieldError {
  const detail = limit < 0 ? "value is too long" : `may not be more than ${limit} ${limit === 1 ? "byte" : "bytes"}`;
  return { type: "FieldValueTooLong", field, message: `Too long: ${detail}` };
}

/** There are `count` items and may be `limit`; a negative number is left out. */
export function tooMany(field: string, count: number, limit: number): FieldError {
  const detail = limit < 0 ? "has too many items" : `must have at most ${limit} ${limit === 1 ? "item" : "items"}`;
  return { type: "FieldValueTooMany", field, message: `Too many${count < 0 ? "" : `: ${count}`}: ${detail}` };
}

/** Validation itself failed. */
export function internalFieldError(field: string, detail: string): FieldError {
  return { type: "InternalError", field, message: `Internal error: ${detail}` };
}

function withDetail(text: string, detail: string): string {
  return detail === "" ? text : `${text}: ${detail}`;
}

/** A value inside an error's text: strings quoted as Go quotes them, everything else as JSON. */
export function formatValue(value: unknown): string {
  if (typeof value === "string") return goQuote(value);
  if (value === undefined || value === null) return "null";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return (JSON.stringify(value) ?? "null").replace(/[<>&\u2028\u2029]/g, escapeUnicode);
}

const SHORT_ESCAPES: Record<string, string> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};

/** A string in double quotes, escaped as Go's %q does: printable Unicode stays, the rest becomes \xNN or \uNNNN. */
export function goQuote(text: string): string {
  return `"${text.replace(/[\\"]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, escapeCharacter)}"`;
}

function escapeCharacter(character: string): string {
  const short = SHORT_ESCAPES[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0)!;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code >= 0xd800 && code <= 0xdfff) return "\\ufffd";
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : escapeUnicode(character);
}

function escapeUnicode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
