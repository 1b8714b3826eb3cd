import { internalError, StatusError } from "../api/status-error.ts";
import { contentType, type Encoding, negotiate } from "./encoding.ts";
import type { ApiRequest, Reply } from "./http/exchange.ts";
import { retryHeaders } from "./http/status-reply.ts";
import { encodeValue } from "./object-encoder.ts";
import { withEncoder } from "./wire-formats.ts";

/** An error as an answer: its Status, in the format that the client prefers. What is no StatusError becomes a 500. */
export async function errorReply(error: unknown, request: ApiRequest): Promise<Reply> {
  const { code, status } = error instanceof StatusError ? error : internalError(error);
  const encoding = await withEncoder(encodingOf(request));
  return {
    status: code,
    headers: { "content-type": contentType(encoding), ...retryHeaders(status) },
    body: encodeValue(status, encoding),
  };
}

/** JSON where the client accepts nothing that a Status can be in. */
function encodingOf(request: ApiRequest): Encoding {
  try {
    return negotiate(request, { protobuf: true, as: [] });
  } catch (error) {
    if (error instanceof StatusError) return { format: "json", shape: "object", metaVersion: "v1", pretty: false };
    throw error;
  }
}
