import { schemaOf } from "../api/schema/schema.ts";
import type { Encoding } from "./encoding.ts";

/** The formats beside JSON that answers can be in. Their encoders cost too much to be loaded at start-up. */

/** Whether objects of this kind have a protobuf form: the built-in ones have. */
export function hasProtobuf(type: { group: string; version: string; kind: string }): boolean {
  return schemaOf(type) !== undefined;
}

/** Completes what was negotiated with the encoder that it takes. */
export async function withEncoder(encoding: Encoding): Promise<Encoding> {
  if (encoding.format === "protobuf") {
    return { ...encoding, protobuf: await import("../api/codec/protobuf/protobuf.ts") };
  }
  return encoding.format === "yaml" ? { ...encoding, yaml: await yamlEncoder() } : encoding;
}

async function yamlEncoder(): Promise<(value: object) => Uint8Array> {
  const { stringify } = await import("../base/yaml.ts");
  return (value) =>
    Buffer.from(stringify(value, { version: "1.1", aliasDuplicateObjects: false, sortMapEntries: true }));
}
