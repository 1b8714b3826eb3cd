import { PROTOBUF } from "../../api/codec/decode.ts";
import type { UnknownObject } from "../../api/object.ts";
import { collected, wholeBody } from "../http/body.ts";
import { isChunks, isStream, type Reply } from "../http/exchange.ts";

/** The object that an answer holds, read back from its bytes; undefined where it holds none. */
export async function responseObject({ body, headers }: Reply): Promise<UnknownObject | undefined> {
  if (body === undefined || isStream(body)) return undefined;
  const type = String(headers["content-type"] ?? "")
    .split(";")[0]!
    .trim();
  const bytes = isChunks(body) ? await collected(body) : wholeBody(body);
  if (type === "application/json") return object(JSON.parse(Buffer.from(bytes).toString()));
  if (type === "application/yaml") {
    const { parse } = await import("../../base/yaml.ts");
    return object(parse(Buffer.from(bytes).toString()));
  }
  if (type !== PROTOBUF) return undefined;
  const { decodeMessage, openEnvelope } = await import("../../api/codec/protobuf/protobuf.ts");
  const { apiVersion, kind, raw } = openEnvelope(bytes);
  return { apiVersion, kind, ...(decodeMessage(apiVersion, kind, raw) as object) };
}

const object = (value: unknown) =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as UnknownObject) : undefined;
