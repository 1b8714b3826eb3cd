import { type Leaf, type MessageField, messageNameOf, messageType, type ValueType } from "./message-type.ts";

/**
 * The object of a kind whose every field is set, by the rule that upstream's golden encodings (k8s.io/api/testdata) are
 * made by: a text is the field's name and "Value", a number the field's number, a list or map has one element.
 */
export function goldenObject(apiVersion: string, kind: string): Record<string, unknown> {
  const message = messageNameOf(apiVersion, kind);
  if (message === undefined) throw new RangeError(`no message of ${apiVersion} ${kind}`);
  return { kind, apiVersion, ...filled(message, []) };
}

function filled(message: string, within: readonly string[]): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const field of messageType(message).fields) {
    const value = elementOf(field, [...within, message]);
    if (field.inline) Object.assign(object, value);
    else if (field.repetition === "list") object[field.name] = [value];
    else object[field.name] = field.repetition === "map" ? { [`${field.name}Key`]: value } : value;
  }
  return object;
}

function elementOf({ name, number, type, repetition }: MessageField, within: readonly string[]): unknown {
  if (type.kind === "leaf") {
    // Upstream's rule for times is one for pointers, which the values of maps are not.
    return repetition === "map" && type.leaf === "time" ? null : leafValue(type.leaf, name, number);
  }
  const { message } = type as Exclude<ValueType, { kind: "leaf" }>;
  // A type inside itself stays empty, so that the object comes to an end.
  return within.includes(message) ? {} : filled(message, within);
}

function leafValue(leaf: Leaf, name: string, number: number): unknown {
  switch (leaf) {
    case "string":
    case "intOrString":
      return `${name}Value`;
    case "boolean":
      return true;
    case "int32":
    case "int64":
      return number;
    case "double":
      return number + 0.5;
    case "bytes":
      return Buffer.from([number]).toString("base64");
    case "time":
      return `${2000 + number}-01-01T01:01:01Z`;
    case "microTime":
      return `${2000 + number}-01-01T01:01:01.${String(number).padStart(6, "0")}Z`;
    case "quantity":
      return "0";
    case "rawExtension":
      return {
        apiVersion: "example.com/v1",
        kind: "CustomType",
        spec: { replicas: 1 },
        status: { available: 1 },
      };
    case "json":
      return {};
    case "strings":
      return [`${name.replace(/s$/, "")}Value`];
    default:
      throw new RangeError(`no golden value for ${name}`);
  }
}
