/**
 * The OpenAPI v2 document in protobuf, as gnostic's OpenAPIv2.proto has it: what client-go's discovery client, and with it
 * Helm, asks for. Only what the document of this server contains is written.
 */
import { WireWriter } from "../../api/codec/protobuf/wire-writer.ts";
import type { JsonSchema } from "./schemas.ts";

/** How a member is written: a scalar, a message of the table, or one of the forms that the format wraps things in. */
type Form =
  | "string"
  | "bool"
  | "double"
  | "integer"
  /** A boolean in one field of a message, or else another form. */
  | { readonly boolOr: number; readonly otherwise: Form }
  /** Any value, as YAML text (of which JSON is a part). */
  | "any"
  | { readonly message: string }
  | { readonly each: Form }
  /** An object as a list of names and values. */
  | { readonly named: Form }
  /** A message around the value, in one of its fields. */
  | { readonly wrap: Form; readonly field: number };
type Message = Readonly<Record<string, readonly [field: number, form: Form]>>;

const message = (name: string): Form => ({ message: name });
const each = (form: Form): Form => ({ each: form });
const named = (form: Form): Form => ({ named: form });
const wrap = (field: number, form: Form): Form => ({ wrap: form, field });
/** A message whose members are the list in one field. */
const listOf = (field: number, form: Form): Form => wrap(field, named(form));

const PARAMETERS: Form = each(message("ParametersItem"));
/** Messages by name; `x-` stands for all extensions. */
const MESSAGES: Readonly<Record<string, Message>> = {
  Document: {
    swagger: [1, "string"],
    info: [2, message("Info")],
    paths: [8, listOf(2, message("PathItem"))],
    definitions: [9, listOf(1, message("Schema"))],
    parameters: [10, listOf(1, message("Parameter"))],
    security: [12, each(listOf(1, wrap(1, each("string"))))],
    securityDefinitions: [13, listOf(1, wrap(2, message("ApiKeySecurity")))],
  },
  Info: { title: [1, "string"], version: [2, "string"] },
  ApiKeySecurity: { type: [1, "string"], name: [2, "string"], in: [3, "string"], description: [4, "string"] },
  PathItem: {
    get: [2, message("Operation")],
    put: [3, message("Operation")],
    post: [4, message("Operation")],
    delete: [5, message("Operation")],
    options: [6, message("Operation")],
    head: [7, message("Operation")],
    patch: [8, message("Operation")],
    parameters: [9, PARAMETERS],
  },
  Operation: {
    tags: [1, each("string")],
    operationId: [5, "string"],
    produces: [6, each("string")],
    consumes: [7, each("string")],
    parameters: [8, PARAMETERS],
    responses: [9, listOf(1, wrap(1, message("Response")))],
    schemes: [10, each("string")],
    "x-": [13, named("any")],
  },
  ExternalDocs: { description: [1, "string"], url: [2, "string"] },
  Response: { description: [1, "string"], schema: [2, wrap(1, message("Schema"))] },
  JsonReference: { $ref: [1, "string"] },
  BodyParameter: { name: [2, "string"], in: [3, "string"], required: [4, "bool"], schema: [5, message("Schema")] },
  QueryParameter: {
    required: [1, "bool"],
    in: [2, "string"],
    name: [4, "string"],
    type: [6, "string"],
    uniqueItems: [21, "bool"],
  },
  PathParameter: {
    required: [1, "bool"],
    in: [2, "string"],
    name: [4, "string"],
    type: [5, "string"],
    uniqueItems: [19, "bool"],
  },
  Schema: {
    $ref: [1, "string"],
    format: [2, "string"],
    title: [3, "string"],
    description: [4, "string"],
    default: [5, "any"],
    multipleOf: [6, "double"],
    maximum: [7, "double"],
    exclusiveMaximum: [8, "bool"],
    minimum: [9, "double"],
    exclusiveMinimum: [10, "bool"],
    maxLength: [11, "integer"],
    minLength: [12, "integer"],
    pattern: [13, "string"],
    maxItems: [14, "integer"],
    minItems: [15, "integer"],
    uniqueItems: [16, "bool"],
    maxProperties: [17, "integer"],
    minProperties: [18, "integer"],
    required: [19, each("string")],
    enum: [20, each("any")],
    additionalProperties: [21, { boolOr: 2, otherwise: wrap(1, message("Schema")) }],
    type: [22, wrap(1, "string")],
    items: [23, wrap(1, message("Schema"))],
    allOf: [24, each(message("Schema"))],
    properties: [25, listOf(1, message("Schema"))],
    externalDocs: [29, message("ExternalDocs")],
    example: [30, "any"],
    "x-": [31, named("any")],
  },
};

/** The bytes of an OpenAPI v2 document. Throws a RangeError for a member that has no place in the table. */
export function encodeDocument(document: JsonSchema): Uint8Array {
  const writer = new WireWriter();
  writeMembers(writer, "Document", document);
  return writer.take();
}

/** The writer goes backwards: the members are written from the last to the first, each before its tag. */
function writeMembers(writer: WireWriter, name: string, value: JsonSchema): void {
  const fields = MESSAGES[name]!;
  const extensions = Object.entries(value).filter(([key]) => key.startsWith("x-"));
  const members: [number, Form, unknown][] = [];
  for (const [key, member] of Object.entries(value)) {
    if (key.startsWith("x-")) continue;
    const field = fields[key];
    if (!field) throw new RangeError(`no field for ${key} in ${name}`);
    members.push([...field, member]);
  }
  const place = fields["x-"];
  if (extensions.length > 0) {
    if (!place) throw new RangeError(`no extensions in ${name}`);
    members.push([...place, Object.fromEntries(extensions)]);
  }
  members.sort(([a], [b]) => b - a);
  for (const [field, form, member] of members) writeField(writer, field, form, member);
}

function writeField(writer: WireWriter, field: number, form: Form, value: unknown): void {
  if (form === "bool") {
    if (value !== true) return;
    writer.byte(1);
    writer.tag(field << 3);
    return;
  }
  if (form === "double") {
    writer.double(value as number);
    writer.tag((field << 3) | 1);
    return;
  }
  if (form === "integer") {
    writer.int64(value as number);
    writer.tag(field << 3);
    return;
  }
  if (typeof form === "object" && "boolOr" in form) {
    if (typeof value !== "boolean") writeField(writer, field, form.otherwise, value);
    else {
      delimited(writer, field, () => {
        writer.byte(value ? 1 : 0);
        writer.tag(form.boolOr << 3);
      });
    }
    return;
  }
  if (typeof form === "object" && "each" in form) {
    for (const item of (value as unknown[]).toReversed()) writeField(writer, field, form.each, item);
    return;
  }
  if (typeof form === "object" && "named" in form) {
    for (const [name, member] of Object.entries(value as JsonSchema).reverse()) {
      delimited(writer, field, () => {
        writeField(writer, 2, form.named, member);
        writer.string(name);
        writer.tag((1 << 3) | 2);
      });
    }
    return;
  }
  if (form === "string") {
    writer.string(value as string);
    writer.tag((field << 3) | 2);
    return;
  }
  delimited(writer, field, () => {
    if (form === "any") writeField(writer, 2, "string", JSON.stringify(value));
    else if ("wrap" in form) writeField(writer, form.field, form.wrap, value);
    else if (form.message === "ParametersItem") writeParametersItem(writer, value as JsonSchema);
    else if (form.message === "Parameter") writeParameter(writer, value as JsonSchema);
    else writeMembers(writer, form.message, value as JsonSchema);
  });
}

function delimited(writer: WireWriter, field: number, write: () => void): void {
  const end = writer.length;
  write();
  writer.uint32(writer.length - end);
  writer.tag((field << 3) | 2);
}

/** A parameter, or a reference to a shared one. */
function writeParametersItem(writer: WireWriter, value: JsonSchema): void {
  if ("$ref" in value) writeField(writer, 2, message("JsonReference"), value);
  else writeField(writer, 1, message("Parameter"), value);
}

function writeParameter(writer: WireWriter, value: JsonSchema): void {
  if (value.in === "body") writeField(writer, 1, message("BodyParameter"), value);
  else {
    const form = value.in === "path" ? wrap(4, message("PathParameter")) : wrap(3, message("QueryParameter"));
    writeField(writer, 2, form, value);
  }
}
