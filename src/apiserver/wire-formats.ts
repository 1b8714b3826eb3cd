import { schemaOf } from "../api/schema/schema.ts";
import type { Encoding } from "./encoding.ts";

/** The formats beside JSON that answers can be in. Their encoders cost too much to be loaded at start-up. */

/** Whether objects of this kind have a protobuf form: the built-in ones have. */
export function hasProtobuf(type: { group: string; version: string; kind: string }): boolean {
  return schemaOf(type) !== undefined;
}

const completed = new WeakMap<Encoding, Encoding>();

/** Completes what was negotiated with the encoder that it takes; at once where that is loaded. */
export function withEncoder(encoding: Encoding): Encoding | Promise<Encoding> {
  return encoding.format === "json" ? encoding : (completed.get(encoding) ?? loaded(encoding));
}

async function loaded(encoding: Encoding): Promise<Encoding> {
  const complete =
    encoding.format === "protobuf"
      ? { ...encoding, protobuf: await import("../api/codec/protobuf/protobuf.ts") }
      : { ...encoding, yaml: await yamlEncoder() };
  completed.set(encoding, complete);
  return complete;
}

async function yamlEncoder(): Promise<(value: object) => Uint8Array> {
  const { stringify } = await import("../base/yaml.ts");
  return (value) =>
    Buffer.from(stringify(value, { version: "1.1", aliasDuplicateObjects: false, sortMapEntries: true }));
}
