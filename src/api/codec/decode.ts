import { apiVersionOf, parseApiVersion, type UnknownObject } from "../object.ts";
import { type StructType, schemaOf } from "../schema/schema.ts";
import { badRequest } from "../status-error.ts";
import { JsonSyntaxError, parseJson, type WrittenKeys } from "./json-text.ts";
import { DecodeError, normalize } from "./normalize.ts";

/** What a request's body must be. */
export interface Expected {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** The type of a custom resource; that of the built-in kind unless given. */
  readonly schema?: StructType;
}
/** What to do about unknown and repeated fields: refuse with 400, tell, or nothing. */
export type FieldValidation = "Strict" | "Warn" | "Ignore";

export interface Decoded {
  /** A private object in the form in which upstream would write it, with apiVersion and kind set. */
  readonly object: UnknownObject;
  /** For Warning headers; empty unless the field validation is "Warn". */
  readonly warnings: readonly string[];
}

/** Decodes a JSON body. Unknown fields are left out. Throws a StatusError (400) in upstream's words. */
export function decodeJson(body: Uint8Array, expected: Expected, fieldValidation: FieldValidation): Decoded {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  try {
    const { value, writtenKeys } = parseJson(text, fieldValidation !== "Ignore");
    return decodeParsed(value, expected, fieldValidation, { writtenKeys, body });
  } catch (error) {
    if (error instanceof JsonSyntaxError) {
      throw unrecognized(expected, `couldn't get version/kind; json parse error: ${error.message}`, body);
    }
    throw error;
  }
}

/**
 * Decodes a body of any supported media type: `application/json` and `application/yaml` (one document), with or without
 * parameters. Throws a StatusError (400); RangeError for a media type that is none of these.
 */
export async function decode(
  body: Uint8Array,
  mediaType: string,
  expected: Expected,
  fieldValidation: FieldValidation,
): Promise<Decoded> {
  const type = mediaType.split(";")[0]!.trim().toLowerCase();
  if (type === "" || type === "application/json") return decodeJson(body, expected, fieldValidation);
  if (type !== "application/yaml") throw new RangeError(`no codec for ${mediaType}`);
  const { parseYaml, YamlError } = await import("./yaml.ts");
  try {
    const { value, repeated } = parseYaml(Buffer.from(body).toString());
    return decodeParsed(value, expected, fieldValidation, { strictErrors: repeated, body });
  } catch (error) {
    if (error instanceof YamlError) throw unrecognized(expected, error.message, body);
    throw error;
  }
}

/** Decodes a value that was parsed already, such as the result of a patch. The value is not changed. */
export function decodeParsed(
  value: unknown,
  expected: Expected,
  fieldValidation: FieldValidation,
  from: { writtenKeys?: WrittenKeys; strictErrors?: readonly string[]; body?: Uint8Array } = {},
): Decoded {
  const body = from.body ?? Buffer.from(JSON.stringify(value) ?? "");
  if (typeof value !== "object" || Array.isArray(value)) {
    const found = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
    throw unrecognized(
      expected,
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${found} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
      body,
    );
  }
  const given = (value ?? {}) as UnknownObject;
  const actual = actualKind(given, expected, body);
  const refuse = (message: string) =>
    badRequest(
      `${actual.kind} in version ${JSON.stringify(actual.version)} cannot be handled as a ${expected.kind}: ${message}`,
    );
  const schema = expected.schema ?? schemaOf(expected);
  if (!schema) throw new RangeError(`no schema for ${apiVersionOf(expected)} ${expected.kind}`);
  checkKind(actual, expected, schema, refuse);

  const strict = fieldValidation !== "Ignore";
  try {
    const result = normalize(given, schema, { strict, writtenKeys: from.writtenKeys });
    const strictErrors = [...(strict ? (from.strictErrors ?? []) : []), ...result.strictErrors];
    if (strictErrors.length > 0 && fieldValidation === "Strict") {
      throw refuse(`strict decoding error: ${strictErrors.join(", ")}`);
    }
    const object: UnknownObject = result.value === value ? { ...result.value } : (result.value as UnknownObject);
    object.apiVersion = apiVersionOf(expected);
    object.kind = expected.kind;
    return { object, warnings: strictErrors };
  } catch (error) {
    if (error instanceof DecodeError) throw refuse(error.message);
    throw error;
  }
}

interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** The kind that the object claims, completed from what is expected. */
function actualKind(object: UnknownObject, expected: Expected, body: Uint8Array): Kind {
  for (const field of ["apiVersion", "kind"] as const) {
    const value: unknown = object[field];
    if (value === undefined || value === null || typeof value === "string") continue;
    const found = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
    throw unrecognized(
      expected,
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${found} into Go struct field .${field} of type string`,
      body,
    );
  }
  const kind = object.kind || expected.kind;
  if (!object.apiVersion) return { group: expected.group, version: expected.version, kind };
  if (object.apiVersion.split("/").length > 2) {
    throw unrecognized(expected, `unexpected GroupVersion string: ${object.apiVersion}`, body);
  }
  return { ...parseApiVersion(object.apiVersion), kind };
}

function checkKind(actual: Kind, expected: Expected, schema: StructType, refuse: (message: string) => Error): void {
  const sameGroup = actual.group === expected.group && actual.version === expected.version;
  if (sameGroup && actual.kind === expected.kind) return;
  const known = schemaOf(actual);
  // Kinds that every group version knows, such as DeleteOptions, are one and the same type.
  if (known === schema) return;
  if (!known) {
    throw refuse(
      `no kind ${JSON.stringify(actual.kind)} is registered for version ${JSON.stringify(apiVersionOf(actual))} in scheme "pkg/api/legacyscheme/scheme.go:30"`,
    );
  }
  if (actual.kind === expected.kind && actual.group === expected.group) {
    throw badRequest(
      `the API version in the data (${apiVersionOf(actual)}) does not match the expected API version (${apiVersionOf(expected)})`,
    );
  }
  const internal = `${expected.group === "" ? "core" : expected.group.split(".")[0]}.${expected.kind}`;
  throw refuse(`converting (${actual.version}.${actual.kind}) to (${internal}): unknown conversion`);
}

function unrecognized(expected: Expected, message: string, body: Uint8Array) {
  return badRequest(
    `the object provided is unrecognized (must be of type ${expected.kind}): ${message} (${summarize(body)})`,
  );
}

/** The beginning of a body for messages: as text where it looks like JSON, else in hexadecimal. */
function summarize(body: Uint8Array): string {
  if (body.length === 0) return "<empty>";
  const start = Buffer.from(body.subarray(0, 30));
  return start.toString(body[0] === 0x7b ? "utf8" : "hex") + (body.length > 30 ? " ..." : "");
}
