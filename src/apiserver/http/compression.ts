import type { Gzip } from "node:zlib";
import { bodyLength, wholeBody } from "./body.ts";
import type { ApiRequest, BodyChunks, Reply } from "./exchange.ts";
import { headerValues, isChunks, isStream } from "./exchange.ts";

/** As upstream: smaller answers gain nothing worth the time. */
export const COMPRESS_FROM_BYTES = 128 * 1024;
/** The fastest level; lists shrink tenfold with it. */
const LEVEL = 1;

/** Whether a reply has a big body, is one to a read, and the client takes gzip. */
export function isWorthCompressing(request: ApiRequest, { body, headers }: Reply): boolean {
  if (body === undefined || isStream(body)) return false;
  if ((bodyLength(body) ?? COMPRESS_FROM_BYTES) < COMPRESS_FROM_BYTES) return false;
  return request.method === "GET" && headers["content-encoding"] === undefined && takesGzip(request);
}

/** The reply with its body compressed. */
export async function compressed(reply: Reply): Promise<Reply> {
  const { body } = reply;
  if (body === undefined || isStream(body)) return reply;
  const { createGzip, gzip } = await import("node:zlib");
  const headers = { ...reply.headers, "content-encoding": "gzip", vary: "Accept-Encoding" };
  if (isChunks(body)) {
    const chunks = () => through(createGzip({ level: LEVEL }), body);
    return { ...reply, headers, body: { length: undefined, [Symbol.asyncIterator]: chunks } };
  }
  const bytes = await new Promise<Uint8Array>((resolve, reject) => {
    gzip(wholeBody(body), { level: LEVEL }, (error, result) => (error ? reject(error) : resolve(result)));
  });
  return { ...reply, headers, body: bytes };
}

/** What comes out of `gzip` for `body`. It works on another thread, and on one chunk at a time. */
async function* through(gzip: Gzip, body: BodyChunks): AsyncGenerator<Uint8Array, void> {
  let out: Uint8Array[] = [];
  let failed: Error | undefined;
  gzip.on("data", (bytes: Buffer) => out.push(bytes));
  gzip.on("error", (error) => {
    failed = error;
  });
  const settled = (act: (done: () => void) => void) => new Promise<void>(act);
  try {
    for await (const chunk of body) {
      await settled((done) => gzip.write(chunk, () => done()));
      if (failed) throw failed;
      const ready = out;
      out = [];
      if (ready.length > 0) yield Buffer.concat(ready);
    }
    await settled((done) => gzip.once("end", done).end());
    if (failed) throw failed;
    yield Buffer.concat(out);
  } finally {
    gzip.destroy();
  }
}

function takesGzip(request: ApiRequest): boolean {
  return headerValues(request, "accept-encoding").some((value) =>
    /(^|[\s,])gzip(\s*($|,|;(?!\s*q=0(\.0*)?\s*($|,))))/i.test(value),
  );
}
