import { cloneJson } from "../../base/clone.ts";
import { apiVersionOf, parseApiVersion, type UnknownObject } from "../object.ts";
import { type StructType, schemaOf } from "../schema/schema.ts";
import { badRequest } from "../status-error.ts";
import { repeatedFields } from "../structural/coerce.ts";
import { JsonSyntaxError, parseJson, type WrittenKeys } from "./json-text.ts";
import { inMemberOrder } from "./member-order.ts";
import { DecodeError, normalize } from "./normalize.ts";

/** What a request's body must be. */
export interface Expected {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** The type of a custom resource; that of the built-in kind unless given. */
  readonly schema?: StructType;
  /**
   * Of a custom resource: brings a parsed object, which is private, into form; in the place of what decoding does with the
   * types of built-in kinds. `unknown` gets the paths of unknown fields. Throws DecodeError.
   */
  coerce?(object: UnknownObject, unknown: string[] | undefined): void;
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

export const PROTOBUF = "application/vnd.kubernetes.protobuf";

/**
 * Decodes a body of any supported media type: `application/json`, `application/yaml` (one document) and, for built-in
 * kinds, `application/vnd.kubernetes.protobuf`, with or without parameters. Throws a StatusError (400); RangeError for a
 * media type that is none of these.
 */
export async function decode(
  body: Uint8Array,
  mediaType: string,
  expected: Expected,
  fieldValidation: FieldValidation,
): Promise<Decoded> {
  const type = mediaType.split(";")[0]!.trim().toLowerCase();
  if (type === "" || type === "application/json") return decodeJson(body, expected, fieldValidation);
  if (type === PROTOBUF) return decodeProtobuf(body, expected);
  if (type !== "application/yaml") throw new RangeError(`no codec for ${mediaType}`);
  const { parseYaml, YamlError } = await import("./yaml.ts");
  try {
    const { value, repeated } = parseYaml(Buffer.from(body).toString());
    const decoded = decodeParsed(value, expected, fieldValidation, { strictErrors: repeated, body });
    return expected.coerce ? decoded : { ...decoded, object: inMemberOrder(decoded.object, schemaFor(expected)) };
  } catch (error) {
    if (error instanceof YamlError) throw unrecognized(expected, error.message, body);
    throw error;
  }
}

/** Nothing can be unknown or repeated there in the sense of field validation. */
async function decodeProtobuf(body: Uint8Array, expected: Expected): Promise<Decoded> {
  const { decodeMessage, openEnvelope, ProtobufError } = await import("./protobuf/protobuf.ts");
  let actual: Kind | undefined;
  try {
    const { apiVersion, kind, raw } = openEnvelope(body);
    actual = actualKind({ apiVersion, kind }, expected);
    checkKind(actual, expected, schemaFor(expected));
    const object = decodeMessage(apiVersionOf(expected), expected.kind, raw);
    return { object: inMemberOrder(object, schemaFor(expected)), warnings: [] };
  } catch (error) {
    if (error instanceof ProtobufError || error instanceof DecodeError) throw refusal(error, actual, expected, body);
    throw error;
  }
}

/** Decodes a value that was parsed already. It is not changed. Throws a StatusError (400) in upstream's words. */
export function decodeParsed(
  value: unknown,
  expected: Expected,
  fieldValidation: FieldValidation,
  from: { writtenKeys?: WrittenKeys; strictErrors?: readonly string[]; body?: Uint8Array } = {},
): Decoded {
  const strict = fieldValidation !== "Ignore";
  const body = () => from.body ?? Buffer.from(JSON.stringify(value) ?? "");
  let actual: Kind | undefined;
  try {
    actual = actualKind(value, expected);
    if (expected.coerce) checkCustomKind(value, actual, expected);
    const { object, strictErrors: found } = decodeAs(value, actual, expected, {
      strict,
      writtenKeys: from.writtenKeys,
    });
    const strictErrors = [...(strict ? (from.strictErrors ?? []) : []), ...found];
    if (strictErrors.length === 0 || fieldValidation !== "Strict") return { object, warnings: strictErrors };
    throw new DecodeError(strictMessage(strictErrors));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw refusal(error, actual, expected, body());
  }
}

/** The 400 for an object that can't be decoded; `actual` is what it says it is, if that could be read. */
function refusal({ message }: Error, actual: Kind | undefined, expected: Expected, body: Uint8Array) {
  if (!actual) return unrecognized(expected, message, body);
  const version = JSON.stringify(actual.version);
  return badRequest(`${actual.kind} in version ${version} cannot be handled as a ${expected.kind}: ${message}`);
}

/** How upstream words the strict errors where they are refused. */
export const strictMessage = (strictErrors: readonly string[]): string =>
  `strict decoding error: ${strictErrors.join(", ")}`;

/**
 * As `decodeParsed`, for callers that word the refusal themselves: throws DecodeError, and a StatusError (400) only for
 * another version of the kind.
 */
export function decodeValue(
  value: unknown,
  expected: Expected,
  options: { strict: boolean; converted?: boolean },
): { object: UnknownObject; strictErrors: readonly string[] } {
  return decodeAs(value, actualKind(value, expected), expected, options);
}

function decodeAs(
  value: unknown,
  actual: Kind,
  expected: Expected,
  options: { strict: boolean; converted?: boolean; writtenKeys?: WrittenKeys },
): { object: UnknownObject; strictErrors: readonly string[] } {
  if (expected.coerce) return decodeCustom(value, expected, options);
  const schema = schemaFor(expected);
  checkKind(actual, expected, schema);
  const result = normalize(value ?? {}, schema, options);
  const object: UnknownObject = result.value === value ? { ...result.value } : (result.value as UnknownObject);
  object.apiVersion = apiVersionOf(expected);
  object.kind = expected.kind;
  return { object, strictErrors: result.strictErrors };
}

/** What fields a custom object has follows from its definition, and whether it is of the kind is left to validation. */
function decodeCustom(
  value: unknown,
  expected: Expected,
  { strict, writtenKeys }: { strict: boolean; writtenKeys?: WrittenKeys },
): { object: UnknownObject; strictErrors: readonly string[] } {
  const object = cloneJson((value ?? {}) as UnknownObject);
  const unknown: string[] = [];
  expected.coerce!(object, strict ? unknown : undefined);
  const strictErrors = [
    ...repeatedFields(value, strict ? writtenKeys : undefined).map((path) => `duplicate field "${path}"`),
    ...unknown.map((path) => `unknown field "${path}"`),
  ];
  return { object, strictErrors };
}

/** Nothing of apiVersion and kind is filled in for custom objects. Throws DecodeError, and a 400 for another version. */
function checkCustomKind(value: unknown, actual: Kind, expected: Expected): void {
  const { apiVersion = "", kind } = (value ?? {}) as UnknownObject;
  if (!kind) throw new DecodeError(`Object 'Kind' is missing in '${JSON.stringify(value)}'`);
  if (apiVersion === apiVersionOf(expected) || actual.kind !== expected.kind) return;
  throw badRequest(
    `the API version in the data (${apiVersion}) does not match the expected API version (${apiVersionOf(expected)})`,
  );
}

function schemaFor(expected: Expected): StructType {
  const schema = expected.schema ?? schemaOf(expected);
  if (!schema) throw new RangeError(`no schema for ${apiVersionOf(expected)} ${expected.kind}`);
  return schema;
}

interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** The kind that the object claims, completed from what is expected. Throws DecodeError where it can't be told. */
function actualKind(value: unknown, expected: Expected): Kind {
  const parseError = "couldn't get version/kind; json parse error: json: cannot unmarshal";
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new DecodeError(
      `${parseError} ${jsonKind(value)} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
    );
  }
  const object = (value ?? {}) as UnknownObject;
  for (const field of ["apiVersion", "kind"] as const) {
    const given: unknown = object[field];
    if (given === undefined || given === null || typeof given === "string") continue;
    throw new DecodeError(`${parseError} ${jsonKind(given)} into Go struct field .${field} of type string`);
  }
  const kind = object.kind || expected.kind;
  if (!object.apiVersion) return { group: expected.group, version: expected.version, kind };
  if (object.apiVersion.split("/").length > 2) {
    throw new DecodeError(`unexpected GroupVersion string: ${object.apiVersion}`);
  }
  return { ...parseApiVersion(object.apiVersion), kind };
}

function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

function checkKind(actual: Kind, expected: Expected, schema: StructType): void {
  const sameGroup = actual.group === expected.group && actual.version === expected.version;
  if (sameGroup && actual.kind === expected.kind) return;
  const known = schemaOf(actual);
  // Kinds that every group version knows, such as DeleteOptions, are one and the same type.
  if (known === schema) return;
  if (!known) {
    throw new DecodeError(
      `no kind ${JSON.stringify(actual.kind)} is registered for version ${JSON.stringify(apiVersionOf(actual))} in scheme "pkg/api/legacyscheme/scheme.go:30"`,
    );
  }
  if (actual.kind === expected.kind && actual.group === expected.group) {
    throw badRequest(
      `the API version in the data (${apiVersionOf(actual)}) does not match the expected API version (${apiVersionOf(expected)})`,
    );
  }
  const internal = `${expected.group === "" ? "core" : expected.group.split(".")[0]}.${expected.kind}`;
  throw new DecodeError(`converting (${actual.version}.${actual.kind}) to (${internal}): unknown conversion`);
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
