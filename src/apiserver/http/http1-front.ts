import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { bodyLength, bufferedBody, smallBody, streamedBody, writeChunks, writeProduced } from "./body.ts";
import { type ApiRequest, isChunks, isStream, parseTarget, type Reply } from "./exchange.ts";
import { withRepeatedHeaders } from "./repeated-headers.ts";
import { type PeerIdentity, RequestLifetime } from "./request-lifetime.ts";

/** A request whose connection may serve others after it: it must be let go of when it has been answered. */
export interface Http1Request extends ApiRequest {
  readonly lifetime: RequestLifetime;
  release(): void;
}

/** Makes a request of an HTTP/1.1 message. Undefined where its target is malformed. */
export function http1Request(
  message: IncomingMessage,
  peer: PeerIdentity,
  upgradable: boolean,
): Http1Request | undefined {
  const url = message.url ?? "/";
  const target = parseTarget(url);
  if (!target) return undefined;
  const lifetime = new RequestLifetime();
  const { socket } = message;
  const onClose = () => lifetime.gone();
  socket.once("close", onClose);
  return {
    method: message.method ?? "GET",
    url,
    path: target.path,
    query: target.query,
    headers: withRepeatedHeaders(message.headers, message.rawHeaders, peer.proxyCertificate !== undefined),
    body: upgradable ? bufferedBody(new Uint8Array()) : streamedBody(message, message.headers["content-length"]),
    get signal() {
      return lifetime.signal;
    },
    protocol: "HTTP/1.1",
    certificate: peer.certificate,
    proxyCertificate: peer.proxyCertificate,
    certificateError: peer.certificateError,
    remoteAddress: peer.remoteAddress,
    upgradable,
    lifetime,
    release() {
      lifetime.answered();
      socket.off("close", onClose);
    },
  };
}

/** Sends `reply`; resolves when all of it was handed to the socket, or the client has gone. */
export async function writeHttp1(response: ServerResponse, reply: Reply, method: string): Promise<void> {
  if (response.destroyed) return;
  const { body } = reply;
  const headers: Record<string, string | string[] | number> = { ...reply.headers };
  if (body === undefined || method === "HEAD") {
    const length = body === undefined || isStream(body) ? undefined : bodyLength(body);
    if (length !== undefined) headers["content-length"] = length;
    response.writeHead(reply.status, headers).end();
    return;
  }
  if (isStream(body)) {
    response.writeHead(reply.status, headers);
    response.flushHeaders();
    await new Promise<void>((resolve) => {
      response.once("close", resolve);
      body.start({
        write: (chunk) => !response.destroyed && response.write(chunk),
        onDrain: (callback) => void response.on("drain", callback),
        onClose: (callback) => (response.destroyed ? callback() : void response.once("close", callback)),
        end: () => void response.end(),
        abort: () => void response.destroy(),
      });
    });
    return;
  }
  const length = bodyLength(body);
  if (length !== undefined) headers["content-length"] = length;
  response.writeHead(reply.status, headers);
  if (isChunks(body)) return writeProduced(response, body);
  const small = smallBody(body);
  if (small) return void response.end(small);
  for (const chunk of writeChunks(body)) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await drained(response);
  }
  response.end();
}

/** Sends a reply that is no upgrade on a connection whose client asked for one, and closes the connection. */
export async function writeRaw(socket: Duplex, reply: Reply): Promise<void> {
  if (socket.destroyed) return;
  const { body } = reply;
  let head = `HTTP/1.1 ${reply.status} ${REASON_PHRASES[reply.status] ?? ""}\r\n`;
  for (const [name, values] of Object.entries(reply.headers)) {
    for (const value of Array.isArray(values) ? values : [values]) head += `${name}: ${value}\r\n`;
  }
  const streamed = isStream(body);
  const length = streamed ? undefined : body ? bodyLength(body) : 0;
  if (length !== undefined) head += `content-length: ${length}\r\n`;
  socket.write(`${head}connection: close\r\n\r\n`);
  if (streamed) {
    await new Promise<void>((resolve) => {
      socket.once("close", resolve);
      body.start({
        write: (chunk) => !socket.destroyed && socket.write(chunk),
        onDrain: (callback) => void socket.on("drain", callback),
        onClose: (callback) => (socket.destroyed ? callback() : void socket.once("close", callback)),
        end: () => void socket.end(),
        abort: () => void socket.destroy(),
      });
    });
    return;
  }
  if (isChunks(body)) return writeProduced(socket, body);
  if (body) for (const chunk of writeChunks(body)) socket.write(chunk);
  socket.end();
}

const REASON_PHRASES: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
  });
}
