import { LENGTH_DELIMITED, ProtobufError, WireReader } from "./wire-reader.ts";

/** What objects begin with when they travel by themselves. */
export const PREFIX: Buffer = Buffer.from("k8s\0");

/** Whether bytes begin as an envelope does. */
export function isEnvelope(bytes: Uint8Array): boolean {
  return bytes.length >= PREFIX.length && PREFIX.compare(bytes, 0, PREFIX.length) === 0;
}

/** An object as it travels by itself: `k8s\0`, then a runtime.Unknown with its kind and its bytes. */
export interface Envelope {
  /** Empty where the sender left it out, as `kind` may be. */
  readonly apiVersion: string;
  readonly kind: string;
  /** The message of the kind. */
  readonly raw: Uint8Array;
}

/** Opens an envelope; `depth` is that of the message around it. Throws ProtobufError. */
export function openEnvelope(bytes: Uint8Array, depth = 0): Envelope {
  if (bytes.length === 0) throw new ProtobufError("empty data");
  if (!isEnvelope(bytes)) {
    throw new ProtobufError(
      `provided data does not appear to be a protobuf message, expected prefix [${[...PREFIX].join(" ")}]`,
    );
  }
  if (bytes.length === PREFIX.length) throw new ProtobufError("empty body");
  const reader = new WireReader(bytes.subarray(PREFIX.length), depth);
  let apiVersion = "";
  let kind = "";
  let raw: Uint8Array = new Uint8Array();
  while (reader.more) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | LENGTH_DELIMITED)) {
      const outer = reader.enter();
      while (reader.more) {
        const inner = reader.tag();
        if (inner === ((1 << 3) | LENGTH_DELIMITED)) apiVersion = reader.string();
        else if (inner === ((2 << 3) | LENGTH_DELIMITED)) kind = reader.string();
        else reader.skip(inner);
      }
      reader.leave(outer);
    } else if (tag === ((2 << 3) | LENGTH_DELIMITED)) raw = reader.bytes();
    else reader.skip(tag);
  }
  return { apiVersion, kind, raw };
}
