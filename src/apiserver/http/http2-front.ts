import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { bodyLength, smallBody, streamedBody, writeChunks, writeProduced } from "./body.ts";
import { type ApiRequest, isChunks, isStream, parseTarget, type Reply } from "./exchange.ts";
import { withRepeatedHeaders } from "./repeated-headers.ts";
import { type PeerIdentity, RequestLifetime } from "./request-lifetime.ts";

/** Makes a request of an HTTP/2 stream; `onReset` is called where the client breaks it off. Undefined where its target is malformed. */
export function http2Request(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders & { ":method"?: string; ":path"?: string; ":authority"?: string },
  raw: readonly string[],
  peer: PeerIdentity,
  onReset: () => void,
): (ApiRequest & { lifetime: RequestLifetime }) | undefined {
  const url = headers[":path"] ?? "/";
  const target = parseTarget(url);
  if (!target) return undefined;
  const lifetime = new RequestLifetime();
  stream.once("close", () => {
    lifetime.gone();
    if (stream.aborted) onReset();
  });
  // A client may take back a stream without calling it an error; Node then waits for somebody to read to its end.
  stream.once("aborted", () => void stream.destroy());
  return {
    method: headers[":method"] ?? "GET",
    url,
    path: target.path,
    query: target.query,
    headers: withRepeatedHeaders(headers as ApiRequest["headers"], raw, peer.proxyCertificate !== undefined),
    body: streamedBody(stream, headers["content-length"]),
    get signal() {
      return lifetime.signal;
    },
    protocol: "HTTP/2.0",
    certificate: peer.certificate,
    proxyCertificate: peer.proxyCertificate,
    certificateError: peer.certificateError,
    remoteAddress: peer.remoteAddress,
    upgradable: false,
    lifetime,
  };
}

/** Sends `reply` on `stream`; resolves when all of it was handed to the stream, or the client has gone. */
export async function writeHttp2(stream: ServerHttp2Stream, reply: Reply, method: string): Promise<void> {
  if (stream.destroyed || stream.closed) return;
  // What was not read of the request must not hold up the stream's end.
  if (!stream.endAfterHeaders) stream.resume();
  const { body } = reply;
  const headers: Record<string, string | string[] | number> = { ...reply.headers, ":status": reply.status };
  if (headers["connection"] === "close") {
    // HTTP/2 has no such header: the client is told to open no more streams, and the connection ends with the last one.
    const { session } = stream;
    stream.once("close", () => session?.close());
  }
  delete headers["connection"];
  if (body === undefined || method === "HEAD") {
    const length = body === undefined || isStream(body) ? undefined : bodyLength(body);
    if (length !== undefined) headers["content-length"] = length;
    stream.respond(headers, { endStream: true });
    return;
  }
  if (isStream(body)) {
    stream.respond(headers);
    await new Promise<void>((resolve) => {
      stream.once("close", resolve);
      body.start({
        write: (chunk) => !stream.destroyed && stream.write(chunk),
        onDrain: (callback) => void stream.on("drain", callback),
        onClose: (callback) => (stream.destroyed ? callback() : void stream.once("close", callback)),
        end: () => void stream.end(),
        abort: (error) => void stream.destroy(error ?? new Error("answer broken off")),
      });
    });
    return;
  }
  const length = bodyLength(body);
  if (length !== undefined) headers["content-length"] = length;
  stream.respond(headers);
  if (isChunks(body)) return writeProduced(stream, body);
  const small = smallBody(body);
  // In one call: of a write before the end, Node would report an error to a stream that is gone by then.
  if (small) return void stream.end(small);
  for (const chunk of writeChunks(body)) {
    if (stream.destroyed) return;
    if (!stream.write(chunk)) await drained(stream);
  }
  stream.end();
}

function drained(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.on("drain", done);
    stream.on("close", done);
  });
}
