import type { UnknownObject } from "../api/object.ts";
import { notAcceptable } from "../api/status-error.ts";

/** The formats beside JSON that answers can be in. */

/** Whether objects of this kind have a protobuf form. */
export function hasProtobuf(_type: { group: string; version: string; kind: string }): boolean {
  return false;
}

export const encodeProtobuf = {
  object(_object: UnknownObject): Uint8Array {
    throw notAcceptable("protobuf is not supported");
  },
  event(_type: string, _object: UnknownObject): Uint8Array {
    throw notAcceptable("protobuf is not supported");
  },
};

/** Loads the YAML writer, which costs too much to be loaded at start-up. */
export async function yamlEncoder(): Promise<(value: object) => Uint8Array> {
  const { stringify } = await import("../base/yaml.ts");
  return (value) =>
    Buffer.from(stringify(value, { version: "1.1", aliasDuplicateObjects: false, sortMapEntries: true }));
}
