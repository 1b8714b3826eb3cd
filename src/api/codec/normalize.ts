/**
 * Brings a parsed object into the form in which upstream would write it: as if it had been decoded into Go's structs and
 * encoded again. Wrong types are refused in the words of Go's JSON package; unknown fields and nulls are left out;
 * quantities and times get their canonical spelling; empty values are dropped or filled in as the struct tags say (only
 * `null` for an absent list, map or pointer is never written).
 */
import { canonicalQuantity, QuantityError } from "../quantity.ts";
import {
  type Field,
  goTypeOf,
  type OpaqueType,
  type ScalarType,
  type StructType,
  struct as structNamed,
  type Type,
} from "../schema/schema.ts";
import { fillersOf, isOmitted, zeroOf } from "./field-presence.ts";
import { setMember, type WrittenKeys } from "./json-text.ts";
import { canonicalMicroTime, canonicalTime, TimeError } from "./time.ts";

/** The object cannot be of the type; the message is upstream's. */
export class DecodeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "DecodeError";
  }
}

export interface Normalized {
  /** Shares what needed no change with the input, which stays as it was. */
  readonly value: Record<string, unknown>;
  /** `unknown field "spec.foo"`, `duplicate field "spec.replicas"`: at most 100. */
  readonly strictErrors: readonly string[];
}

/**
 * Throws DecodeError. `strict` collects the strict errors, repeated fields only where `writtenKeys` tells of them.
 * `converted` words type errors as upstream's conversion from a map does, which takes the place of JSON after a
 * strategic merge patch.
 */
export function normalize(
  value: object,
  type: StructType,
  options: { strict: boolean; writtenKeys?: WrittenKeys; converted?: boolean },
): Normalized {
  const walk = new Walk(options);
  return { value: walk.struct(type, value, "") as Record<string, unknown>, strictErrors: walk.strictErrors };
}

const STRICT_ERROR_LIMIT = 100;

/** A field, an index, or a key of a map: Go's type errors name the fields only. */
type Step = Field | number | { readonly key: string };

class Walk {
  readonly strictErrors: string[] = [];
  readonly #path: Step[] = [];
  readonly #writtenKeys: WrittenKeys | undefined;
  readonly #converted: boolean;
  #strict: boolean;
  #structName = "";

  constructor(options: { strict: boolean; writtenKeys?: WrittenKeys; converted?: boolean }) {
    this.#strict = options.strict;
    this.#writtenKeys = options.writtenKeys;
    this.#converted = options.converted ?? false;
  }

  struct(type: StructType, value: unknown, goType: string): unknown {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw this.#mismatch(value, goType, "struct");
    const given = value as Record<string, unknown>;
    const outer = this.#structName;
    this.#structName = type.name.slice(type.name.lastIndexOf(".") + 1);
    const { fields } = type;
    const repeats = this.#repeatsOf(given, fields);
    // Made only when something differs from the input.
    let copy: Record<string, unknown> | undefined;
    for (const key in given) {
      repeats?.upTo(key);
      const field = fields.get(key);
      if (field === undefined) {
        if (type.preservesUnknown) {
          if (copy) setMember(copy, key, given[key]);
          continue;
        }
        this.#report("unknown", key);
        copy ??= membersBefore(given, key);
        continue;
      }
      const before = given[key];
      let after: unknown;
      if (before !== null && before !== undefined) {
        this.#path.push(field);
        after = this.#value(field.type, before, field.goType);
        this.#path.pop();
        if (isOmitted(field, after)) after = undefined;
      }
      if (after === before) {
        if (copy) copy[key] = after;
      } else {
        copy ??= membersBefore(given, key);
        if (after !== undefined) copy[key] = after;
      }
    }
    repeats?.upTo(undefined);
    for (const field of fillersOf(type)) {
      const present = (copy ?? given)[field.name];
      if (present !== undefined && present !== null) continue;
      copy ??= { ...given };
      copy[field.name] = zeroOf(field.type);
    }
    this.#structName = outer;
    return copy ?? given;
  }

  #value(type: Type, value: unknown, goType: string): unknown {
    switch (type.kind) {
      case "scalar":
        return this.#scalar(type, value, goType);
      case "struct":
        return this.struct(type, value, goType);
      case "list":
        return this.#list(type.items, value, goType);
      case "map":
        return this.#map(type.values, value, goType);
      case "opaque":
        return this.#opaque(type, value);
    }
  }

  #list(items: Type, value: unknown, goType: string): unknown {
    if (!Array.isArray(value)) throw this.#mismatch(value, goType, "slice");
    const itemType = goType.startsWith("[]") ? goType.slice(2) : goTypeOf(items);
    let copy: unknown[] | undefined;
    const depth = this.#path.length;
    this.#path.push(0);
    for (let index = 0; index < value.length; index++) {
      this.#path[depth] = index;
      const before: unknown = value[index];
      const after = before === null ? zeroOf(items) : this.#value(items, before, itemType);
      if (after === before) continue;
      copy ??= value.slice();
      copy[index] = after;
    }
    this.#path.pop();
    return copy ?? value;
  }

  #map(values: Type, value: unknown, goType: string): unknown {
    if (typeof value !== "object" || Array.isArray(value)) throw this.#mismatch(value, goType, "map");
    const given = value as Record<string, unknown>;
    const close = goType.startsWith("map[") ? goType.indexOf("]") : -1;
    const valueType = close < 0 ? goTypeOf(values) : goType.slice(close + 1);
    const repeats = this.#repeatsOf(given);
    let copy: Record<string, unknown> | undefined;
    const step = values.kind === "scalar" ? undefined : { key: "" };
    if (step) this.#path.push(step);
    for (const key in given) {
      repeats?.upTo(key);
      if (step) step.key = key;
      const before = given[key];
      const after = before === null ? zeroOf(values) : this.#value(values, before, valueType);
      if (after === before) continue;
      copy ??= { ...given };
      setMember(copy, key, after);
    }
    if (step) this.#path.pop();
    repeats?.upTo(undefined);
    return copy ?? given;
  }

  #opaque({ form }: OpaqueType, value: unknown): unknown {
    if (form === "json" || form === "object" || form === "fields") return value;
    const schema = structNamed("apiextensions.v1.JSONSchemaProps");
    const strict = this.#strict;
    // Go decodes these unions by themselves, without an eye on unknown fields.
    this.#strict = false;
    try {
      if (form === "schemaOrBool") {
        if (typeof value === "boolean") return value;
        if (typeof value !== "object" || Array.isArray(value)) throw new DecodeError("boolean or JSON schema expected");
      }
      if (!Array.isArray(value)) return this.struct(schema, value, "v1.JSONSchemaProps");
      const items: Type = form === "schemaOrStrings" ? { kind: "scalar", scalar: "string" } : schema;
      return this.#list(items, value, form === "schemaOrStrings" ? "[]string" : "[]v1.JSONSchemaProps");
    } finally {
      this.#strict = strict;
    }
  }

  #scalar({ scalar }: ScalarType, value: unknown, goType: string): unknown {
    switch (scalar) {
      case "string":
        if (typeof value !== "string") throw this.#mismatch(value, goType, "string");
        return value;
      case "boolean":
        if (typeof value !== "boolean") throw this.#mismatch(value, goType, "bool");
        return value;
      case "int32":
        if (typeof value !== "number" || (value | 0) !== value) throw this.#mismatch(value, goType, "int32");
        return value;
      case "int64":
        if (!Number.isInteger(value) || Math.abs(value as number) > INT64_LIMIT) {
          throw this.#mismatch(value, goType, "int64");
        }
        return value;
      case "double":
        if (typeof value !== "number") throw this.#mismatch(value, goType, "float64");
        return value;
      case "intOrString":
        if (typeof value === "string") return value;
        if (typeof value !== "number" || (value | 0) !== value) throw this.#mismatch(value, "int32", "json int32");
        return value;
      case "bytes":
        if (typeof value !== "string") throw this.#mismatch(value, goType, "slice");
        return canonicalBase64(value);
      case "time":
      case "microTime":
        if (typeof value !== "string") throw this.#mismatch(value, "string", "json string");
        return canonical(value, scalar === "time" ? canonicalTime : canonicalMicroTime);
      case "quantity":
        // What is neither a string nor a number is text that no quantity has.
        return canonical(
          typeof value === "number" ? value : typeof value === "string" ? value : "x",
          canonicalQuantity,
        );
    }
  }

  /** `kind` is Go's kind of what was wanted; "json ..." where upstream hands the value to the type's own JSON decoding. */
  #mismatch(value: unknown, goType: string, kind: string): DecodeError {
    if (this.#converted && !kind.startsWith("json ")) return new DecodeError(conversionMessage(value, kind));
    let found: string = Array.isArray(value) ? "array" : typeof value;
    if (found === "boolean") found = "bool";
    if (found === "number" && /int(32|64)$/.test(kind)) found = `number ${value}`;
    if (this.#converted) return new DecodeError(`json: cannot unmarshal ${found} into Go value of type ${goType}`);
    const path = this.#path.flatMap((step) => (typeof step === "number" || "key" in step ? [] : [step.goName]));
    const field = `${this.#structName}.${path.join(".")}`;
    return new DecodeError(`json: cannot unmarshal ${found} into Go struct field ${field} of type ${goType}`);
  }

  /**
   * The reports of an object's repeated keys, each where the repetition stands: `upTo` tells of those before the first
   * writing of `key` (undefined: of all that are left). Unknown fields are told of once only. Undefined where nothing is repeated.
   */
  #repeatsOf(object: object, known?: ReadonlyMap<string, Field>): { upTo(key: string | undefined): void } | undefined {
    const written = this.#strict ? this.#writtenKeys?.get(object) : undefined;
    if (!written) return undefined;
    const seen = new Set<string>();
    let at = 0;
    return {
      upTo: (key) => {
        for (; at < written.length; at++) {
          const next = written[at]!;
          if (next === key) {
            at++;
            break;
          }
          if (seen.has(next) && known?.has(next) !== false) this.#report("duplicate", next);
        }
        if (key !== undefined) seen.add(key);
      },
    };
  }

  #report(problem: "unknown" | "duplicate", key: string): void {
    if (!this.#strict || this.strictErrors.length >= STRICT_ERROR_LIMIT) return;
    let path = "";
    for (const step of [...this.#path, { key }]) {
      if (typeof step === "number") path += `[${step}]`;
      else path += `${path === "" ? "" : "."}${"key" in step ? step.key : step.name}`;
    }
    const text = `${problem} field ${JSON.stringify(path)}`;
    if (!this.strictErrors.includes(text)) this.strictErrors.push(text);
  }
}

function conversionMessage(value: unknown, kind: string): string {
  let found: string = Array.isArray(value) ? "slice" : typeof value === "object" ? "map" : typeof value;
  if (found === "boolean") found = "bool";
  if (found === "number") found = Number.isInteger(value) ? "int64" : "float64";
  if (kind === "struct") return `cannot restore struct from: ${found}`;
  if (kind === "slice" || kind === "map") return `cannot restore ${kind} from ${found}`;
  const numeric = (one: string) => /^(int|float)/.test(one);
  const convertible = numeric(found) && (numeric(kind) || (kind === "string" && found === "int64"));
  return convertible ? `cannot convert ${found} to ${kind}` : `unrecognized type: ${kind}`;
}

/** 2^63 itself is no int64, but the nearest double of the largest one; larger doubles are all above. */
const INT64_LIMIT = 2 ** 63 - 1024;

/** The members before `end`: a copy of what the walk has left as it was so far. */
function membersBefore(object: Record<string, unknown>, end: string): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key in object) {
    if (key === end) break;
    setMember(copy, key, object[key]);
  }
  return copy;
}

function canonical<T extends string | number>(value: T, format: (value: T & string) => string): string {
  try {
    return format(value as T & string);
  } catch (error) {
    if (error instanceof QuantityError || error instanceof TimeError) throw new DecodeError(error.message);
    throw error;
  }
}

/** Standard base64 with padding, line breaks allowed; throws in Go's words with the place of the error. */
function canonicalBase64(text: string): string {
  if (/^(?:[A-Za-z0-9+/]{4})*$/.test(text)) return text;
  let length = 0;
  let padding = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === "\n" || character === "\r") continue;
    const bad = () => new DecodeError(`illegal base64 data at input byte ${at}`);
    if (character === "=") {
      if (length % 4 < 2 || padding === 2) throw bad();
      padding++;
      length++;
    } else {
      if (padding > 0 || !/[A-Za-z0-9+/]/.test(character)) throw bad();
      length++;
    }
  }
  if (length % 4 !== 0) throw new DecodeError(`illegal base64 data at input byte ${text.length - (length % 4)}`);
  return Buffer.from(text, "base64").toString("base64");
}
