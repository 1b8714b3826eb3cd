import type { IncomingMessage, ServerResponse } from "node:http";
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { badRequest } from "../../api/status-error.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Network } from "../../base/network.ts";
import type { ApiRequest, Handler, Reply } from "./exchange.ts";
import { http1Request, writeHttp1, writeRaw } from "./http1-front.ts";
import { http2Request, writeHttp2 } from "./http2-front.ts";
import { peerIdentities } from "./peer-identity.ts";
import { namedContexts, secureContext } from "./secure-contexts.ts";
import { statusReply } from "./status-reply.ts";
import { RESET_LIMITS, type ResetLimits, resetObserver } from "./stream-resets.ts";
import type { TlsVersion } from "./tls-settings.ts";

/** As Go's server: the headers of one request together. */
export const MAX_HEADER_BYTES = 1024 * 1024;
/** How long a client may take for its request's headers, and for a whole request, body included. */
export const HEADERS_TIMEOUT_MS = 32_000;
export const REQUEST_TIMEOUT_MS = 120_000;
/** An HTTP/1.1 connection without a request is closed after so long. */
export const KEEP_ALIVE_TIMEOUT_MS = 180_000;
/** How long a TLS handshake may take. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Silence on a connection after which the other side is asked whether it is still there. */
const TCP_KEEP_ALIVE_MS = 30_000;
/** Streams on one HTTP/2 connection: enough for all watches of a component. The limits on requests in flight protect the server. */
export const MAX_CONCURRENT_STREAMS = 1000;
/** Node refuses new streams while a session holds more than this many MB: room for several big lists. */
const SESSION_MEMORY_MB = 256;

/** What the server shows of itself, and whom it trusts. */
export interface TlsMaterial {
  /** PEM, with the chain. */
  certificate: string | Buffer;
  /** PEM. */
  key: string | Buffer;
  /** PEM of the CAs that client certificates are verified against. Absent: certificates are not asked for. */
  clientCa?: string | Buffer;
  /** PEM of the CAs of proxies that say in headers for whom they speak. */
  requestHeaderCa?: string;
  /** Further certificates: for these names (`*.` for one label), or where there are none, for those in them. */
  sni?: readonly { certificate: string; key: string; names: readonly string[] }[];
}

export interface ListenOptions extends TlsMaterial {
  /** Absent: all addresses, IPv4 and IPv6. */
  host?: string;
  /** 0 takes a free one. */
  port: number;
  /** Default: TLSv1.2. */
  minVersion?: TlsVersion;
  /** OpenSSL's list. Default: Node's. */
  ciphers?: string;
  /** Default: MAX_CONCURRENT_STREAMS. */
  maxStreams?: number;
  /** Default: RESET_LIMITS. */
  resets?: ResetLimits;
}

export interface Listener {
  readonly address: AddressInfo;
  /** Uses another certificate, and other CAs, for connections from now on. Throws for what can't be used. */
  update(material: TlsMaterial): void;
  /** Takes no new connections, ends idle ones, and resolves when all are gone; after `graceMs` they are broken off. */
  close(graceMs: number): Promise<void>;
}

/** Serves `handler` over TLS with HTTP/2 and HTTP/1.1 on one port. Rejects where the port can't be had. */
export async function listen(
  handler: Handler,
  options: ListenOptions,
  {
    network,
    clock,
    logger,
    onHandshakeError = () => {},
  }: { network: Network; clock: Clock; logger: Logger; onHandshakeError?: () => void },
): Promise<Listener> {
  let peerOf = peerIdentities(options);
  const { minVersion = "TLSv1.2", ciphers, maxStreams = MAX_CONCURRENT_STREAMS, resets = RESET_LIMITS } = options;
  const onReset = resetObserver(resets, { clock, logger });
  const secured = (material: TlsMaterial) => ({
    ...secureContext(material),
    minVersion,
    ...(ciphers ? { ciphers } : {}),
  });
  let named = namedContexts(options, secured, network);
  const server = network.http2.createSecureServer({
    ...secured(options),
    allowHTTP1: true,
    requestCert: (options.clientCa ?? options.requestHeaderCa) !== undefined,
    rejectUnauthorized: false,
    SNICallback: (name, done) => done(null, named(name)),
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxSessionMemory: SESSION_MEMORY_MB,
    streamResetBurst: resets.burst,
    streamResetRate: resets.perSecond,
    settings: { maxConcurrentStreams: maxStreams, maxHeaderListSize: MAX_HEADER_BYTES },
    ...({
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    } as object),
  });
  /** Requests being served, by connection; those of HTTP/2 are not counted, as its sessions end gracefully by themselves. */
  const sockets = new Map<Socket, number>();
  const sessions = new Set<ServerHttp2Session>();
  let closing = false;

  const serveHttp1 = async (message: IncomingMessage, response: ServerResponse) => {
    const { socket } = message;
    const request = http1Request(message, peerOf(socket as TLSSocket), false);
    sockets.set(socket, (sockets.get(socket) ?? 0) + 1);
    if (closing) response.setHeader("connection", "close");
    let reply: Reply | undefined;
    try {
      reply = await answer(handler, request);
      await writeHttp1(response, reply, message.method ?? "GET");
    } finally {
      reply?.sent?.();
      request?.release();
      const left = (sockets.get(socket) ?? 1) - 1;
      if (sockets.has(socket)) sockets.set(socket, left);
      if (closing && left === 0) socket.end();
    }
  };
  const serveUpgrade = async (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    sockets.set(message.socket, Number.POSITIVE_INFINITY);
    const request = http1Request(message, peerOf(message.socket as TLSSocket), true);
    const reply = await answer(handler, request);
    try {
      if (reply.upgrade) reply.upgrade(socket, head);
      else await writeRaw(socket, reply);
    } finally {
      reply.sent?.();
    }
  };
  const serveHttp2 = async (
    stream: ServerHttp2Stream,
    headers: Parameters<typeof http2Request>[1],
    raw: readonly string[],
  ) => {
    const session = stream.session!;
    const peer = peerOf(session.socket as unknown as TLSSocket);
    const request = http2Request(stream, headers, raw, peer, () => onReset(session));
    const reply = await answer(handler, request);
    try {
      await writeHttp2(stream, reply, headers[":method"] ?? "GET");
    } finally {
      reply.sent?.();
    }
    request?.lifetime.answered();
  };
  const guard = (promise: Promise<void>, destroy: () => void) =>
    promise.catch((error) => {
      logger.error("writing an answer failed", { error });
      destroy();
    });

  server.on("request", (message, response) => {
    const plain = response as unknown as ServerResponse;
    plain.on("error", () => plain.destroy());
    void guard(serveHttp1(message as unknown as IncomingMessage, plain), () => plain.destroy());
  });
  // A "request" listener makes Node wrap HTTP/2 streams in its compatibility layer, which costs a quarter of the rate.
  server.removeAllListeners("stream");
  const untyped = server as unknown as UntypedEvents;
  untyped.on("stream", (stream, headers, _flags, raw) => {
    stream.on("error", () => {});
    void guard(serveHttp2(stream, headers, raw), () => stream.destroy());
  });
  untyped.on(
    "upgrade",
    (message, socket, head) => void guard(serveUpgrade(message, socket, head), () => socket.destroy()),
  );
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => session.destroy());
    session.on("close", () => sessions.delete(session));
  });
  server.on("secureConnection", (socket) => {
    // A client that vanished without a word is found out in time.
    socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    sockets.set(socket, socket.alpnProtocol === "h2" ? Number.POSITIVE_INFINITY : 0);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", (error) => {
    onHandshakeError();
    logger.debug("TLS handshake failed", { error });
  });
  server.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
    else socket.destroy();
  });

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: options.host, port: options.port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  server.on("error", (error) => logger.error("listening socket failed", { error }));

  return {
    address: server.address() as AddressInfo,
    update(material) {
      const identities = peerIdentities(material);
      const contexts = namedContexts(material, secured, network);
      server.setSecureContext(secured(material));
      named = contexts;
      peerOf = identities;
    },
    close(graceMs) {
      closing = true;
      return new Promise((resolve) => {
        const timer = clock.after(graceMs, () => {
          for (const session of sessions) session.destroy();
          for (const socket of sockets.keys()) socket.destroy();
        });
        server.close(() => {
          timer.cancel();
          resolve();
        });
        for (const session of sessions) session.close();
        for (const [socket, requests] of sockets) if (requests === 0) socket.end();
      });
    },
  };
}

/** What the server emits beside what its type tells of. */
interface UntypedEvents {
  on(event: "upgrade", listener: (message: IncomingMessage, socket: Duplex, head: Buffer) => void): void;
  on(
    event: "stream",
    listener: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, raw: string[]) => void,
  ): void;
}

async function answer(handler: Handler, request: ApiRequest | undefined): Promise<Reply> {
  if (!request) return statusReply(badRequest("malformed request target"));
  return handler(request);
}
