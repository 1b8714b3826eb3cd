import { bodyLength, wholeBody } from "./body.ts";
import type { ApiRequest, Reply } from "./exchange.ts";
import { headerValues, isStream } from "./exchange.ts";

/** As upstream: smaller answers gain nothing worth the time. */
const COMPRESS_FROM_BYTES = 128 * 1024;
/** The fastest level; lists shrink tenfold with it. */
const LEVEL = 1;

/** The reply with its body compressed, where it is a big one to a read and the client takes gzip. */
export async function compressed(request: ApiRequest, reply: Reply): Promise<Reply> {
  const { body } = reply;
  if (body === undefined || isStream(body) || bodyLength(body) < COMPRESS_FROM_BYTES) return reply;
  if (request.method !== "GET" || reply.headers["content-encoding"] !== undefined || !takesGzip(request)) return reply;
  const { gzip } = await import("node:zlib");
  const bytes = await new Promise<Uint8Array>((resolve, reject) => {
    gzip(wholeBody(body), { level: LEVEL }, (error, result) => (error ? reject(error) : resolve(result)));
  });
  const headers = { ...reply.headers, "content-encoding": "gzip", vary: "Accept-Encoding" };
  return { ...reply, headers, body: bytes };
}

function takesGzip(request: ApiRequest): boolean {
  return headerValues(request, "accept-encoding").some((value) =>
    /(^|[\s,])gzip(\s*($|,|;(?!\s*q=0(\.0*)?\s*($|,))))/i.test(value),
  );
}
